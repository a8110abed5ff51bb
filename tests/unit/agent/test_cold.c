/* SPDX-License-Identifier: MIT */
/* cold: threads that are passed over, and what brings them back. */
#include "record/agent/base/clock.h"
#include "record/agent/sample/cold.h"
#include "tests/unit/support/fake_interp.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <pthread.h>
#include <string.h>

#define N_THREADS 10u
#define HOLDER    3u
#define SECOND_NS 1000000000u
#define BURNT_NS  5000000u

static struct fake fake;
static struct threads threads;
static struct cold cold;
static uintptr_t gil;

static void setup(void)
{
    fake_new(&fake, 12);
    ck_assert(threads_init(&threads, &fake.interp));
    gil = interp_gil(&fake.interp, fake.state);
    threads.lists[0].state = fake.state;
    threads.n_lists = 1;
    threads.n = N_THREADS;
    for (uint32_t i = 0; i < N_THREADS; i++) {
        threads.list[i].bound.n = 1;
        threads.list[i].bound.list[0].tstate = 0x7f0000001000 + 1024ul * i;
        threads.marks[i] = THREAD_COLD;
    }
    threads.index_stale = true;
    memset(&cold, 0, sizeof cold);
}

static void teardown(void)
{
    threads_free(&threads);
    fake_free(&fake);
}

static void take_gil(uint64_t times)
{
    const uintptr_t at = gil + fake.interp.ver.gil.switches;
    fake_put(at, fake_get(at) + times);
}

static bool begin(uint64_t last_ns)
{
    return cold_begin(&cold, &fake.interp, &threads, last_ns);
}

START_TEST(while_the_gil_stays)
{
    take_gil(5);
    ck_assert_msg(!begin(1), "it is not known how often it was taken before");
    ck_assert(begin(2));
    ck_assert(begin(3));
    take_gil(1);
    ck_assert(!begin(4));
    ck_assert(begin(5));
}
END_TEST

START_TEST(few_are_asked)
{
    ck_assert(begin(1));
    ck_assert_uint_eq(cold_count(&threads), N_THREADS);
    for (uint32_t i = 0; i < 3; i++)
        threads.marks[i] = THREAD_ASKED;
    ck_assert_uint_eq(cold_count(&threads), N_THREADS - 3);
    ck_assert(!begin(2));
}
END_TEST

START_TEST(all_once_a_second)
{
    ck_assert(begin(SECOND_NS - 1));
    ck_assert(!begin(SECOND_NS));
    cold_asked_all(&cold, &threads, 0, SECOND_NS);
    ck_assert(begin(2 * SECOND_NS - 1));
    ck_assert(!begin(2 * SECOND_NS));
}
END_TEST

/* Who held the GIL last takes it again without being counted. */
START_TEST(last_holder_is_looked_at)
{
    fake_put(gil + fake.interp.ver.gil.last_holder, threads.list[HOLDER].bound.list[0].tstate);
    ck_assert(begin(1));
    for (uint32_t i = 0; i < N_THREADS; i++)
        ck_assert_uint_eq(threads.marks[i] & THREAD_COLD, i == HOLDER ? 0 : THREAD_COLD);
}
END_TEST

START_TEST(one_gil_only)
{
    ck_assert(begin(1));
    threads.n_lists = 2;
    ck_assert(!begin(2));
    ck_assert(!begin(3));
    threads.n_lists = 1;
    fake.interp.free_threaded = true;
    ck_assert(!begin(4));
    ck_assert(!begin(5));
}
END_TEST

static void *burn(void *unused)
{
    while (clock_read(CLOCK_THREAD_CPUTIME_ID) < BURNT_NS)
        ;
    return unused;
}

/* Whoever uses CPU without the GIL moves the process's clock by more than all clocks we know. */
START_TEST(cpu_without_the_gil)
{
    pthread_t thread;
    ck_assert(begin(1));
    cold_asked_all(&cold, &threads, 0, 1);
    for (int i = 0; i < 100; i++) {
        ck_assert(begin(2));
        ck_assert_msg(!cold_has_run(&cold, &threads, 0), "nobody has run, round %d", i);
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, burn, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(begin(3));
    ck_assert(cold_has_run(&cold, &threads, 0));
    ck_assert(begin(3));
    ck_assert_msg(cold_has_run(&cold, &threads, 0), "until all were asked");
    cold_asked_all(&cold, &threads, 0, 3);
    ck_assert(begin(4));
    ck_assert(!cold_has_run(&cold, &threads, 0));
    threads.clocks[0] += BURNT_NS; /* it was a thread that we know now */
    ck_assert(begin(5));
    ck_assert(cold_has_run(&cold, &threads, 0));
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("cold");
    TCase *const tests = tcase_create("cold");
    fake_catch_faults();
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, while_the_gil_stays);
    tcase_add_test(tests, few_are_asked);
    tcase_add_test(tests, all_once_a_second);
    tcase_add_test(tests, last_holder_is_looked_at);
    tcase_add_test(tests, one_gil_only);
    tcase_add_test(tests, cpu_without_the_gil);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
