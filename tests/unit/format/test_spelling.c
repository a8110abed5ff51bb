/* SPDX-License-Identifier: MIT */
/* spelling: distances that can be counted by hand. */
#include "format/base/spelling.h"
#include "tests/unit/support/suite.h"

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

static bool is_ascii(const char *all, const char *characters, const char *language)
{
    const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *const values[] = {all, characters, language};
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(values[i] != NULL ? setenv(names[i], values[i], 1) : unsetenv(names[i]),
                         0);
    return spelling_is_ascii();
}

START_TEST(locales)
{
    ck_assert(is_ascii(NULL, NULL, NULL));
    ck_assert(is_ascii("C", "C.UTF-8", "C.UTF-8")); /* the first that is set */
    ck_assert(is_ascii("", "POSIX", "de_DE.UTF-8"));
    ck_assert(!is_ascii(NULL, "", "de_DE.utf8"));
    ck_assert(!is_ascii("C.UTF-8", "C", "C"));
}
END_TEST

START_TEST(escapes)
{
    char to[SPELLING_ESCAPE];
    ck_assert_uint_eq(spelling_escape(to, 0xe9), 4);
    ck_assert_str_eq(to, "\\xe9");
    ck_assert_uint_eq(spelling_escape(to, 0x2026), 6);
    ck_assert_str_eq(to, "\\u2026");
    ck_assert_uint_eq(spelling_escape(to, 0x1f600), 10);
    ck_assert_str_eq(to, "\\U0001f600");
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("spelling");
    TCase *const tests = tcase_create("spelling");
    tcase_add_test(tests, distances);
    tcase_add_test(tests, too_long);
    tcase_add_test(tests, locales);
    tcase_add_test(tests, escapes);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
