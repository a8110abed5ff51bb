/* SPDX-License-Identifier: MIT */
/*
 * Without a GIL: one thread collects garbage now and then, and the others wait until the world goes
 * on; one sorts a list, to which another appends.
 */
#include "make_halts.h"

#include "tests/unit/support/make_trace.h"

enum { ON_CPU = 1, WAITS_WORLD = 512, WAITS_OBJECT = 1024, STOPS_WORLD = 2048, BLOCKED = 0 };
enum { COLLECTOR = 1, SORTER, APPENDER, COMPUTES };

#define N_TICKS 400u
#define ROUND   20u /* ticks: a sort for half of it, and a pause at its end */
#define PAUSE   15u

void make_halts(const char *path)
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
