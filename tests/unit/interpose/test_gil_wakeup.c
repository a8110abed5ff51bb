/* SPDX-License-Identifier: MIT */
/* gil_wakeup: a made-up GIL, and threads that take it. */
#include "record/agent/base/clock.h"
#include "record/agent/interpose/gil_wakeup.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT    2u
#define ROUNDS 4000 /* in each of them the other thread can run */

static struct gil {
    _Atomic int locked;
    pthread_mutex_t mutex;
    pthread_cond_t dropped, taken;
} gil = {0, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER};

static pthread_cond_t elsewhere = PTHREAD_COND_INITIALIZER;
static _Atomic uint32_t word;

/* In the order in which CPython does it. */
static void take(void)
{
    pthread_mutex_lock(&gil.mutex);
    atomic_store_explicit(&gil.locked, 1, memory_order_relaxed);
    pthread_cond_signal(&gil.taken);
    pthread_mutex_unlock(&gil.mutex);
}

static void drop(void)
{
    pthread_mutex_lock(&gil.mutex);
    atomic_store_explicit(&gil.locked, 0, memory_order_release);
    pthread_cond_signal(&gil.dropped);
    pthread_mutex_unlock(&gil.mutex);
}

static bool works(void)
{
    return gil_wakeup_works((uintptr_t)&gil, sizeof(gil));
}

/* Each test is a process of its own. */
static void setup(void)
{
    ck_assert(!works());
    take();
    drop();
    ck_assert(works());
}

START_TEST(test_proof)
{
    ck_assert_msg(!gil_wakeup_works((uintptr_t)&elsewhere, sizeof(elsewhere)), "another GIL");
    ck_assert_msg(!works(), "and back");
    pthread_cond_signal(&elsewhere);
    ck_assert(!works());
    take();
    ck_assert_msg(!works(), "one variable may be that of the drop");
    take();
    ck_assert(!works());
    drop();
    ck_assert(works());
}
END_TEST

START_TEST(test_rings_once)
{
    const uint64_t before = clock_now();
    gil_wakeup_arm(&word, BIT);
    pthread_cond_signal(&elsewhere);
    ck_assert_uint_eq(atomic_load(&word), 0);
    take();
    ck_assert_uint_eq(atomic_load(&word), BIT);
    const uint64_t after = clock_now();
    atomic_store(&word, 0);
    drop();
    ck_assert_msg(atomic_load(&word) == 0, "it had rung");
    const uint64_t rang = gil_wakeup_disarm();
    ck_assert(rang >= before && rang <= after);
    take();
    drop();
    ck_assert_msg(atomic_load(&word) == 0, "it is not armed");
    gil_wakeup_arm(&word, BIT);
    ck_assert_uint_eq(gil_wakeup_disarm(), 0);
}
END_TEST

START_TEST(test_fork)
{
    gil_wakeup_arm(&word, BIT);
    gil_wakeup_reset(); /* as a child would */
    take();
    ck_assert_uint_eq(atomic_load(&word), 0);
    ck_assert(works());
}
END_TEST

static _Atomic int go_on;

static void *take_and_drop(void *unused)
{
    while (atomic_load(&go_on)) {
        take();
        drop();
    }
    return unused;
}

/* Whoever goes to sleep with an armed bell and a free GIL is woken by the next one to take it. */
START_TEST(test_wakes)
{
    pthread_t thread;
    const struct timespec long_time = {.tv_sec = 40}; /* only who is not woken waits for it */
    unsigned slept = 0;
    atomic_store(&go_on, 1);
    ck_assert_int_eq(pthread_create(&thread, NULL, take_and_drop, NULL), 0);
    for (int i = 0; i < ROUNDS || slept == 0; i++) {
        gil_wakeup_arm(&word, BIT);
        if (atomic_load(&gil.locked) == 0) {
            const bool is_over =
                syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &long_time, NULL, 0) != 0 &&
                errno == ETIMEDOUT;
            ck_assert_msg(!is_over, "round %d: nobody rang", i);
            slept += gil_wakeup_disarm() != 0; /* else it was a late ring of the round before */
        } else {
            (void)gil_wakeup_disarm();
            sched_yield(); /* whoever has it may be waiting for this CPU */
        }
        atomic_fetch_and(&word, ~BIT);
    }
    atomic_store(&go_on, 0);
    pthread_join(thread, NULL);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("gil_wakeup");
    TCase *const tests = tcase_create("gil_wakeup");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, test_proof);
    tcase_add_test(tests, test_rings_once);
    tcase_add_test(tests, test_fork);
    tcase_add_test(tests, test_wakes);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
