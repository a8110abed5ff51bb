/* SPDX-License-Identifier: MIT */
/* pace: a made-up sampler with a known cost per tick. */
#include "record/agent/sample/pace.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <stdlib.h>

#define INTERVAL_NS 1000000u

static struct pace pace;
static uint64_t now_ns, cost_ns, n_ticks, n_changes;

static void start(uint64_t limit_ppm)
{
    pace_init(&pace, limit_ppm, INTERVAL_NS);
    now_ns = 5000000000u;
    cost_ns = n_ticks = n_changes = 0;
}

/* So much time passes, with ticks that cost so much each. The share of it that they took. */
static double run(uint64_t ns, uint64_t each_ns)
{
    const uint64_t end_ns = now_ns + ns, cost_before = cost_ns;
    while (now_ns < end_ns) {
        now_ns += pace.stride * INTERVAL_NS;
        cost_ns += each_ns;
        n_ticks++;
        n_changes += pace_look(&pace, now_ns, cost_ns, n_ticks);
    }
    return (double)(cost_ns - cost_before) / (double)ns;
}

START_TEST(no_limit)
{
    start(0);
    run(2000000000u, 900000);
    ck_assert_uint_eq(pace.stride, 1);
    ck_assert_uint_eq(n_changes, 0);
}
END_TEST

START_TEST(below_the_limit)
{
    start(20000); /* 2 % */
    run(2000000000u, 15000);
    ck_assert_uint_eq(pace.stride, 1);
    ck_assert_uint_eq(n_changes, 0);
}
END_TEST

START_TEST(stays_below)
{
    start(10000);                      /* 1 % = 10 us per interval; a tick costs 65 us */
    ck_assert_uint_eq(pace.stride, 2); /* by guess, and that is told */
    ck_assert(pace_look(&pace, now_ns, 0, 0));
    run(3000000000u, 65000);
    ck_assert_uint_eq(pace.stride, 7);
    ck_assert_double_le(run(2000000000u, 65000), 0.0101);
    ck_assert_uint_le(n_changes, 8);
}
END_TEST

/* It becomes cheaper: the rate comes back. */
START_TEST(comes_back)
{
    start(10000);
    run(1000000000u, 65000);
    run(4000000000u, 9000);
    ck_assert_uint_eq(pace.stride, 1);
}
END_TEST

/* A cost that wavers by a tenth does not make the rate swing. */
START_TEST(does_not_swing)
{
    start(10000);
    run(4000000000u, 98000);
    const uint64_t before = n_changes;
    for (int i = 0; i < 20; i++)
        run(300000000u, i % 2 ? 94000 : 99000);
    ck_assert_uint_le(n_changes - before, 1);
}
END_TEST

/* Whatever it costs, there is a tick in every second. */
START_TEST(never_stops)
{
    start(1);
    run(10000000000u, 5000000);
    ck_assert_uint_eq(pace.stride, 1000);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("pace");
    TCase *const tc = tcase_create("pace");
    tcase_add_test(tc, no_limit);
    tcase_add_test(tc, below_the_limit);
    tcase_add_test(tc, stays_below);
    tcase_add_test(tc, comes_back);
    tcase_add_test(tc, does_not_swing);
    tcase_add_test(tc, never_stops);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
