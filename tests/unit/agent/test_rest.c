/* SPDX-License-Identifier: MIT */
/* rest: when the sampler sleeps through ticks, what ends that, and what is known of them. */
#include "record/agent/base/clock.h"
#include "record/agent/sample/rest.h"
#include "record/agent/sample/wake.h"
#include "tests/unit/support/fake_interp.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MS       1000000u
#define FOR_EVER (60000ull * MS) /* what the tests end long before */
#define BURNT_NS (2u * MS)

static struct fake fake;
static struct threads threads;
static struct rest rest;
static struct wire_head head;
static _Atomic uint32_t word;
static struct rest_tick tick;
static uintptr_t gil;

static void signal_in_gil(size_t offset)
{
    pthread_cond_signal((pthread_cond_t *)(gil + offset));
}

static void setup(void)
{
    fake_new(&fake, 12);
    ck_assert(threads_init(&threads, &fake.interp));
    gil = interp_gil(&fake.interp, fake.state);
    threads.lists[0].state = fake.state;
    threads.n_lists = 1;
    memset(&rest, 0, sizeof rest);
    memset(&head, 0, sizeof head);
    atomic_store(&word, 0);
    tick = (struct rest_tick){.interp = &fake.interp,
                              .threads = &threads,
                              .head = &head,
                              .wake = &word,
                              .number = 100,
                              .interval_ns = 10 * MS,
                              .stride = 1};
}

static void teardown(void)
{
    rest_end(&rest);
    threads_free(&threads);
    fake_free(&fake);
}

/* So many quiet ticks; who takes the GIL signals in two places of it. */
static void be_quiet(bool proved)
{
    for (rest.n_quiet = 0; rest.n_quiet < REST_QUIET; rest.n_quiet++) {
        rest_prepare(&rest, &tick);
        ck_assert_msg(!rest.is_armed, "after %u ticks", rest.n_quiet);
        if (rest.n_quiet == 0 && proved) {
            signal_in_gil(0);
            signal_in_gil(8);
        }
    }
    rest_prepare(&rest, &tick);
}

START_TEST(how_far)
{
    static const struct {
        uint64_t interval_ns, stride, ticks;
    } cases[] = {
        {10 * MS, 1, 8},                    /* 8 intervals */
        {1 * MS, 1, 20},                    /* 20 ms at least */
        {MS / 10, 1, 200}, {1 * MS, 10, 8}, /* every tenth tick is taken */
        {25 * MS, 1, 4},                    /* 100 ms at most */
        {50 * MS, 1, 0},                    /* two are not worth it */
        {1000 * MS, 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tick.interval_ns = cases[i].interval_ns;
        tick.stride = cases[i].stride;
        ck_assert_uint_eq(rest_ticks(&tick), cases[i].ticks);
    }
}
END_TEST

START_TEST(not_before_the_bell_is_proved)
{
    uint64_t end_ns = 1;
    be_quiet(false);
    ck_assert(!rest.is_armed);
    ck_assert(!rest_take(&rest, &tick, clock_now() + FOR_EVER, &end_ns));
    ck_assert_uint_eq(end_ns, 0);
    be_quiet(true);
    ck_assert(rest.is_armed);
}
END_TEST

START_TEST(until_then)
{
    uint64_t end_ns;
    be_quiet(true);
    const uint64_t until_ns = clock_now() + 5 * MS;
    ck_assert(rest_take(&rest, &tick, until_ns, &end_ns));
    ck_assert_uint_ge(clock_now(), until_ns);
    ck_assert_uint_eq(end_ns, until_ns);
    ck_assert_uint_eq(rest.n_quiet, REST_QUIET);
    /* what the collector would write, if we did not come back */
    ck_assert_uint_eq(atomic_load(&head.rest.end_ns), until_ns);
    ck_assert_uint_eq(atomic_load(&head.rest.number), 100);
    ck_assert_uint_eq(atomic_load(&head.rest.stride), 1);
    rest_written(&head);
    ck_assert_uint_eq(atomic_load(&head.rest.end_ns), 0);
    ck_assert_msg(!rest_take(&rest, &tick, until_ns + FOR_EVER, &end_ns), "once");
}
END_TEST

START_TEST(not_while_the_gil_is_held)
{
    uint64_t end_ns;
    be_quiet(true);
    fake_put_u32(gil + fake.interp.ver.gil.locked, 1);
    ck_assert(!rest_take(&rest, &tick, clock_now() + FOR_EVER, &end_ns));
    ck_assert(!rest.is_armed);
}
END_TEST

START_TEST(not_when_the_tick_was_not_quiet)
{
    uint64_t end_ns;
    be_quiet(true);
    rest.n_quiet = 0;
    ck_assert(!rest_take(&rest, &tick, clock_now() + FOR_EVER, &end_ns));
    ck_assert(!rest.is_armed);
}
END_TEST

static void wait_for_rest(void)
{
    while (atomic_load(&head.rest.end_ns) == 0)
        sched_yield();
}

static void *take_gil(void *unused)
{
    wait_for_rest();
    fake_put_u32(gil + fake.interp.ver.gil.locked, 1);
    signal_in_gil(0);
    return unused;
}

START_TEST(woken_by_who_takes_the_gil)
{
    uint64_t end_ns;
    pthread_t thread;
    be_quiet(true);
    const uint64_t begin_ns = clock_now();
    ck_assert_int_eq(pthread_create(&thread, NULL, take_gil, NULL), 0);
    ck_assert(rest_take(&rest, &tick, begin_ns + FOR_EVER, &end_ns));
    const uint64_t now = clock_now();
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_msg(end_ns >= begin_ns && end_ns <= now, "until the GIL was taken nothing changed");
    ck_assert_uint_eq(atomic_load(&head.rest.end_ns), end_ns);
    ck_assert_uint_eq(rest.n_quiet, 0);
    ck_assert_uint_eq(atomic_load(&word), 0);
    ck_assert_uint_eq(rest.not_before_ns, 0);
}
END_TEST

static void *burn_and_wake(void *unused)
{
    wait_for_rest();
    const uint64_t begin_ns = clock_read(CLOCK_THREAD_CPUTIME_ID);
    while (clock_read(CLOCK_THREAD_CPUTIME_ID) - begin_ns < BURNT_NS)
        ;
    atomic_fetch_or(&word, WAKE_STOP);
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    return unused;
}

/* CPU that was used without the GIL: nobody knows what the ticks were like. */
START_TEST(in_vain)
{
    uint64_t end_ns, again_ns = 0;
    for (int round = 0; round < 7; round++) {
        pthread_t thread;
        rest.not_before_ns = 0;
        be_quiet(true);
        ck_assert(rest.is_armed);
        ck_assert_int_eq(pthread_create(&thread, NULL, burn_and_wake, NULL), 0);
        const uint64_t begin_ns = clock_now();
        ck_assert(rest_take(&rest, &tick, begin_ns + FOR_EVER, &end_ns));
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        ck_assert_uint_eq(end_ns, 0);
        ck_assert_uint_eq(rest.n_quiet, 0);
        ck_assert_uint_ge(rest.not_before_ns, begin_ns + rest.again_ns);
        ck_assert_uint_eq(rest.again_ns, round == 0                 ? 1000ull * MS
                                         : again_ns < 32000ull * MS ? 2 * again_ns
                                                                    : again_ns);
        again_ns = rest.again_ns;
        rest_written(&head);
        atomic_store(&word, 0);
    }
    be_quiet(true);
    ck_assert_msg(!rest.is_armed, "not again so soon");
}
END_TEST

START_TEST(one_gil_only)
{
    threads.n_lists = 2;
    be_quiet(true);
    ck_assert(!rest.is_armed);
    threads.n_lists = 1;
    fake.interp.free_threaded = true;
    be_quiet(true);
    ck_assert(!rest.is_armed);
    fake.interp.free_threaded = false;
    fake.interp.is_newer = true;
    be_quiet(true);
    ck_assert(!rest.is_armed);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("rest");
    TCase *const tests = tcase_create("rest");
    fake_catch_faults();
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, how_far);
    tcase_add_test(tests, not_before_the_bell_is_proved);
    tcase_add_test(tests, until_then);
    tcase_add_test(tests, not_while_the_gil_is_held);
    tcase_add_test(tests, not_when_the_tick_was_not_quiet);
    tcase_add_test(tests, woken_by_who_takes_the_gil);
    tcase_add_test(tests, in_vain);
    tcase_add_test(tests, one_gil_only);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
