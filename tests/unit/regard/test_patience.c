/* SPDX-License-Identifier: MIT */
#include "record/inject/patience.h"
#include "tests/unit/support/suite.h"

#define S 1000000000ull

/* What has happened until it was over, in ms since the beginning; -1 = it has not. */
struct course {
    int64_t told_ms, over_ms;
    bool was_starved;
};

/* Polled every millisecond from some time on; runnable and without a CPU from one second to
 * another. */
static struct course wait_through(uint64_t from_s, uint64_t to_s)
{
    struct patience patience = {.begin_ns = 0};
    struct course course = {-1, -1, false};
    const uint64_t begin = 1000 * S;
    for (uint64_t ms = 0; course.over_ms < 0; ms++) {
        const uint64_t now = begin + ms * 1000000;
        ck_assert_uint_lt(ms, 200000);
        if (patience_is_due(&patience, now))
            patience_look(&patience, now, ms >= from_s * 1000 && ms < to_s * 1000, 0);
        if (patience_is_slow(&patience)) {
            ck_assert_int_eq(course.told_ms, -1);
            course.told_ms = (int64_t)ms;
        }
        if (patience_is_over(&patience, now))
            course.over_ms = (int64_t)ms;
    }
    course.was_starved = patience_was_starved(&patience);
    return course;
}

#define LOOK_MS ((int64_t)PATIENCE_LOOK_NS / 1000000 + 1)

START_TEST(test_who_does_not_come)
{
    const struct course course = wait_through(0, 0);
    ck_assert_int_eq(course.told_ms, -1);
    ck_assert_int_eq(course.over_ms, 10001);
    ck_assert(!course.was_starved);
}
END_TEST

START_TEST(test_who_gets_no_cpu)
{
    const struct course course = wait_through(0, 1000);
    ck_assert_int_ge(course.told_ms, 3000);
    ck_assert_int_le(course.told_ms, 3000 + LOOK_MS);
    ck_assert_int_ge(course.over_ms, 60000);
    ck_assert_int_le(course.over_ms, 60000 + LOOK_MS);
    ck_assert(course.was_starved);
}
END_TEST

/* A crowd for a while is made up for; what is not its fault counts all the same. */
START_TEST(test_who_gets_none_for_a_while)
{
    struct course course = wait_through(5, 35);
    ck_assert_int_ge(course.told_ms, 8000);
    ck_assert_int_le(course.told_ms, 8000 + LOOK_MS);
    ck_assert_int_ge(course.over_ms, 40000 - LOOK_MS);
    ck_assert_int_le(course.over_ms, 40000 + LOOK_MS);
    ck_assert(!course.was_starved);
    course = wait_through(1, 3);
    ck_assert_int_eq(course.told_ms, -1);
    ck_assert_int_ge(course.over_ms, 12000 - LOOK_MS);
    ck_assert_int_le(course.over_ms, 12000 + LOOK_MS);
}
END_TEST

/* We had none ourselves: at the next look all that time is like what is seen then. */
START_TEST(test_two_looks_far_apart)
{
    struct patience patience = {.begin_ns = 0};
    ck_assert(!patience_is_due(&patience, S));
    ck_assert(patience_is_due(&patience, 21 * S));
    patience_look(&patience, 21 * S, true, 0);
    ck_assert_uint_eq(patience.starved_ns, 20 * S);
    ck_assert(!patience_is_over(&patience, 21 * S));
    ck_assert(patience_is_slow(&patience));
    ck_assert(!patience_is_slow(&patience));
    ck_assert(patience_is_over(&patience, 31 * S + 1));
}
END_TEST

/* A thread that runs is no thread that gets no CPU; in a crowd it has its share. */
START_TEST(test_who_runs)
{
    struct patience patience = {.begin_ns = 0};
    (void)patience_is_due(&patience, S);
    patience_look(&patience, 2 * S, true, S);
    ck_assert_uint_eq(patience.starved_ns, 0);
    patience_look(&patience, 3 * S, true, 2 * S); /* brought up to date late */
    ck_assert_uint_eq(patience.starved_ns, 0);
    patience_look(&patience, 4 * S, true, S / 4);
    ck_assert_uint_eq(patience.starved_ns, 3 * S / 4);
    patience_look(&patience, 5 * S, false, 0);
    ck_assert_uint_eq(patience.starved_ns, 3 * S / 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("patience");
    TCase *tc = tcase_create("patience");
    tcase_add_test(tc, test_who_does_not_come);
    tcase_add_test(tc, test_who_gets_no_cpu);
    tcase_add_test(tc, test_who_gets_none_for_a_while);
    tcase_add_test(tc, test_two_looks_far_apart);
    tcase_add_test(tc, test_who_runs);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
