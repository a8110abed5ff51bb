/* SPDX-License-Identifier: MIT */
/* spelling: distances that can be counted by hand. */
#include "format/spelling.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

START_TEST(distances)
{
    ck_assert_uint_eq(spelling_distance("", ""), 0);
    ck_assert_uint_eq(spelling_distance("lines", "lines"), 0);
    ck_assert_uint_eq(spelling_distance("", "lines"), 5);
    ck_assert_uint_eq(spelling_distance("line", "lines"), 1);
    ck_assert_uint_eq(spelling_distance("liens", "lines"), 1); /* neighbours swapped */
    ck_assert_uint_eq(spelling_distance("loins", "lines"), 2);
    ck_assert_uint_eq(spelling_distance("kitten", "sitting"), 3);
}
END_TEST

/* A word that is too long is near to nothing, however long a third of it may be. */
START_TEST(too_long)
{
    char word[202];
    for (size_t i = 0; i < sizeof word - 1; i++)
        word[i] = 'x';
    word[sizeof word - 1] = '\0';
    ck_assert_uint_eq(spelling_distance(word, "rate"), SIZE_MAX);
    ck_assert_uint_eq(spelling_distance("rate", word), SIZE_MAX);
    word[SPELLING_MAX] = '\0';
    ck_assert_uint_eq(spelling_distance(word, ""), SPELLING_MAX);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("spelling");
    TCase *const tests = tcase_create("spelling");
    tcase_add_test(tests, distances);
    tcase_add_test(tests, too_long);
    suite_add_tcase(suite, tests);
    SRunner *const runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
