/* SPDX-License-Identifier: MIT */
/* unmangle: names of both languages, what only looks so, and names that stand for endless ones. */
#include "analyze/names/unmangle.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;

START_TEST(test_names)
{
    static const struct {
        const char *name, *shown;
    } cases[] = {
        {"_Z3foov", "foo()"},
        {"_ZN3foo3barEi", "foo::bar(int)"},
        {"_ZNK5Eigen6MatrixIdLi3ELi3EE4normEv", "Eigen::Matrix<double, 3, 3>::norm() const"},
        {"_Z3maxIiET_S0_S0_", "max<int>(int, int)"}, /* not what it returns */
        {"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad"},
        {"_RNvC6_123foo3bar", "123foo::bar"},
        {"_RINvNtC3std3mem8align_ofjE", "std::mem::align_of::<usize>"},
        {"_Zebra", "_Zebra"},
        {"_Random", "_Random"},
        {"_Z", "_Z"},
        {"_R", "_R"},
        {"main", "main"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const shown = unmangle_name(&arena, cases[i].name);
        ck_assert_str_eq(shown, unmangle_is_there() ? cases[i].shown : cases[i].name);
    }
}
END_TEST

/* Each pair is one of the pair before: 2^30 names. */
START_TEST(test_endless)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char name[1024] = "_Z1fI1PIiiE", *at = name + strlen(name);
    for (unsigned i = 0; i < 30; i++)
        at += sprintf(at, "S0_IS%c_S%c_E", digits[i + 1], digits[i + 1]);
    strcpy(at, "Evv");
    ck_assert_ptr_eq(unmangle_name(&arena, name), name);
    static char longer[2 * UNMANGLE_FROM_MAX];
    const int from = sprintf(longer, "_Z%u", UNMANGLE_FROM_MAX);
    memset(longer + from, 'a', UNMANGLE_FROM_MAX);
    ck_assert_ptr_eq(unmangle_name(&arena, longer), longer);
}
END_TEST

/* Anything that a damaged file may hold. */
START_TEST(test_damaged)
{
    static const char letters[] = "_ZRNSIEKPLvijcTC0123456789hWuBYFDts.";
    uint64_t state = 5;
    for (unsigned round = 0; round < 20000; round++) {
        char name[64] = "_Z";
        name[1] = round % 2 == 0 ? 'Z' : 'R';
        for (size_t i = 2; i < 2 + round % 60; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            name[i] = letters[(state >> 33) % (sizeof letters - 1)];
        }
        ck_assert_uint_le(strlen(unmangle_name(&arena, name)), UNMANGLE_TO_MAX);
        arena_reset(&arena);
    }
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("unmangle");
    TCase *const tc = tcase_create("unmangle");
    tcase_add_test(tc, test_names);
    tcase_add_test(tc, test_endless);
    tcase_add_test(tc, test_damaged);
    suite_add_tcase(suite, tc);
    const int status = suite_run(suite);
    arena_clear(&arena);
    return status;
}
