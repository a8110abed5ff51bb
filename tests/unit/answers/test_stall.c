/* SPDX-License-Identifier: MIT */
/* When a thread did not come back to its idle place, and what it did then: on made-up traces. */
#include "analyze/stalls/stall_tell.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/stall_made.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(asyncio_loop)
{
    struct made made;
    made_open(&made, "asyncio.trace");
    const uint32_t idle = STACK(&made, &module, &once, &selecting);
    const uint32_t own = STACK(&made, &module, &once);
    const uint32_t work = STACK(&made, &module, &once_run, &handle, &handler);
    const uint32_t inner = STACK(&made, &module, &once_run, &handle, &handler, &deeper);
    const uint32_t nested =
        STACK(&made, &module, &once_run, &handle, &handler, &queue_get, &condition);
    go(&made, 50, STACK(&made, &module_9), ON_CPU, NULL); /* imports: no stall */
    go(&made, 20, idle, BLOCKED, "epoll_wait");
    go(&made, 30, work, BLOCKED, "read");
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    go(&made, 15, work, BLOCKED, "read"); /* too short */
    go(&made, 1, idle, ON_CPU, NULL);     /* on a CPU there: it was back */
    go(&made, 10, work, BLOCKED, "read");
    go(&made, 1, own, ON_CPU, NULL); /* in the loop's own code: back as well */
    go(&made, 15, work, BLOCKED, "read");
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    go(&made, 20, work, ON_CPU, NULL);
    go(&made, 20, inner, ON_CPU, NULL);
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    go(&made, 60, nested, BLOCKED, "futex"); /* a queue, but not the loop's */
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    go(&made, 50, STACK(&made, &module_9), ON_CPU, NULL); /* after the loop: no stall */
    made_read(&made, NULL);

    const struct idle_thread *const t = main_thread(&made);
    ck_assert_uint_eq(t->n_places, 1);
    ck_assert_str_eq(scene_frame(&made.scene, t->places[0].node).function, "EpollSelector.select");
    ck_assert_uint_eq(made.stalls.n, 3);
    const struct stall *const s = made.stalls.list;
    check_length(&s[0], 60);
    ck_assert_uint_eq(entry_ns(&made, &s[0], STALL_CALL, "Condition.wait"), s[0].wall_ns);
    check_length(&s[1], 30);
    check_length(&s[2], 40);
    ck_assert_uint_eq(s[2].class_ns[CLASS_ON_CPU], s[2].wall_ns);
    ck_assert_uint_eq(s[2].cpu_ns, 40ull * 9000 * 1000);
    ck_assert_uint_eq(entry_ns(&made, &s[2], STALL_TREE, "handler"), s[2].wall_ns);
    ck_assert_uint_eq(entry_ns(&made, &s[2], STALL_TREE, "BaseEventLoop._run_once"), 0);
    ck_assert_uint_lt(entry_ns(&made, &s[2], STALL_TREE, "deeper"), s[2].wall_ns * 6 / 10);
    ck_assert(!s[0].several && !s[1].several);
    ck_assert(s[2].several); /* of calls of the handler, which are mostly shorter */
    ck_assert(!s[0].open && !s[1].open && !s[2].open);
    made_close(&made);
}
END_TEST

/*
 * A worker with a backlog takes one job after the other, and is not seen waiting between: that is
 * no stall for sure. What is one wait, or one call of what is always long, is.
 */
START_TEST(may_be_several)
{
    static const struct maker_frame get_line = {"main", "/x/app.py", 30, 31, 0};
    static const struct maker_frame job_line = {"main", "/x/app.py", 30, 32, 0};
    static const struct maker_frame heavy = {"heavy", "/x/app.py", 60, 61, 0};
    struct made made;
    made_open(&made, "backlog.trace");
    const uint32_t idle = STACK(&made, &module, &get_line, &queue_get, &condition);
    const uint32_t job = STACK(&made, &module, &job_line, &handler);
    const uint32_t wait = STACK(&made, &module, &job_line, &handler, &deeper);
    const uint32_t call = STACK(&made, &module, &job_line, &handler, &heavy);
    go(&made, 10, idle, BLOCKED, "futex");
    for (int i = 0; i < 4; i++) { /* one at a time */
        go(&made, 4, job, ON_CPU, NULL);
        go(&made, 10, idle, BLOCKED, "futex");
    }
    for (int i = 0; i < 12; i++) /* a backlog */
        go(&made, 4, job, BLOCKED, "clock_nanosleep");
    go(&made, 60, wait, BLOCKED, "read");
    go(&made, 44, job, ON_CPU, NULL);
    go(&made, 52, call, ON_CPU, NULL);
    go(&made, 12, job, ON_CPU, NULL); /* not a stall by itself: goes with what was before */
    go(&made, 20, idle, BLOCKED, "futex");
    go(&made, 35, call, ON_CPU, NULL);
    go(&made, 20, idle, BLOCKED, "futex");
    go(&made, 25, job, READY, NULL); /* no CPU was free: it did no two things then */
    go(&made, 40, wait, BLOCKED, "read");
    go(&made, 20, idle, BLOCKED, "futex");
    made_read(&made, NULL);
    static const unsigned ticks[] = {65, 64, 60, 35, 48, 44};
    ck_assert_uint_eq(made.stalls.n, ARRAY_LEN(ticks));
    uint64_t cpu_ns = 0;
    for (size_t i = 0; i < ARRAY_LEN(ticks); i++) {
        check_length(&made.stalls.list[i], ticks[i]);
        ck_assert(made.stalls.list[i].several == (i > 3));
        cpu_ns += made.stalls.list[i].cpu_ns;
    }
    /* nothing of it is lost between the parts: what it computed, and what each wait began with */
    ck_assert_uint_eq(cpu_ns, (44 + 12 + 52 + 35) * 9000ull * 1000 + 15 * 50ull * 1000);
    ck_assert_uint_eq(entry_ns(&made, &made.stalls.list[2], STALL_CALL, "deeper"),
                      60 * 10000000ull);
    made_close(&made);
}
END_TEST

/* The same of a server, where it is seen that it began anew: those were several. */
START_TEST(took_the_next)
{
    static const char server[] = "/usr/lib/python3.11/socketserver.py";
    static const struct maker_frame serve = {"BaseServer.serve_forever", server, 215, 232, 0};
    static const struct maker_frame serve_run = {"BaseServer.serve_forever", server, 215, 237, 0};
    static const struct maker_frame take = {"BaseServer._handle_request_noblock", server, 300, 307,
                                            0};
    static const struct maker_frame process = {"BaseServer._handle_request_noblock", server, 300,
                                               316, 0};
    static const struct maker_frame close = {"BaseServer._handle_request_noblock", server, 300, 321,
                                             0};
    static const struct maker_frame get = {"TCPServer.get_request", server, 500, 503, 0};
    static const struct maker_frame shut = {"TCPServer.shutdown_request", server, 505, 509, 0};
    struct made made;
    made_open(&made, "server.trace");
    const uint32_t idle = STACK(&made, &module, &serve, &selecting);
    const uint32_t work = STACK(&made, &module, &serve_run, &process, &handler);
    go(&made, 20, idle, BLOCKED, "poll");
    go(&made, 15, work, ON_CPU, NULL);
    go(&made, 1, STACK(&made, &module, &serve_run, &take, &get), ON_CPU, NULL);
    go(&made, 10, work, ON_CPU, NULL);
    go(&made, 1, STACK(&made, &module, &serve_run, &close, &shut), ON_CPU, NULL);
    go(&made, 12, work, ON_CPU, NULL); /* in an earlier line: it has begun anew */
    go(&made, 1, STACK(&made, &module, &serve_run, &close, &shut), ON_CPU, NULL);
    go(&made, 20, idle, BLOCKED, "poll");
    go(&made, 30, work, ON_CPU, NULL);
    go(&made, 20, idle, BLOCKED, "poll");
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 1);
    check_length(&made.stalls.list[0], 30);
    made_close(&made);
}
END_TEST

/* Qt: no loop is known by name, slots are called on top of the line that calls exec_. */
START_TEST(learnt_loop)
{
    struct made made;
    made_open(&made, "qt.trace");
    const uint32_t idle = STACK(&made, &module);
    const uint32_t slot = STACK(&made, &module, &handler);
    for (int i = 0; i < 6; i++) {
        go(&made, 10, idle, BLOCKED, "poll");
        go(&made, 2, slot, ON_CPU, NULL);
        if (i % 2 == 1)
            maker_generation(made.m, made.process);
    }
    go(&made, 10, idle, BLOCKED, "poll");
    go(&made, 40, slot, BLOCKED, "poll"); /* the same call, but not there */
    go(&made, 10, idle, BLOCKED, "poll");
    go(&made, 30, idle, ON_CPU, NULL); /* a slot in C++ */
    go(&made, 10, idle, BLOCKED, "poll");
    go(&made, 35, slot, ON_CPU, NULL);
    go(&made, 25, STACK(&made, &module, &deeper), ON_CPU, NULL); /* at once, but another slot */
    go(&made, 10, idle, BLOCKED, "poll");
    made_read(&made, NULL);
    ck_assert_uint_eq(main_thread(&made)->n_places, 1);
    ck_assert_uint_eq(made.stalls.n, 4);
    check_length(&made.stalls.list[0], 40);
    check_length(&made.stalls.list[1], 35);
    check_length(&made.stalls.list[2], 30);
    check_length(&made.stalls.list[3], 25);
    made_close(&made);
}
END_TEST

/* What waits for the GIL is no longer idle, wherever it stands; who holds it is known. */
START_TEST(waits_for_the_gil)
{
    struct made made;
    made_open(&made, "wait.trace");
    const uint32_t idle = STACK(&made, &module, &once, &selecting);
    const struct maker_sample crunch = {STACK(&made, &deeper), ON_CPU | HOLDS, 100, NULL};
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    maker_change(made.m, made.process, 2, &crunch);
    maker_hold(made.m, made.process, 2);
    go(&made, 25, idle, WAITS, NULL);
    maker_hold(made.m, made.process, 0);
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 1);
    const struct stall *const s = &made.stalls.list[0];
    check_length(s, 25);
    ck_assert_uint_eq(s->class_ns[CLASS_WAITS_GIL], s->wall_ns);
    const uint64_t held_ns = entry_ns(&made, s, STALL_GIL, "deeper");
    ck_assert(held_ns > s->wall_ns * 9 / 10);
    ck_assert_uint_eq(entry_ns(&made, s, STALL_OTHER, "deeper"), s->wall_ns);
    made_close(&made);
}
END_TEST

/* Without a GIL: the state says what it waits for, and not only futex(); who stops the world, too.
 */
START_TEST(waits_for_the_world)
{
    struct made made;
    made_open(&made, "world.trace");
    const uint32_t idle = STACK(&made, &module, &once, &selecting);
    const uint32_t work = STACK(&made, &module, &once_run, &handle, &handler);
    const struct maker_sample stops = {STACK(&made, &deeper), ON_CPU | STATE_STOPS_WORLD, 100,
                                       NULL};
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    maker_change(made.m, made.process, 2, &stops);
    go(&made, 25, work, STATE_WAITS_WORLD, "futex");
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 1);
    const struct stall *const s = &made.stalls.list[0];
    check_length(s, 25);
    ck_assert_uint_eq(s->class_ns[CLASS_BLOCKED], s->wall_ns);
    ck_assert_str_eq(made.scene.calls[stall_call(s)], "waits_world");
    ck_assert(entry_ns(&made, s, STALL_WORLD, "deeper") > s->wall_ns * 9 / 10);
    ck_assert_uint_eq(s->lock_ns[WAIT_LOCK], 0);
    made_close(&made);
}
END_TEST

/* Now and then it is seen on a CPU, when it wakes up to ask for the GIL: still one stall. */
START_TEST(asks_for_the_gil)
{
    struct made made;
    made_open(&made, "asks.trace");
    const uint32_t idle = STACK(&made, &module, &once, &selecting);
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    for (int i = 0; i < 3; i++) {
        go(&made, 12, idle, WAITS, NULL);
        go(&made, 1, idle, ON_CPU, NULL);
    }
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    /* the loop's own work on a CPU, for longer than that, is no part of it */
    go(&made, 12, idle, WAITS, NULL);
    go(&made, 12, idle, ON_CPU, NULL);
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 1);
    check_length(&made.stalls.list[0], 38);
    made_close(&made);
}
END_TEST

/* Chunks and generations are no borders, a stack that could not be read is none either. */
START_TEST(one_stall_in_pieces)
{
    struct made made;
    static const struct maker_frame failed = {"torn", "", 0, 0, 4};
    made_open(&made, "pieces.trace");
    const uint32_t idle = STACK(&made, &module, &once, &selecting);
    const uint32_t work = STACK(&made, &module, &once_run, &handle, &handler);
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    go(&made, 10, work, BLOCKED, "read");
    maker_flush(made.m, made.process);
    go(&made, 10, work, ON_CPU, NULL);
    go(&made, 1, STACK(&made, &failed), ON_CPU, NULL);
    go(&made, 9, work, ON_CPU, NULL);
    maker_generation(made.m, made.process);
    go(&made, 10, STACK(&made, &module, &once_run, &handle, &handler), BLOCKED, "read");
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 1);
    check_length(&made.stalls.list[0], 40);
    made_close(&made);
}
END_TEST

START_TEST(still_there_at_the_end)
{
    struct made made;
    made_open(&made, "open.trace");
    go(&made, 10, STACK(&made, &module, &once, &selecting), BLOCKED, "epoll_wait");
    go(&made, 30, STACK(&made, &module, &once_run, &handle, &handler), BLOCKED, "read");
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 1);
    ck_assert(made.stalls.list[0].open);
    check_length(&made.stalls.list[0], 30);
    made_close(&made);
}
END_TEST

/* A worker takes jobs from a queue; it is not the main thread, so it must be asked for. */
START_TEST(queue_worker)
{
    struct made made;
    made_open(&made, "worker.trace");
    const uint32_t get = STACK(&made, &module, &handler, &queue_get, &condition);
    const uint32_t get_at_once = STACK(&made, &module, &handler, &queue_get);
    go(&made, 10, get, BLOCKED, "futex");
    go(&made, 30, STACK(&made, &module, &handler, &deeper), BLOCKED, "recvfrom");
    go(&made, 1, get_at_once, ON_CPU, NULL);
    go(&made, 25, STACK(&made, &module, &handler, &deeper), ON_CPU, NULL);
    go(&made, 10, get, BLOCKED, "futex");
    select_add_thread(&made.select, "MainThread");
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 2);
    check_length(&made.stalls.list[0], 30);
    check_length(&made.stalls.list[1], 25);
    made_close(&made);
}
END_TEST

/* Programs that just compute, or wait once for all the rest, have no idle place. */
START_TEST(no_idle_place)
{
    struct made made;
    made_open(&made, "batch.trace");
    const uint32_t reading = STACK(&made, &module, &handler, &deeper);
    for (int i = 0; i < 20; i++) {
        go(&made, 30, STACK(&made, &module, &handler), ON_CPU, NULL);
        if (_i == 1)
            go(&made, 5, reading, BLOCKED, "read");
    }
    if (_i == 2)
        go(&made, 900, reading, BLOCKED, "futex");
    made_read(&made, NULL);
    ck_assert_uint_eq(main_thread(&made)->n_places, 0);
    ck_assert_uint_eq(made.stalls.n, 0);
    if (_i > 0)
        ck_assert_uint_gt(main_thread(&made)->n_all, 0);
    made_close(&made);
}
END_TEST

/* A program that reads its orders from a pipe, in the function that carries them out. */
START_TEST(named_place)
{
    struct made made;
    made_open(&made, "named.trace");
    const uint32_t reading = STACK(&made, &module, &handler);
    for (int i = 0; i < 5; i++) {
        go(&made, 10, reading, BLOCKED, "read");
        go(&made, i == 3 ? 30 : 3, STACK(&made, &module, &handler, &deeper), ON_CPU, NULL);
    }
    go(&made, 10, reading, BLOCKED, "read");
    made_read(&made, _i == 0 ? "handler" : _i == 1 ? NULL : "nothing");
    ck_assert_uint_eq(main_thread(&made)->n_places, 1); /* also when the name is another's */
    ck_assert_uint_eq(made.stalls.n, 1);
    check_length(&made.stalls.list[0], 30);
    made_close(&made);
}
END_TEST

/* A dialog with a loop of its own, called by a slot: a stall, unless it is named as well. */
START_TEST(named_dialog)
{
    struct made made;
    made_open(&made, "dialog.trace");
    const uint32_t idle = STACK(&made, &module);
    const uint32_t dialog = STACK(&made, &module, &handler);
    const uint32_t slot = STACK(&made, &module, &handler, &deeper);
    for (int i = 0; i < 5; i++) {
        go(&made, 10, idle, BLOCKED, "poll");
        go(&made, 2, dialog, ON_CPU, NULL);
    }
    go(&made, 10, dialog, BLOCKED, "poll");
    go(&made, 25, slot, BLOCKED, "read");
    go(&made, 10, dialog, BLOCKED, "poll");
    go(&made, 10, idle, BLOCKED, "poll");
    maker_process_end(made.m, made.process, 0);
    maker_close(made.m, "exited");
    struct problem why = {0};
    ck_assert(trace_open(&made.trace, &made.path, 1, made_no_damage, NULL, &why) == STATUS_OK);
    static const char *const names[] = {"<module>", "handler"};
    idle_learn(&made.idle, &made.scene, made.trace, &made.select, names, _i == 0 ? 0 : 2, OVER_NS);
    stalls_find(&made.stalls, &made.idle, made.trace, &made.select, OVER_NS, NULL);
    ck_assert_uint_eq(made.stalls.n, 1);
    check_length(&made.stalls.list[0], _i == 0 ? 47 : 25);
    made_close(&made);
}
END_TEST

/* What is found first and the details count the same, of the states that were asked for. */
static void check_counted(const struct stall *stall)
{
    struct weights sum = {0};
    for (size_t i = 0; i < stall->n; i++) {
        if (stall->entries[i].kind == STALL_STACK)
            weights_add(&sum, &stall->entries[i].counted);
    }
    for (int c = 0; c < CLASS_COUNT; c++) {
        const struct weight *const x = &sum.by[c], *const y = &stall->counted.by[c];
        ck_assert(x->samples == y->samples && x->ticks == y->ticks);
        ck_assert(x->wall == y->wall && x->cpu == y->cpu);
    }
}

static unsigned counted_samples(const struct stall *stall)
{
    return (unsigned)weights_sum(&stall->counted).samples;
}

/* Three stalls of 60 ticks blocked, 40 computing, and 30 of which a third each, and ready. */
static void make_three(struct made *made)
{
    made_open(made, "three.trace");
    const uint32_t idle = STACK(made, &module, &once, &selecting);
    const uint32_t work = STACK(made, &module, &once_run, &handle, &handler);
    const uint32_t inner = STACK(made, &module, &once_run, &handle, &handler, &deeper);
    go(made, 20, idle, BLOCKED, "epoll_wait");
    go(made, 60, work, BLOCKED, "read");
    go(made, 20, idle, BLOCKED, "epoll_wait");
    go(made, 40, inner, ON_CPU, NULL);
    go(made, 20, idle, BLOCKED, "epoll_wait");
    go(made, 10, work, ON_CPU, NULL);
    maker_flush(made->m, made->process);
    go(made, 10, work, BLOCKED, "write");
    maker_generation(made->m, made->process); /* what it used before waits for the next part */
    go(made, 10, inner, READY, NULL);
    go(made, 20, idle, BLOCKED, "epoll_wait");
}

START_TEST(in_order_by_what_was_asked_for)
{
    static const struct {
        enum metric_id metric;
        unsigned ticks[3];
    } orders[] = {
        {METRIC_CPU, {40, 30, 60}},
        {METRIC_BLOCKED, {60, 30, 40}},
        {METRIC_READY, {30, 60, 40}},
        {METRIC_SAMPLES, {60, 40, 30}},
    };
    struct made made;
    make_three(&made);
    made.metric = &metrics[orders[_i].metric];
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 3);
    ck_assert_uint_eq(made.stalls.n_counted, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct stall *const s = &made.stalls.list[i];
        check_length(s, orders[_i].ticks[i]);
        check_counted(s);
        ck_assert_uint_eq(counted_samples(s), orders[_i].ticks[i]);
        ck_assert_uint_eq(weights_sum(&s->counted).wall, s->wall_ns);
        ck_assert_uint_eq(weights_sum(&s->counted).cpu + s->carry.waiting, s->cpu_ns);
        ck_assert_uint_eq(s->counted.by[CLASS_BLOCKED].cpu, 0);
    }
    made_close(&made);
}
END_TEST

/* Those that never were in such a state come last and are not counted. */
START_TEST(only_in_some_states)
{
    static const struct {
        const char *states;
        size_t n_counted;
        unsigned ticks[2], samples[2];
    } wanted[] = {
        {"blocked", 2, {60, 30}, {60, 10}},
        {"running,ready", 2, {40, 30}, {40, 20}},
        {"write", 1, {30}, {10}},
        {"gil", 0, {0}, {0}},
    };
    struct made made;
    struct problem why = {0};
    make_three(&made);
    ck_assert(select_add_states(&made.select, wanted[_i].states, &why) == STATUS_OK);
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 3);
    ck_assert_uint_eq(made.stalls.n_counted, wanted[_i].n_counted);
    for (size_t i = 0; i < wanted[_i].n_counted; i++) {
        check_length(&made.stalls.list[i], wanted[_i].ticks[i]);
        check_counted(&made.stalls.list[i]);
        ck_assert_uint_eq(counted_samples(&made.stalls.list[i]), wanted[_i].samples[i]);
    }
    made_close(&made);
}
END_TEST

/* ---- what the tasks of the loop waited for ---- */

enum { TAKEN, SAME, RAN, UNREADABLE };

static const struct maker_frame query = {"query", "/x/app.py", 70, 71, 0};
static const struct maker_frame answer = {"answer", "/x/app.py", 80, 82, 0};

static void stay(struct made *made, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        maker_tick(made->m, made->process, 0, 0, 0);
}

/* So many tasks in answer > query were seen, and one in another instruction of the line. */
static void look(struct made *made, uint32_t outcome, uint32_t n_future, uint32_t n_ready)
{
    const uint32_t at = STACK(made, &answer, &query);
    const struct maker_tasks tasks[] = {{at, "ready to go on", "", n_ready},
                                        {at, "future", "", 1},
                                        {at, "future", "", n_future},
                                        {0}};
    maker_look(made->m, made->process, 1, outcome, 50000, tasks + (n_ready == 0), 0, 3);
}

static void check_tasks(const struct stall *stall, enum stall_sight sight, int off_ms,
                        unsigned n_future, unsigned n_ready)
{
    const struct stall_tasks *const tasks = stall->tasks;
    ck_assert_ptr_nonnull(tasks);
    ck_assert_int_eq(tasks->sight, sight);
    if (sight == SIGHT_NOT_KNOWN) {
        ck_assert_uint_eq(tasks->n, 0);
        return;
    }
    ck_assert_msg(llabs((int64_t)tasks->off_ns - off_ms * INT64_C(1000000)) < 11000000, "%llu",
                  (unsigned long long)tasks->off_ns);
    ck_assert_uint_eq(tasks->n_tasks, n_future + 1 + n_ready + 3);
    ck_assert_uint_eq(tasks->n_unknown, 3);
    ck_assert_double_eq(tasks->ready, n_ready);
    ck_assert_uint_eq(tasks->n, n_ready > 0 ? 2 : 1);
    ck_assert_str_eq(tasks->rows[0].wait, "future");
    ck_assert_double_eq(tasks->rows[0].tasks_ns, n_future + 1);
    for (size_t i = 0; i < tasks->n; i++) {
        ck_assert_str_eq(tasks->rows[i].chain, "answer > query");
        ck_assert_uint_eq(tasks->rows[i].leaf.line, 71);
    }
}

/* In it the last look counts, else the last one before it, else the first one after it. */
START_TEST(tasks_of_its_loop)
{
    struct made made;
    made_open(&made, "tasks.trace");
    const uint32_t idle = STACK(&made, &module, &once, &selecting);
    const uint32_t work = STACK(&made, &module, &once_run, &handle, &handler);
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    look(&made, TAKEN, 5, 0);
    go(&made, 10, work, BLOCKED, "read"); /* 1: 0.8 s, looked at twice */
    look(&made, TAKEN, 6, 1);
    stay(&made, 20);
    look(&made, TAKEN, 7, 2);
    look(&made, SAME, 9, 0); /* of before, told late */
    stay(&made, 50);
    go(&made, 50, idle, BLOCKED, "epoll_wait");
    look(&made, TAKEN, 8, 0);
    go(&made, 5, idle, BLOCKED, "epoll_wait");
    look(&made, SAME, 8, 0);
    go(&made, 15, idle, BLOCKED, "epoll_wait");
    go(&made, 70, work, BLOCKED, "read"); /* 2: 0.7 s, seen until 0.1 s before it */
    look(&made, RAN, 0, 0);
    maker_flush(made.m, made.process);
    go(&made, 250, idle, BLOCKED, "epoll_wait");
    go(&made, 60, work, BLOCKED, "read"); /* 3: 0.6 s, not seen until 0.2 s after it */
    look(&made, RAN, 0, 0);
    go(&made, 20, idle, BLOCKED, "epoll_wait");
    look(&made, TAKEN, 10, 0);
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    look(&made, TAKEN, 11, 0);
    go(&made, 250, idle, BLOCKED, "epoll_wait");
    go(&made, 50, work, BLOCKED, "read"); /* 4: 0.5 s, nothing is near */
    look(&made, UNREADABLE, 0, 0);
    go(&made, 300, idle, BLOCKED, "epoll_wait");
    maker_flush(made.m, made.process);
    go(&made, 40, work, BLOCKED, "read"); /* 5: nobody looks at all */
    go(&made, 10, idle, BLOCKED, "epoll_wait");
    made_read(&made, NULL);
    ck_assert_uint_eq(made.stalls.n, 5);
    check_tasks(&made.stalls.list[0], SIGHT_IN, 300, 7, 2);
    check_tasks(&made.stalls.list[1], SIGHT_BEFORE, 100, 8, 0);
    check_tasks(&made.stalls.list[2], SIGHT_AFTER, 200, 10, 0);
    check_tasks(&made.stalls.list[3], SIGHT_NOT_KNOWN, 0, 0, 0);
    ck_assert_ptr_null(made.stalls.list[4].tasks);
    made_close(&made);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("stall");
    TCase *const tests = tcase_create("stall");
    tcase_add_test(tests, asyncio_loop);
    tcase_add_test(tests, may_be_several);
    tcase_add_test(tests, took_the_next);
    tcase_add_test(tests, learnt_loop);
    tcase_add_test(tests, waits_for_the_gil);
    tcase_add_test(tests, waits_for_the_world);
    tcase_add_test(tests, asks_for_the_gil);
    tcase_add_test(tests, one_stall_in_pieces);
    tcase_add_test(tests, still_there_at_the_end);
    tcase_add_test(tests, queue_worker);
    tcase_add_test(tests, tasks_of_its_loop);
    tcase_add_loop_test(tests, no_idle_place, 0, 3);
    tcase_add_loop_test(tests, named_place, 0, 3);
    tcase_add_loop_test(tests, named_dialog, 0, 2);
    tcase_add_loop_test(tests, in_order_by_what_was_asked_for, 0, 4);
    tcase_add_loop_test(tests, only_in_some_states, 0, 4);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
