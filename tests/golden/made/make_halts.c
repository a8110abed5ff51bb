/* SPDX-License-Identifier: MIT */
/*
 * Without a GIL: one thread collects garbage now and then, and the others wait until the world goes
 * on; one sorts a list, to which another appends. And a loop that a long pause and a long wait hold
 * up.
 */
#include "make_halts.h"

#include "tests/unit/support/make_trace.h"

#include <stdio.h>

enum { ON_CPU = 1, WAITS_WORLD = 512, WAITS_OBJECT = 1024, STOPS_WORLD = 2048, BLOCKED = 0 };
enum { COLLECTOR = 1, SORTER, APPENDER, COMPUTES };

#define N_TICKS 400u
#define ROUND   20u /* ticks: a sort for half of it, and a pause at its end */
#define PAUSE   15u

static void make_both_kinds(const char *path)
{
    static const char *const argv[] = {"python3.14t", "halts.py", NULL};
    static const struct maker_frame collects = {"collect", "/home/me/halts.py", 10, 12, 0};
    static const struct maker_frame sorts = {"sort", "/home/me/halts.py", 20, 22, 0};
    static const struct maker_frame appends = {"append", "/home/me/halts.py", 30, 33, 0};
    static const struct maker_frame computes = {"compute", "/home/me/halts.py", 40, 42, 0};
    struct maker *const m = maker_open(path, &(struct maker_settings){.tag = 0x100a});
    const uint32_t p = maker_process(m, 800, 1, argv);
    maker_thread(m, p, 800, "collector", 0);
    maker_thread(m, p, 801, "sorter", 0);
    maker_thread(m, p, 802, "appender", 0);
    maker_thread(m, p, 803, "computes", 0);
    const uint32_t stacks[] = {
        0, maker_stack_push(m, p, 0, &collects), maker_stack_push(m, p, 0, &sorts),
        maker_stack_push(m, p, 0, &appends), maker_stack_push(m, p, 0, &computes)};
    for (unsigned i = 0; i < N_TICKS; i++) {
        const unsigned turn = i % ROUND;
        const bool pause = turn >= PAUSE, sorting = turn < ROUND / 2;
        maker_tick(m, p, 0, 0, 0);
        for (uint32_t t = COLLECTOR; t <= COMPUTES; t++) {
            struct maker_sample sample = {stacks[t], ON_CPU, 9900, NULL};
            if (t == COLLECTOR && turn == PAUSE) /* not all stand still yet */
                sample = (struct maker_sample){stacks[t], STOPS_WORLD, 20, "futex"};
            else if (t == COLLECTOR && pause)
                sample.state |= STOPS_WORLD;
            else if (t == APPENDER && sorting)
                sample = (struct maker_sample){stacks[t], WAITS_OBJECT, 20, "futex"};
            else if (t == APPENDER)
                sample = (struct maker_sample){stacks[t], BLOCKED, 20, "clock_nanosleep"};
            else if (pause && t != COLLECTOR)
                sample = (struct maker_sample){stacks[t], WAITS_WORLD, 20, "futex"};
            maker_change(m, p, t, &sample);
        }
        if (i % 100 == 99)
            maker_flush(m, p);
    }
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
}

/* A loop's thread, and what the other one does meanwhile, for so many ticks. */
static void both(struct maker *m, uint32_t p, unsigned n, struct maker_sample loop,
                 struct maker_sample other)
{
    for (unsigned i = 0; i < n; i++) {
        maker_tick(m, p, 0, 0, 0);
        maker_change(m, p, 1, &loop);
        maker_change(m, p, 2, &other);
    }
    maker_flush(m, p);
}

static void make_held_up(const char *path)
{
    static const char *const argv[] = {"python3.14t", "held_up.py", NULL};
    static const struct maker_frame module = {"<module>", "/home/me/held_up.py", 1, 50, 0};
    static const struct maker_frame once = {
        "BaseEventLoop._run_once", "/usr/lib/python3.14/asyncio/base_events.py", 1900, 1970, 0};
    static const struct maker_frame selects = {"EpollSelector.select",
                                               "/usr/lib/python3.14/selectors.py", 430, 450, 0};
    static const struct maker_frame runs = {
        "BaseEventLoop._run_once", "/usr/lib/python3.14/asyncio/base_events.py", 1900, 2010, 0};
    static const struct maker_frame handles = {"Handle._run",
                                               "/usr/lib/python3.14/asyncio/events.py", 80, 90, 0};
    static const struct maker_frame appends = {"append", "/home/me/held_up.py", 10, 12, 0};
    static const struct maker_frame collects = {"collect", "/home/me/held_up.py", 20, 22, 0};
    static const struct maker_frame sorts = {"sort", "/home/me/held_up.py", 30, 32, 0};
    static const struct maker_frame begins = {"begin", "/home/me/held_up.py", 40, 41, 0};
    struct maker *const m = maker_open(path, &(struct maker_settings){.tag = 0x100b});
    const uint32_t p = maker_process(m, 900, 1, argv);
    maker_thread(m, p, 900, "MainThread", 0);
    maker_thread(m, p, 901, "other", 0);
    const uint32_t top = maker_stack_push(m, p, 0, &module);
    const uint32_t select = maker_stack_push(m, p, maker_stack_push(m, p, top, &once), &selects);
    const uint32_t work = maker_stack_push(
        m, p, maker_stack_push(m, p, maker_stack_push(m, p, top, &runs), &handles), &appends);
    const uint32_t collect = maker_stack_push(m, p, 0, &collects);
    const uint32_t sort = maker_stack_push(m, p, 0, &sorts);
    const struct maker_sample idle = {select, BLOCKED, 0, "epoll_wait"};
    const struct maker_sample computes = {work, ON_CPU, 9900, NULL};
    const struct maker_sample begun = {maker_stack_push(m, p, 0, &begins), ON_CPU, 9900, NULL};
    both(m, p, 20, idle, begun);
    both(m, p, 2, computes, begun);
    both(m, p, 30, (struct maker_sample){work, WAITS_WORLD, 0, "futex"},
         (struct maker_sample){collect, ON_CPU | STOPS_WORLD, 9900, NULL});
    both(m, p, 20, idle, begun);
    both(m, p, 40, (struct maker_sample){work, WAITS_OBJECT, 0, "futex"},
         (struct maker_sample){sort, ON_CPU, 9900, NULL});
    both(m, p, 20, idle, begun);
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
}

void make_halts(const char *directory)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/halts.trace", directory);
    make_both_kinds(path);
    snprintf(path, sizeof path, "%s/held_up.trace", directory);
    make_held_up(path);
}
