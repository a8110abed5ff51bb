/* SPDX-License-Identifier: MIT */
/* affinity: a made-up machine with one busy thread, and one CPU free or none. */
#include "record/agent/kernel/affinity.h"
#include "tests/unit/support/fake_interp.h"
#include "tests/unit/support/suite.h"
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TICK_NS 1000000u
#define BUSY    1 /* the CPU of the thread that is looked at */
#define OTHER   0 /* that of some other program */
#define FREE    2

static struct affinity affinity;
static uint64_t now_ns;
static int32_t here;
static unsigned moves, apart;

static void start(void)
{
    affinity_init(&affinity, false);
    now_ns = 5000000000u;
    here = OTHER;
    moves = apart = 0;
}

/* Ticks, each after a sleep from which the kernel wakes us on a free CPU if there is one. */
static void run(unsigned n_ticks, bool is_free)
{
    for (unsigned i = 0; i < n_ticks; i++) {
        now_ns += TICK_NS;
        if (is_free)
            here = FREE;
        affinity_begin(&affinity, here);
        if (here == BUSY) {
            affinity_together(&affinity);
        } else {
            affinity_apart(&affinity, 1, BUSY);
            apart++;
        }
        const int32_t to = affinity_look(&affinity, now_ns);
        if (to != AFFINITY_NOWHERE) {
            here = to;
            moves++;
        }
    }
}

START_TEST(no_cpu_is_free)
{
    start();
    run(1000, false);
    ck_assert_uint_eq(moves, 1);
    ck_assert_int_eq(here, BUSY);
    ck_assert_uint_lt(apart, 20);
    here = OTHER; /* somebody needed the CPU; the kernel has moved us */
    run(1000, false);
    ck_assert_uint_eq(moves, 2);
    ck_assert_int_eq(here, BUSY);
}
END_TEST

START_TEST(a_cpu_is_free)
{
    start();
    run(60000, true);
    ck_assert_uint_ge(moves, 5); /* 0.1, 0.2, 0.4 .. s after each other */
    ck_assert_uint_le(moves, 10);
    const unsigned before = moves;
    run(10 * 60000, true);
    ck_assert_uint_ge(moves - before, 20); /* at least every 26 s */
    ck_assert_uint_le(moves - before, 30);
}
END_TEST

START_TEST(sooner_again_when_it_helped)
{
    start();
    run(60000, true);
    here = OTHER;
    run(30000, false);
    ck_assert_int_eq(here, BUSY);
    const unsigned before = moves;
    here = OTHER;
    run(200, false);
    ck_assert_uint_eq(moves, before + 1);
    ck_assert_int_eq(here, BUSY);
}
END_TEST

START_TEST(nobody_knows_where)
{
    start();
    for (unsigned i = 0; i < 100; i++) {
        affinity_begin(&affinity, -1);
        affinity_apart(&affinity, 1, AFFINITY_NOWHERE); /* a libc that cannot tell */
        ck_assert_int_eq(affinity_look(&affinity, now_ns += TICK_NS), AFFINITY_NOWHERE);
    }
}
END_TEST

static void *main_thread_cpu(void *closure)
{
    return (void *)(intptr_t)affinity_of_thread(&affinity, *(const uint64_t *)closure);
}

/* Another thread sees where this one is. */
START_TEST(sees_threads)
{
    const pthread_t self = pthread_self();
    uint64_t ident = 0;
    void *seen = NULL;
    fake_catch_faults();
    memcpy(&ident, &self, sizeof(self));
    affinity_init(&affinity, false);
    if (dlsym(RTLD_DEFAULT, "__rseq_offset") != NULL)
        ck_assert_uint_ne(affinity.rseq, 0);
    for (int i = 0; i < 100 && affinity.rseq != 0; i++) {
        pthread_t other;
        int before = sched_getcpu();
        ck_assert_int_eq(pthread_create(&other, NULL, main_thread_cpu, &ident), 0);
        pthread_join(other, &seen);
        if (sched_getcpu() == before) /* it may have been moved meanwhile */
            ck_assert_int_eq((int)(intptr_t)seen, before);
    }
    ck_assert_int_eq(affinity_of_thread(&affinity, 0), AFFINITY_NOWHERE);
    ck_assert_int_eq(affinity_of_thread(&affinity, 4096), AFFINITY_NOWHERE); /* not mapped */
}
END_TEST

/* It is there at once, and may be moved to all CPUs as before. */
START_TEST(really_moves)
{
    cpu_set_t before, after;
    affinity_init(&affinity, false);
    ck_assert_int_eq(sched_getaffinity(0, sizeof(before), &before), 0);
    for (int cpu = -1; cpu <= CPU_SETSIZE; cpu++) {
        const bool may = cpu >= 0 && cpu < CPU_SETSIZE && CPU_ISSET(cpu, &before);
        ck_assert_int_eq(affinity_move(&affinity, gettid(), cpu), may);
        if (may)
            ck_assert_int_eq(affinity.here, cpu);
        ck_assert_int_eq(sched_getaffinity(0, sizeof(after), &after), 0);
        ck_assert(CPU_EQUAL(&before, &after));
    }
}
END_TEST

/* It stays where it went, and still may go wherever it might before. */
START_TEST(holds)
{
    cpu_set_t before, after;
    affinity_init(&affinity, true);
    ck_assert_int_eq(sched_getaffinity(0, sizeof(before), &before), 0);
    for (int round = 0; round < 2; round++) {
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (!CPU_ISSET(cpu, &before)) {
                ck_assert(!affinity_move(&affinity, gettid(), cpu));
                continue;
            }
            ck_assert(affinity_move(&affinity, gettid(), cpu));
            ck_assert_int_eq(sched_getcpu(), cpu);
            ck_assert_int_eq(sched_getaffinity(0, sizeof(after), &after), 0);
            ck_assert_int_eq(CPU_COUNT(&after), 1);
        }
    }
    ck_assert_int_eq(sched_setaffinity(0, sizeof(before), &before), 0);
}
END_TEST

/* One with real-time priority would keep its CPU; we would not come back. */
START_TEST(keeps_away_from_real_time)
{
    const struct sched_param low = {.sched_priority = 1}, none = {0};
    cpu_set_t before, after;
    affinity_init(&affinity, false);
    ck_assert_int_eq(sched_getaffinity(0, sizeof(before), &before), 0);
    ck_assert_int_eq(sched_setscheduler(0, SCHED_FIFO, &low), 0);
    const bool moved = affinity_move(&affinity, gettid(), sched_getcpu());
    ck_assert_int_eq(sched_setscheduler(0, SCHED_OTHER, &none), 0);
    ck_assert(!moved);
    ck_assert(affinity_move(&affinity, gettid(), sched_getcpu()));
    ck_assert_int_eq(sched_getaffinity(0, sizeof(after), &after), 0);
    ck_assert(CPU_EQUAL(&before, &after));
}
END_TEST

/* "real-time": only what needs the right to run so. */
int main(int argc, char **argv)
{
    Suite *const suite = suite_create("affinity");
    TCase *const tests = tcase_create("affinity");
    if (argc > 1 && strcmp(argv[1], "real-time") == 0) {
        const struct sched_param low = {.sched_priority = 1}, none = {0};
        if (sched_setscheduler(0, SCHED_FIFO, &low) != 0) {
            puts("skipped: may not run with real-time priority here");
            return 77;
        }
        sched_setscheduler(0, SCHED_OTHER, &none);
        tcase_add_test(tests, keeps_away_from_real_time);
    } else {
        tcase_add_test(tests, no_cpu_is_free);
        tcase_add_test(tests, a_cpu_is_free);
        tcase_add_test(tests, sooner_again_when_it_helped);
        tcase_add_test(tests, nobody_knows_where);
        tcase_add_test(tests, sees_threads);
        tcase_add_test(tests, really_moves);
        tcase_add_test(tests, holds);
    }
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
