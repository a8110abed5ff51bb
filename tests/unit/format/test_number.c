/* SPDX-License-Identifier: MIT */
/* number: what people type, and what they do not mean. bisect: beside a search one by one. */
#include "format/base/bisect.h"
#include "format/base/number.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

static const double time_factors[] = {1, 60, 3600};

START_TEST(times)
{
    static const struct {
        const char *text;
        double number; /* -1: none */
    } cases[] = {
        {"0", 0},     {"2", 2},    {"2.5", 2.5}, {"2.", 2},     {"10s", 10}, {"1.5m", 90},
        {"2h", 7200}, {"", -1},    {"s", -1},    {"-1", -1},    {"+1", -1},  {" 1", -1},
        {"1 ", -1},   {"1e3", -1}, {"0x10", -1}, {"inf", -1},   {"nan", -1}, {"1.2.3", -1},
        {"1sm", -1},  {"1d", -1},  {".5", -1},   {"1001h", -1}, {"1_0", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double number = -1;
        const bool is = number_parse(cases[i].text, "smh", time_factors, 0, 3.6e6, &number);
        ck_assert_msg(is == (cases[i].number >= 0), "\"%s\"", cases[i].text);
        if (is)
            ck_assert_double_eq(number, cases[i].number);
    }
}
END_TEST

START_TEST(borders)
{
    double number;
    ck_assert(number_parse("1", "", NULL, 1, 5, &number));
    ck_assert(number_parse("5", "", NULL, 1, 5, &number));
    ck_assert(!number_parse("0.999", "", NULL, 1, 5, &number));
    ck_assert(!number_parse("5.001", "", NULL, 1, 5, &number));
    ck_assert(!number_parse("1s", "", NULL, 1, 5, &number));
}
END_TEST

START_TEST(bytes)
{
    double number;
    ck_assert(number_parse_bytes("500", 1, 1e12, &number) && number == 500);
    ck_assert(number_parse_bytes("1.5K", 1, 1e12, &number) && number == 1536);
    ck_assert(number_parse_bytes("1k", 1, 1e12, &number) && number == 1024);
    ck_assert(number_parse_bytes("8M", 1, 1e12, &number) && number == 8388608);
    ck_assert(number_parse_bytes("8m", 1, 1e12, &number) && number == 8388608);
    ck_assert(number_parse_bytes("1G", 1, 1e12, &number) && number == 1073741824);
    ck_assert(number_parse_bytes("1g", 1, 1e12, &number) && number == 1073741824);
    ck_assert(!number_parse_bytes("1T", 1, 1e12, &number));
    ck_assert(!number_parse_bytes("1KB", 1, 1e12, &number));
    ck_assert(!number_parse_bytes("0", 1, 1e12, &number));
    ck_assert(!number_parse_bytes("1000G", 1, 1e12, &number));
}
END_TEST

static bool is_smaller(const void *list, size_t i, const void *key)
{
    return ((const uint32_t *)list)[i] < *(const uint32_t *)key;
}

START_TEST(where_it_would_be)
{
    static const uint32_t list[] = {1, 3, 3, 3, 8, 9, 20};
    for (size_t n = 0; n <= sizeof list / sizeof *list; n++) {
        for (uint32_t key = 0; key < 22; key++) {
            size_t wanted = 0;
            while (wanted < n && list[wanted] < key)
                wanted++;
            ck_assert_uint_eq(bisect(list, n, is_smaller, &key), wanted);
        }
    }
    ck_assert_uint_eq(bisect(NULL, 0, is_smaller, list), 0);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("number");
    TCase *const tests = tcase_create("number");
    tcase_add_test(tests, times);
    tcase_add_test(tests, borders);
    tcase_add_test(tests, bytes);
    tcase_add_test(tests, where_it_would_be);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
