/* SPDX-License-Identifier: MIT */
#include "analyze/ask/moment.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define S INT64_C(1000000000)

/* 2024-05-06 07:08:09.5 UTC */
#define START (INT64_C(1714979289) * S + S / 2)

/* What a text is on the clock of a recording of an hour in which the clock was set. */
static int64_t at_with(const struct wall *wall, const char *text)
{
    struct moment moment;
    struct problem why = {0};
    ck_assert_msg(moment_parse(&moment, "from", text, &why) == STATUS_OK, "%s", why.detail);
    const struct moment_span span = {START, 3600 * (uint64_t)S, wall};
    return moment_resolve(&moment, &span);
}

static int64_t at(const char *text)
{
    const struct wall none = {0};
    return at_with(&none, text);
}

static void zone(const char *name)
{
    setenv("TZ", name, 1);
    tzset();
}

START_TEST(since_start)
{
    ck_assert_int_eq(at("0"), 0);
    ck_assert_int_eq(at("12.5"), 12 * S + S / 2);
    ck_assert_int_eq(at("12.5s"), 12 * S + S / 2);
    ck_assert_int_eq(at("0.000000001"), 1);
    ck_assert_int_eq(at("2m"), 120 * S);
    ck_assert_int_eq(at("2min"), 120 * S);
    ck_assert_int_eq(at("1.5m"), 90 * S);
    ck_assert_int_eq(at("250ms"), S / 4);
    ck_assert_int_eq(at("0.5ms"), S / 2000);
    ck_assert_int_eq(at("1h30m"), 5400 * S);
    ck_assert_int_eq(at("1d2h3m4.25s"), (86400 + 7384) * S + S / 4);
    ck_assert_int_eq(at("1.123456789h"), 4044444440400);
}
END_TEST

START_TEST(before_end)
{
    ck_assert_int_eq(at("-30s"), 3570 * S);
    ck_assert_int_eq(at("-30"), 3570 * S);
    ck_assert_int_eq(at("-2h"), -3600 * S);
}
END_TEST

START_TEST(of_day)
{
    zone("UTC");
    ck_assert_int_eq(at("07:08:10"), S / 2);
    ck_assert_int_eq(at("07:08:09.75"), S / 4);
    ck_assert_int_eq(at("7:30"), (21 * 60 + 50) * S + S / 2);
    ck_assert_int_eq(at("07:00"), -(8 * 60 + 9) * S - S / 2);
    zone("XYZ-02:00"); /* east of Greenwich */
    ck_assert_int_eq(at("09:08:10"), S / 2);
    zone("XYZ-16:30"); /* midnight is within the recording */
    ck_assert_int_eq(at("23:40:00"), 110 * S + S / 2);
    ck_assert_int_eq(at("00:10:00"), (31 * 60 + 50) * S + S / 2);
    zone("UTC");
}
END_TEST

START_TEST(dates)
{
    zone("UTC");
    ck_assert_int_eq(at("2024-05-06 07:08:10"), S / 2);
    ck_assert_int_eq(at("2024-05-06T07:09"), 50 * S + S / 2);
    ck_assert_int_eq(at("2024-05-07"), (16 * 3600 + 51 * 60 + 50) * S + S / 2);
    zone("XYZ-02:00");
    ck_assert_int_eq(at("2024-05-06 09:08:10"), S / 2);
    ck_assert_int_eq(at("2024-05-06T07:08:10Z"), S / 2);
    ck_assert_int_eq(at("2024-05-06T02:38:10-04:30"), S / 2);
    ck_assert_int_eq(at("2024-05-06T12:38:10+0530"), S / 2);
    ck_assert_int_eq(at("2024-05-06T09:08:10+02"), S / 2);
    zone("UTC");
}
END_TEST

/* After ten minutes an hour forward, after twenty two hours back. */
START_TEST(clock_set)
{
    struct wall wall = {0};
    zone("UTC");
    wall_add(&wall, (struct wall_step){600 * (uint64_t)S, 3600 * S});
    wall_add(&wall, (struct wall_step){1200 * (uint64_t)S, -7200 * S});
    wall_settle(&wall);
    ck_assert_int_eq(at_with(&wall, "2m"), 120 * S);
    ck_assert_int_eq(at_with(&wall, "-30s"), 3570 * S);
    static const struct {
        const char *of_day, *date;
        int64_t ns;
    } cases[] = {
        {"07:08:10", "2024-05-06T07:08:10Z", S / 2},
        {"07:18:09", "2024-05-06T07:18:09Z", 600 * S - S / 2},
        {"07:30", "2024-05-06T07:30Z", 600 * S}, /* never shown: it was set forward over it */
        {"08:18:10", "2024-05-06T08:18:10Z", 600 * S + S / 2},
        {"08:28:09", "2024-05-06T08:28:09Z", 1200 * S - S / 2},
        {"06:28:10", "2024-05-06T06:28:10Z", 1200 * S + S / 2}, /* only after it was set back */
        {"06:50", "2024-05-06T06:50Z", 1200 * S + (21 * 60 + 50) * S + S / 2},
        {"07:08:09.5", "2024-05-06T07:08:09.5Z", 0}, /* shown twice: the first time */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(at_with(&wall, cases[i].of_day), cases[i].ns);
        ck_assert_int_eq(at_with(&wall, cases[i].date), cases[i].ns);
    }
    /* never shown: before the start by the first clock, after the end by the last one */
    ck_assert_int_eq(at_with(&wall, "2024-05-06T06:08:09.5Z"), -3600 * S);
    ck_assert_int_eq(at_with(&wall, "2024-05-06T09:08:09.5Z"), 3 * 3600 * S);
    wall_clear(&wall);
}
END_TEST

/* It is set forward over midnight: times of the next day are in the recording. */
START_TEST(clock_set_to_another_day)
{
    struct wall wall = {0};
    zone("UTC");
    wall_add(&wall, (struct wall_step){600 * (uint64_t)S, 20 * 3600 * S});
    wall_settle(&wall);
    ck_assert_int_eq(at_with(&wall, "03:18:10"), 600 * S + S / 2);
    ck_assert_int_eq(at_with(&wall, "2024-05-07 03:18:10"), 600 * S + S / 2);
    ck_assert_int_eq(at_with(&wall, "00:30"), 600 * S);
    wall_clear(&wall);
}
END_TEST

/* Every process notes a step; two recorders on one machine note it with other figures. */
START_TEST(steps)
{
    struct wall wall = {0};
    ck_assert_int_eq(wall_ahead_ns(&wall, 5), 0);
    wall_add(&wall, (struct wall_step){9 * (uint64_t)S, -S});
    wall_add(&wall, (struct wall_step){2 * (uint64_t)S + 50, 3600 * S});
    wall_add(&wall, (struct wall_step){2 * (uint64_t)S, 3600 * S});
    wall_add(&wall, (struct wall_step){2 * (uint64_t)S + 700000000, 3600 * S + 4000});
    wall_add(&wall, (struct wall_step){2 * (uint64_t)S + 1000, -3600 * S}); /* and back at once */
    wall_add(&wall, (struct wall_step){5 * (uint64_t)S, INT64_MIN});
    wall_add(&wall, (struct wall_step){UINT64_MAX, S});
    wall_settle(&wall);
    ck_assert_uint_eq(wall.n, 3);
    wall_add(&wall, (struct wall_step){9 * (uint64_t)S + 1, -S});
    wall_settle(&wall);
    ck_assert_uint_eq(wall.n, 3);
    ck_assert_int_eq(wall_ahead_ns(&wall, 2 * (uint64_t)S - 1), 0);
    ck_assert_int_eq(wall_ahead_ns(&wall, 2 * (uint64_t)S), 3600 * S);
    ck_assert_int_eq(wall_ahead_ns(&wall, 2 * (uint64_t)S + 1000), 0);
    ck_assert_int_eq(wall_ahead_ns(&wall, UINT64_MAX), -S);
    wall_clear(&wall);
}
END_TEST

START_TEST(nonsense)
{
    static const char *const texts[] = {
        "",
        "-",
        "x",
        "5x",
        "5s5",
        "1.",
        "s",
        "--5",
        "25:00",
        "12:60",
        "1:2:3:4",
        "2024-13-01",
        "2024-5",
        "2024-02-30",
        "2024-05-06 ",
        "12:00pm",
        "99999999999",
        "9999999999999d",
        "1e3",
        "2024-05-06T07:08:09+99",
        "-12:00",
        "12.5.5",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct moment moment;
        struct problem why = {0};
        ck_assert_msg(moment_parse(&moment, "to", texts[i], &why) == STATUS_USAGE, "\"%s\"",
                      texts[i]);
        ck_assert_ptr_nonnull(strstr(why.detail, "--to wants a time"));
    }
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("moment");
    TCase *const tests = tcase_create("moment");
    tcase_add_test(tests, since_start);
    tcase_add_test(tests, before_end);
    tcase_add_test(tests, of_day);
    tcase_add_test(tests, dates);
    tcase_add_test(tests, clock_set);
    tcase_add_test(tests, clock_set_to_another_day);
    tcase_add_test(tests, steps);
    tcase_add_test(tests, nonsense);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
