/* SPDX-License-Identifier: MIT */
/* Which place is the idle one, and which is work: on made-up traces. */
#include "analyze/stalls/idle_tell.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/stall_made.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct maker_frame main_wait = {"main", "/x/app.py", 50, 52, 0};
static const struct maker_frame main_work = {"main", "/x/app.py", 50, 53, 0};
static const struct maker_frame next_job = {"next_job", "/x/app.py", 60, 61, 0};
static const struct maker_frame receive = {"receive", "/x/app.py", 62, 63, 0};
static const struct maker_frame job = {"job", "/x/app.py", 70, 71, 0};

static const char *place_function(const struct made *made, size_t i)
{
    const struct idle_thread *const t = main_thread(made);
    ck_assert_uint_lt(i, t->n_all);
    return scene_frame(&made->scene, t->places[i].node).function;
}

/* However often it freezes, and whatever it freezes in: the loop's own wait is the idle place. */
START_TEST(freezes_do_not_become_idle)
{
    static const char *const calls[] = {"clock_nanosleep", "poll", "futex", "read"};
    struct made made;
    made_open(&made, "often.trace");
    const uint32_t idle = STACK(&made, &module, &main_wait);
    const uint32_t work = STACK(&made, &module, &main_work, &job);
    const unsigned n_freezes = _i / 4 == 0 ? 1 : _i / 4 == 1 ? 3 : 20;
    for (unsigned i = 0; i < n_freezes; i++) {
        for (int k = 0; k < 3; k++) /* it wakes up now and then */
            go(&made, 6, idle, BLOCKED, "clock_nanosleep");
        go(&made, 50, work, BLOCKED, calls[_i % 4]);
    }
    go(&made, 10, idle, BLOCKED, "clock_nanosleep");
    made_read(&made, NULL);
    ck_assert_uint_eq(main_thread(&made)->n_places, 1);
    ck_assert_str_eq(place_function(&made, 0), "main");
    ck_assert_uint_eq(main_thread(&made)->places[0].visits, 3 * n_freezes + 1);
    ck_assert_uint_eq(made.stalls.n, n_freezes);
    for (unsigned i = 0; i < n_freezes; i++)
        check_length(&made.stalls.list[i], 50);
    made_close(&made);
}
END_TEST

/* A job is waited for, done, waited for: both waits look alike, until the user names one. */
START_TEST(two_readings)
{
    static const struct {
        const char *name;
        size_t n_places, n_stalls; /* the last job hangs to the end */
    } named[] = {
        {NULL, 0, 0},          {"next_job", 1, 6}, {"receive", 1, 6}, {"app.py:next_job", 1, 6},
        {"x/app.py:63", 1, 6}, {"recv", 1, 6},     {"job", 1, 5},     {"sleep", 1, 5}};
    struct made made;
    made_open(&made, "readings.trace");
    const uint32_t wait = STACK(&made, &module, &main_wait, &next_job, &receive);
    const uint32_t work = STACK(&made, &module, &main_work, &job);
    for (int i = 0; i < 6; i++) {
        go(&made, 30, wait, BLOCKED, "recvfrom");
        go(&made, 50, work, BLOCKED, "clock_nanosleep");
    }
    made_read(&made, named[_i].name);
    ck_assert_uint_eq(main_thread(&made)->n_places, named[_i].n_places);
    if (_i == 0) {
        ck_assert_int_eq(main_thread(&made)->doubt, IDLE_TWO_READINGS);
        ck_assert_uint_eq(main_thread(&made)->n_candidates, 2);
    }
    ck_assert_uint_eq(made.stalls.n, named[_i].n_stalls);
    made_close(&made);
}
END_TEST

/* One wait, in a function of the program's own: it may be work, unless it is too short to hide any.
 */
START_TEST(wrapped_wait)
{
    struct made made;
    made_open(&made, "wrapped.trace");
    for (int i = 0; i < 5; i++) {
        go(&made, _i == 0 ? 12 : 25, STACK(&made, &module, &main_wait, &next_job), BLOCKED, "poll");
        go(&made, 30, STACK(&made, &module, &main_work, &job), ON_CPU, NULL);
    }
    go(&made, 10, STACK(&made, &module, &main_wait, &next_job), BLOCKED, "poll");
    made_read(&made, NULL);
    ck_assert_uint_eq(main_thread(&made)->n_places, _i == 0);
    ck_assert_uint_eq(made.stalls.n, _i == 0 ? 5 : 0);
    if (_i == 1)
        ck_assert_int_eq(main_thread(&made)->doubt, IDLE_HIDDEN);
    made_close(&made);
}
END_TEST

/*
 * A function that is never seen to do anything but wait: that may be a loop with nothing to do, or
 * the work of one whose own wait is never seen. Short waits hide no stall; another line, or a
 * callee, shows that it is one call.
 */
START_TEST(waits_only)
{
    static const struct maker_frame job_again = {"job", "/x/app.py", 70, 75, 0};
    struct made made;
    made_open(&made, "only.trace");
    const uint32_t wait = STACK(&made, &module, &main_work, &job);
    const uint32_t other = _i == 2   ? STACK(&made, &module, &main_work, &job, &receive)
                           : _i == 3 ? STACK(&made, &module, &main_work, &job_again)
                                     : wait;
    go(&made, 2, STACK(&made, &module), ON_CPU, NULL);
    for (int i = 0; i < 6; i++) {
        go(&made, _i == 1 ? 10 : 50, wait, BLOCKED, "clock_nanosleep");
        go(&made, 1, other, ON_CPU, NULL);
    }
    go(&made, 5, wait, BLOCKED, "clock_nanosleep");
    made_read(&made, NULL);
    ck_assert_uint_eq(main_thread(&made)->n_places, _i != 0);
    ck_assert_uint_eq(made.stalls.n, 0);
    if (_i == 0)
        ck_assert_int_eq(main_thread(&made)->doubt, IDLE_HIDDEN);
    made_close(&made);
}
END_TEST

/* A place that comes back to nothing else cannot be one. */
START_TEST(nothing_around)
{
    struct made made;
    made_open(&made, "nothing.trace");
    go(&made, 300, STACK(&made, &module, &main_wait), BLOCKED, "futex");
    made_read(&made, _i == 0 ? NULL : "main");
    ck_assert_uint_eq(main_thread(&made)->n_places, 0);
    ck_assert_int_eq(main_thread(&made)->doubt, _i == 0 ? IDLE_NO_RETURN : IDLE_NOT_AROUND);
    made_close(&made);
}
END_TEST

/* A loop that polls inside of the work is part of the work. */
START_TEST(work_that_polls)
{
    struct made made;
    static const struct maker_frame job_checks = {"job", "/x/app.py", 70, 72, 0};
    made_open(&made, "polls.trace");
    const uint32_t idle = STACK(&made, &module, &main_wait);
    const uint32_t wait = STACK(&made, &module, &main_work, &job);
    const uint32_t check = STACK(&made, &module, &main_work, &job_checks);
    for (int i = 0; i < 5; i++) {
        go(&made, 5, idle, BLOCKED, "clock_nanosleep");
        go(&made, 5, idle, BLOCKED, "clock_nanosleep");
        for (int k = 0; k < 10; k++) {
            go(&made, 3, wait, BLOCKED, "clock_nanosleep");
            go(&made, 1, check, ON_CPU, NULL);
        }
    }
    go(&made, 5, idle, BLOCKED, "clock_nanosleep");
    made_read(&made, NULL);
    ck_assert_uint_eq(main_thread(&made)->n_places, 1);
    ck_assert_str_eq(place_function(&made, 0), "main");
    ck_assert_uint_eq(made.stalls.n, 5);
    check_length(&made.stalls.list[0], 40);
    made_close(&made);
}
END_TEST

/*
 * Entered again and again, from one line (0) it is one loop; from two lines (1) it is two, and what
 * is between them nobody's. Of what enters it, the last turn is like those before (2), also when
 * nothing enters it any more.
 */
START_TEST(entered_again)
{
    struct made made;
    static const struct maker_frame module_45 = {"<module>", "/x/app.py", 1, 45, 0};
    made_open(&made, "again.trace");
    const uint32_t idle = STACK(&made, &module, &once, &selecting);
    const uint32_t other = STACK(&made, &module_9, &once, &selecting);
    const uint32_t between = STACK(&made, &module_9), after = STACK(&made, &module_45);
    for (int i = 0; i < 4; i++) {
        go(&made, 10, _i == 1 && i > 1 ? other : idle, BLOCKED, "epoll_wait");
        go(&made, i == 1 ? 50 : 1, _i == 1 && i == 1 ? after : between, BLOCKED, "clock_nanosleep");
    }
    go(&made, 10, _i == 1 ? other : idle, BLOCKED, "epoll_wait");
    if (_i == 2)
        go(&made, 50, between, BLOCKED, "clock_nanosleep");
    go(&made, 50, after, ON_CPU, NULL); /* it has ended */
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, _i == 1 ? 0 : _i == 2 ? 2 : 1);
    for (size_t i = 0; i < made.stalls.n; i++) {
        check_length(&made.stalls.list[i], 50);
        ck_assert(!made.stalls.list[i].several && !made.stalls.list[i].open);
        ck_assert_uint_eq(entry_ns(&made, &made.stalls.list[i], STALL_TREE, "<module>"),
                          made.stalls.list[i].wall_ns);
    }
    made_close(&made);
}
END_TEST

/* The loop's own frame does the work: told with its line. */
START_TEST(works_itself)
{
    struct made made;
    made_open(&made, "itself.trace");
    for (int i = 0; i < 4; i++) {
        go(&made, 10, STACK(&made, &module, &main_wait), BLOCKED, "clock_nanosleep");
        go(&made, 30, STACK(&made, &module, &main_work), ON_CPU, NULL);
    }
    go(&made, 10, STACK(&made, &module, &main_wait), BLOCKED, "clock_nanosleep");
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 4);
    ck_assert_uint_eq(entry_ns(&made, &made.stalls.list[0], STALL_TREE, "main"),
                      made.stalls.list[0].wall_ns);
    ck_assert_uint_eq(entry_ns(&made, &made.stalls.list[0], STALL_TREE, "<module>"), 0);
    made_close(&made);
}
END_TEST

/* A dialog of Qt, in which slots are called from the line that waits: idle, the slot is the stall.
 */
START_TEST(dialog_in_c)
{
    struct made made;
    static const struct maker_frame slot = {"slot", "/x/app.py", 80, 81, 0};
    made_open(&made, "dialog.trace");
    const uint32_t idle = STACK(&made, &module, &main_wait);
    const uint32_t dialog = STACK(&made, &module, &main_wait, &handler);
    const uint32_t work = STACK(&made, &module, &main_wait, &handler, &slot);
    for (int i = 0; i < 3; i++) {
        go(&made, 10, idle, BLOCKED, "poll");
        go(&made, 1, STACK(&made, &module, &main_wait, &job), ON_CPU, NULL);
    }
    go(&made, 10, idle, BLOCKED, "poll");
    for (int i = 0; i < 3; i++) {
        go(&made, 20, dialog, BLOCKED, "poll");
        go(&made, i == 1 ? 35 : 1, work, BLOCKED, "clock_nanosleep");
    }
    go(&made, 20, dialog, BLOCKED, "poll");
    go(&made, 10, idle, BLOCKED, "poll");
    made_read(&made, NULL);
    ck_assert_uint_eq(main_thread(&made)->n_places, 2);
    ck_assert_uint_eq(made.stalls.n, 1);
    check_length(&made.stalls.list[0], 35);
    made_close(&made);
}
END_TEST

/* A dialog in which a slot froze, opened twice in a program that waits much longer elsewhere. */
START_TEST(dialog_of_many)
{
    struct made made;
    static const struct maker_frame slot = {"slot", "/x/app.py", 80, 81, 0};
    made_open(&made, "dialogs.trace");
    const uint32_t idle = STACK(&made, &module, &main_wait);
    const uint32_t dialog = STACK(&made, &module, &main_wait, &handler);
    const uint32_t work = STACK(&made, &module, &main_wait, &handler, &slot);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 10; k++) {
            go(&made, 90, idle, BLOCKED, "poll");
            go(&made, 1, STACK(&made, &module, &main_wait, &job), ON_CPU, NULL);
        }
        go(&made, 30, dialog, BLOCKED, "poll");
        go(&made, 25, work, BLOCKED, "clock_nanosleep");
        go(&made, 30, dialog, BLOCKED, "poll");
    }
    go(&made, 10, idle, BLOCKED, "poll");
    made_read(&made, NULL);
    ck_assert_uint_eq(main_thread(&made)->n_places, 2);
    ck_assert_uint_eq(made.stalls.n, 2);
    check_length(&made.stalls.list[0], 25);
    check_length(&made.stalls.list[1], 25);
    made_close(&made);
}
END_TEST

/* `parse(receive())` below a loop in C: where the columns are known, it is no loop in C as well. */
START_TEST(two_calls_of_a_line)
{
    struct made made;
    static const struct maker_frame parse = {"parse", "/x/app.py", 90, 91, 0};
    static const struct maker_frame receives = {"load", "/x/app.py", 70, 71, MAKER_COLUMNS(13, 22)};
    static const struct maker_frame parses = {"load", "/x/app.py", 70, 71, MAKER_COLUMNS(7, 23)};
    made_open(&made, "two_calls.trace");
    const uint32_t idle = STACK(&made, &module, &main_wait);
    const uint32_t receiving = STACK(&made, &module, &main_wait, &job, &receives);
    const uint32_t parsing = STACK(&made, &module, &main_wait, &job, &parses, &parse);
    for (int i = 0; i < 3; i++) {
        go(&made, 20, idle, BLOCKED, "poll");
        go(&made, 1, STACK(&made, &module, &main_wait, &job), ON_CPU, NULL);
        go(&made, 20, idle, BLOCKED, "poll");
        for (int k = 0; k < 4; k++) {
            go(&made, 8, receiving, BLOCKED, "poll");
            go(&made, 4, parsing, ON_CPU, NULL);
        }
    }
    go(&made, 20, idle, BLOCKED, "poll");
    made_read(&made, NULL);
    ck_assert_uint_eq(main_thread(&made)->n_places, 1);
    ck_assert_uint_eq(made.stalls.n, 3);
    check_length(&made.stalls.list[0], 48);
    made_close(&made);
}
END_TEST

/* A loop that has ended: what comes then is no stall of its own. 0: greenlets, 1: gunicorn. */
START_TEST(ended_loop)
{
    static const struct maker_frame hub = {"BaseHub.run", "/x/eventlet/hubs/hub.py", 1, 9, 0};
    static const struct maker_frame polls = {"Hub.wait", "/x/eventlet/hubs/poll.py", 1, 9, 0};
    static const struct maker_frame run = {"Arbiter.run", "/x/gunicorn/arbiter.py", 1, 9, 0};
    static const struct maker_frame sleeps = {"Arbiter.sleep", "/x/gunicorn/arbiter.py", 50, 52, 0};
    static const struct maker_frame ended = {"Arbiter.run", "/x/gunicorn/arbiter.py", 1, 30, 0};
    static const struct maker_frame halt = {"Arbiter.halt", "/x/gunicorn/arbiter.py", 70, 72, 0};
    struct made made;
    made_open(&made, "ended.trace");
    const uint32_t idle =
        _i == 0 ? STACK(&made, &hub, &polls) : STACK(&made, &module, &run, &sleeps);
    const uint32_t work = _i == 0 ? STACK(&made, &handler) : STACK(&made, &module, &run, &handler);
    for (int i = 0; i < 4; i++) {
        go(&made, 20, idle, BLOCKED, "select");
        go(&made, i == 1 ? 30 : 1, work, BLOCKED, "clock_nanosleep");
    }
    go(&made, 20, idle, BLOCKED, "select");
    go(&made, 40, _i == 0 ? 0 : STACK(&made, &module, &ended, &halt), _i == 0 ? ON_CPU : BLOCKED,
       _i == 0 ? NULL : "clock_nanosleep");
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 1);
    check_length(&made.stalls.list[0], 30);
    made_close(&made);
}
END_TEST

/* What could not be looked at is neither idle nor a stall. */
START_TEST(unknown_is_not_idle)
{
    struct made made;
    made_open(&made, "unknown.trace");
    const uint32_t idle = STACK(&made, &module, &once, &selecting);
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    go(&made, 40, idle, UNKNOWN, NULL);
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 0);
    ck_assert_uint_eq(main_thread(&made)->unknown_ns, 400000000);
    ck_assert_uint_eq(main_thread(&made)->places[0].blocked_ns, 200000000);
    made_close(&made);
}
END_TEST

/* Loops known by name, and what they let work: asyncio, uvloop, tkinter. */
static const struct maker_frame run_main = {"Runner.run", "/usr/lib/python3.11/asyncio/runners.py",
                                            86, 118, 0};
static const struct maker_frame mainloop = {
    "Misc.mainloop", "/usr/lib/python3.11/tkinter/__init__.py", 1485, 1486, 0};
static const struct maker_frame wrapper = {
    "CallWrapper.__call__", "/usr/lib/python3.11/tkinter/__init__.py", 1946, 1948, 0};
static uint32_t busy_stack(struct made *made, int loop, const struct maker_frame *work,
                           const struct maker_frame *below)
{
    if (loop == 0)
        return STACK(made, &module, &run_main, &once_run, &handle, work, below);
    if (loop == 1)
        return STACK(made, &module, &run_main, work, below);
    return STACK(made, &module, &mainloop, &wrapper, work, below);
}

static uint64_t unsure_times(const struct made *made)
{
    uint64_t ns;
    return stalls_unsure(&made->stalls, main_thread(made)->thread, &ns);
}

/* Never idle, one callback or many: not told as stalls, nor as none. Waits in it are stalls. */
START_TEST(never_waits)
{
    static const struct maker_frame work = {"serve", "/x/app.py", 70, 71, 0};
    static const struct maker_frame query = {"query", "/x/app.py", 80, 81, 0};
    const int loop = _i % 3, n_waits = _i / 3 * 2;
    struct made made;
    made_open(&made, "never.trace");
    for (int i = 0; i < 3; i++) {
        go(&made, 60, busy_stack(&made, loop, &work, NULL), ON_CPU, NULL);
        if (i < n_waits)
            go(&made, 40, busy_stack(&made, loop, &work, &query), BLOCKED, "poll");
    }
    made_read(&made, NULL);
    const struct idle_thread *const t = main_thread(&made);
    ck_assert_uint_eq(t->n_places, 1);
    ck_assert_uint_eq(t->places[0].visits, 0);
    ck_assert(t->busy);
    ck_assert_int_eq(t->doubt, IDLE_TOO_BUSY);
    ck_assert_str_eq(place_function(&made, 0), loop == 0   ? "BaseEventLoop._run_once"
                                               : loop == 1 ? "Runner.run"
                                                           : "Misc.mainloop");
    ck_assert_uint_eq(made.stalls.n, n_waits);
    for (int i = 0; i < n_waits; i++)
        check_length(&made.stalls.list[i], 40);
    ck_assert_uint_eq(unsure_times(&made), n_waits == 0 ? 1 : 3);
    ck_assert(idle_can_tell(t, made.stalls.n, unsure_times(&made)) == (n_waits > 0));
    made_close(&made);
}
END_TEST

/* Never idle, but what it lets work changes all the time: but for the callback that computes. */
START_TEST(long_call_among_short)
{
    static const struct maker_frame many[] = {{"get", "/x/app.py", 10, 11, 0},
                                              {"put", "/x/app.py", 20, 21, 0},
                                              {"list", "/x/app.py", 30, 31, 0}};
    static const struct maker_frame report = {"report", "/x/app.py", 40, 41, 0};
    struct made made;
    made_open(&made, "among.trace");
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 30; k++)
            go(&made, 1 + (unsigned)k % 4, busy_stack(&made, _i, &many[k % 3], NULL), ON_CPU, NULL);
        go(&made, 45, busy_stack(&made, _i, &report, NULL), ON_CPU, NULL);
    }
    go(&made, 5, busy_stack(&made, _i, &many[0], NULL), ON_CPU, NULL);
    made_read(&made, NULL);
    ck_assert(main_thread(&made)->busy);
    ck_assert_uint_eq(made.stalls.n, 4);
    for (int i = 0; i < 4; i++) {
        check_length(&made.stalls.list[i], 45);
        ck_assert_uint_eq(entry_ns(&made, &made.stalls.list[i], STALL_TREE, "report"),
                          made.stalls.list[i].wall_ns);
    }
    made_close(&made);
}
END_TEST

/*
 * What a loop that is never seen to wait lets work asks for a lock by sleeping: that is one stall,
 * and no loop in a loop, unless it works between.
 */
START_TEST(work_that_sleeps)
{
    static const struct maker_frame job_again = {"job", "/x/app.py", 70, 75, 0};
    struct made made;
    made_open(&made, "sleeps.trace");
    const uint32_t wait = STACK(&made, &module, &run_main, &once_run, &handle, &job);
    go(&made, 20, STACK(&made, &module, &run_main, &once_run, &handle), ON_CPU, NULL);
    for (int i = 0; i < 9; i++) {
        go(&made, 4, wait, BLOCKED, "clock_nanosleep");
        if (_i == 1)
            go(&made, 1, STACK(&made, &module, &run_main, &once_run, &handle, &job_again), ON_CPU,
               NULL);
    }
    go(&made, 20, STACK(&made, &module, &run_main, &once_run, &handle), ON_CPU, NULL);
    made_read(&made, NULL);
    ck_assert_uint_ge(main_thread(&made)->n_places, 1);
    ck_assert_int_eq(strcmp(place_function(&made, 0), "job") == 0, _i == 1);
    made_close(&made);
}
END_TEST

/* A loop that lets one known by name work for a moment, again and again, is the one that waits. */
START_TEST(known_loop_as_work)
{
    static const struct maker_frame turn = {"turn", "/x/app.py", 70, 71, 0};
    struct made made;
    made_open(&made, "turns.trace");
    for (int i = 0; i < 8; i++) {
        go(&made, 5, STACK(&made, &module, &main_wait), BLOCKED, "clock_nanosleep");
        go(&made, i == 4 ? 40 : 3, STACK(&made, &module, &main_work, &once_run, &handle, &turn),
           ON_CPU, NULL);
    }
    go(&made, 5, STACK(&made, &module, &main_wait), BLOCKED, "clock_nanosleep");
    made_read(&made, NULL);
    ck_assert_uint_eq(main_thread(&made)->n_places, 1);
    ck_assert_str_eq(place_function(&made, 0), "main");
    ck_assert_uint_eq(made.stalls.n, 1);
    check_length(&made.stalls.list[0], 40);
    made_close(&made);
}
END_TEST

/* Idle at every twentieth tick (0), by chance: nothing is claimed; for a while each time (1): it
 * is. */
START_TEST(seldom_waits)
{
    static const unsigned ticks[] = {5, 25, 10, 30, 3, 22, 14, 8};
    static const struct maker_frame work = {"serve", "/x/app.py", 70, 71, 0};
    struct made made;
    made_open(&made, "seldom.trace");
    const uint32_t idle = STACK(&made, &module, &run_main, &once, &selecting);
    go(&made, 1, idle, BLOCKED, "epoll_wait");
    for (size_t i = 0; i < ARRAY_LEN(ticks); i++) {
        go(&made, ticks[i], busy_stack(&made, 0, &work, NULL), ON_CPU, NULL);
        go(&made, _i == 0 ? 1 : 3, idle, BLOCKED, "epoll_wait");
    }
    made_read(&made, NULL);
    ck_assert(main_thread(&made)->busy == (_i == 0));
    ck_assert_uint_eq(made.stalls.n, _i == 0 ? 0 : 3);
    ck_assert_uint_eq(unsure_times(&made), _i == 0 ? 3 : 0);
    made_close(&made);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("idle");
    TCase *const tests = tcase_create("idle");
    tcase_add_loop_test(tests, freezes_do_not_become_idle, 0, 12);
    tcase_add_loop_test(tests, two_readings, 0, 8);
    tcase_add_loop_test(tests, wrapped_wait, 0, 2);
    tcase_add_loop_test(tests, nothing_around, 0, 2);
    tcase_add_loop_test(tests, waits_only, 0, 4);
    tcase_add_test(tests, work_that_polls);
    tcase_add_loop_test(tests, entered_again, 0, 3);
    tcase_add_test(tests, works_itself);
    tcase_add_test(tests, dialog_in_c);
    tcase_add_test(tests, dialog_of_many);
    tcase_add_test(tests, two_calls_of_a_line);
    tcase_add_loop_test(tests, ended_loop, 0, 2);
    tcase_add_test(tests, unknown_is_not_idle);
    tcase_add_loop_test(tests, never_waits, 0, 6);
    tcase_add_loop_test(tests, long_call_among_short, 0, 3);
    tcase_add_loop_test(tests, work_that_sleeps, 0, 2);
    tcase_add_test(tests, known_loop_as_work);
    tcase_add_loop_test(tests, seldom_waits, 0, 2);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
