/* SPDX-License-Identifier: MIT */
/* intern: everything once by content, ids from 1 in order, limits, generations; idmap and vec. */
#include "format/chunk.h"
#include "record/decode/intern.h"
#include "record/tables/vec.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>

static struct intern in;

static void setup(void)
{
    intern_init(&in);
}

static void teardown(void)
{
    intern_clear(&in);
}

START_TEST(test_strings)
{
    ck_assert_uint_eq(intern_string(&in, "", 0), 0);
    ck_assert_uint_eq(intern_string(&in, "main", 4), 1);
    ck_assert_uint_eq(intern_string(&in, "main.py", 7), 2);
    ck_assert_uint_eq(intern_string(&in, "main", 4), 1);
    ck_assert_uint_eq(intern_string(&in, "main.py", 4), 1); /* by length, not by NUL */
    ck_assert_uint_eq(intern_string(&in, "mai\0", 4), 3);
    ck_assert_uint_eq(intern_string(&in, "mai\\x00", 7), 3);
    ck_assert_str_eq(intern_get_string(&in, 2), "main.py");
    ck_assert_str_eq(intern_get_string(&in, 3), "mai\\x00");
    ck_assert_str_eq(intern_get_string(&in, 0), "");
    ck_assert_uint_eq(in.count.strings, 3);
}
END_TEST

START_TEST(test_long_strings)
{
    char *name = malloc(2 * LIMIT_STRING);
    memset(name, 'x', 2 * LIMIT_STRING);
    const uint32_t whole = intern_string(&in, name, LIMIT_STRING);
    ck_assert_uint_eq(strlen(intern_get_string(&in, whole)), LIMIT_STRING);
    ck_assert_uint_eq(intern_string(&in, name, LIMIT_STRING + 1), whole);
    ck_assert_uint_eq(intern_string(&in, name, 2 * LIMIT_STRING), whole);
    memset(name, 0xff, 2 * LIMIT_STRING); /* each becomes four */
    const uint32_t escaped = intern_string(&in, name, LIMIT_STRING);
    ck_assert_uint_eq(strlen(intern_get_string(&in, escaped)), LIMIT_STRING);
    free(name);
}
END_TEST

START_TEST(test_functions_locations_stacks)
{
    const struct intern_function f = {.name = 1, .file = 2, .line = 10, .kind = INTERN_PYTHON};
    const struct intern_function other_line = {
        .name = 1, .file = 2, .line = 11, .kind = INTERN_PYTHON};
    const struct intern_function other_kind = {
        .name = 1, .file = 2, .line = 10, .kind = INTERN_FAILED};
    const struct intern_function other_place = {
        .name = 1, .file = 2, .line = 10, .kind = INTERN_PYTHON, .module = 1, .address = 4096};
    ck_assert_uint_eq(intern_function(&in, &f), 1);
    ck_assert_uint_eq(intern_function(&in, &other_line), 2);
    ck_assert_uint_eq(intern_function(&in, &other_kind), 3);
    ck_assert_uint_eq(intern_function(&in, &other_place), 4);
    ck_assert_uint_eq(intern_function(&in, &f), 1);

    const struct intern_location at = {1, 12, 13, 4, 9, 0};
    struct intern_location near = at;
    ck_assert_uint_eq(intern_location(&in, &at), 1);
    near.end_column = 10;
    ck_assert_uint_eq(intern_location(&in, &near), 2);
    ck_assert_uint_eq(intern_location(&in, &at), 1);

    ck_assert_uint_eq(intern_stack(&in, 0, 1), 1);
    ck_assert_uint_eq(intern_stack(&in, 1, 2), 2);
    ck_assert_uint_eq(intern_stack(&in, 1, 1), 3);
    ck_assert_uint_eq(intern_stack(&in, 1, 2), 2);
    ck_assert_uint_eq(in.count.stacks, 3);
    ck_assert_uint_eq(in.lost, 0);
}
END_TEST

START_TEST(test_markers)
{
    const uint32_t cut = intern_marker(&in, INTERN_TRUNCATED, "cut");
    ck_assert_uint_eq(cut, 1);
    ck_assert_uint_eq(intern_marker(&in, INTERN_TRUNCATED, "cut"), 1);
    ck_assert_uint_eq(intern_marker(&in, INTERN_FAILED, "cut"), 2);
    const struct intern_location *location = &in.locations[cut - 1];
    const struct intern_function *function = &in.functions[location->function - 1];
    ck_assert_uint_eq(function->kind, INTERN_TRUNCATED);
    ck_assert_str_eq(intern_get_string(&in, function->name), "cut");
    ck_assert_int_eq(location->line, 0);
    ck_assert_int_eq(location->column, -1);
}
END_TEST

/* Nothing can hang on an entry that could not be made. */
START_TEST(test_none_spreads)
{
    const struct intern_location nowhere = {0, 1, 1, -1, -1, 0};
    ck_assert_uint_eq(intern_location(&in, &nowhere), 0);
    ck_assert_uint_eq(intern_stack(&in, 0, 0), 0);
    ck_assert_uint_eq(in.lost, 2);
    ck_assert(intern_full(&in));
    intern_restart(&in);
    ck_assert(!intern_full(&in));
}
END_TEST

START_TEST(test_many)
{
    enum { MANY = 300000 };
    const struct intern_function f = {.name = 1, .file = 1, .line = 1};
    intern_function(&in, &f);
    for (uint32_t round = 0; round < 2; round++)
        for (uint32_t i = 0; i < MANY; i++) {
            const struct intern_location location = {1, (int32_t)i, (int32_t)i, -1, -1, 0};
            char name[32];
            const int len = snprintf(name, sizeof name, "f%u", i);
            if (intern_string(&in, name, (size_t)len) != i + 1 ||
                intern_location(&in, &location) != i + 1 || intern_stack(&in, i, i + 1) != i + 1)
                ck_abort_msg("entry %u of round %u", i, round);
        }
    ck_assert_uint_eq(in.count.stacks, MANY);
    ck_assert_uint_gt(intern_bytes(&in), MANY * (8u + 8 + 20 + 8));
    ck_assert_uint_lt(intern_bytes(&in), 64u << 20);
    ck_assert(!intern_full(&in));
    intern_restart(&in);
    ck_assert_uint_eq(intern_bytes(&in), 0);
    ck_assert_uint_eq(intern_string(&in, "new", 3), 1);
    ck_assert_uint_eq(in.sent.strings, 0);
}
END_TEST

/* The soft limit speaks up long before the hard one refuses. */
START_TEST(test_limits)
{
    bool was_full = false;
    for (uint32_t i = 0; i < LIMIT_IDS + 10; i++) {
        const uint32_t id = intern_stack(&in, i, 1);
        if (id != (i < LIMIT_IDS - 1 ? i + 1 : 0))
            ck_abort_msg("stack %u has id %u", i, id);
        if (!was_full && intern_full(&in)) {
            ck_assert_uint_le(in.count.stacks, LIMIT_IDS / 2);
            ck_assert_uint_eq(in.lost, 0);
            was_full = true;
        }
    }
    ck_assert(was_full);
    ck_assert_uint_eq(in.lost, 11);
}
END_TEST

START_TEST(test_text_limit)
{
    char *name = malloc(LIMIT_STRING);
    memset(name, 'y', LIMIT_STRING);
    uint32_t n = 0;
    for (; in.lost == 0; n++) {
        memcpy(name, &(uint32_t){n | 0x40404040}, 4);
        intern_string(&in, name, LIMIT_STRING);
    }
    ck_assert_uint_le(in.text_len, LIMIT_STRING_BYTES);
    ck_assert_uint_ge(n, LIMIT_STRING_BYTES / LIMIT_STRING - 1);
    free(name);
}
END_TEST

START_TEST(test_vec)
{
    uint64_t *items = NULL;
    uint32_t capacity = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert(vec_room(&items, &capacity, i + 1, sizeof *items));
        items[i] = i;
    }
    ck_assert_uint_lt(capacity, 2100);
    ck_assert(!vec_room(&items, &capacity, UINT64_MAX / 2, sizeof *items));
    for (uint32_t i = 0; i < 1000; i++)
        if (items[i] != i)
            ck_abort_msg("item %u", i);
    free(items);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("intern");
    TCase *tc = tcase_create("intern");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_strings);
    tcase_add_test(tc, test_long_strings);
    tcase_add_test(tc, test_functions_locations_stacks);
    tcase_add_test(tc, test_markers);
    tcase_add_test(tc, test_none_spreads);
    tcase_add_test(tc, test_many);
    tcase_add_test(tc, test_limits);
    tcase_add_test(tc, test_text_limit);
    tcase_add_test(tc, test_vec);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
