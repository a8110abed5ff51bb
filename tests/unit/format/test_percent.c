/* SPDX-License-Identifier: MIT */
/* percent: what is decoded, and what is none. */
#include "format/base/percent.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <string.h>

START_TEST(texts)
{
    static const struct {
        const char *text, *wanted; /* NULL: a % without two digits */
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"a%2Fb%2f", "a/b/"},
        {"%25%32%35", "%25"},
        {"%c3%A4", "\xc3\xa4"},
        {"%", NULL},
        {"a%2", NULL},
        {"%2g", NULL},
        {"%g2", NULL},
        {"%%2f", NULL},
        {"%2 f", NULL},
        {"%+1", NULL},
        {"%0x", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[16];
        size_t len = strlen(strcpy(text, cases[i].text));
        const bool is = percent_decode(text, &len);
        ck_assert_msg(is == (cases[i].wanted != NULL), "\"%s\"", cases[i].text);
        if (!is)
            continue;
        ck_assert_uint_eq(len, strlen(cases[i].wanted));
        ck_assert_mem_eq(text, cases[i].wanted, len);
    }
}
END_TEST

/* What ends within an escape is not read on, and a NUL is a byte like another. */
START_TEST(lengths)
{
    char text[] = "a%00b%2f";
    size_t len = 5;
    ck_assert(percent_decode(text, &len));
    ck_assert_uint_eq(len, 3);
    ck_assert_mem_eq(text, "a\0b", 3);
    char cut[] = "a%2f";
    for (len = 2; len < 4; len++)
        ck_assert(!percent_decode(cut, &len));
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("percent");
    TCase *const tests = tcase_create("percent");
    tcase_add_test(tests, texts);
    tcase_add_test(tests, lengths);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
