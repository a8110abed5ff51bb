/* SPDX-License-Identifier: MIT */
#include "analyze/model/dict.h"
#include "analyze/names/unmangle.h"

#include "format/chunk.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct dict dict;
static struct problem why;

static void setup(void)
{
    dict_reset(&dict);
}

static void teardown(void)
{
    dict_clear(&dict);
}

/* Two functions in one file, three locations, a stack of two frames. */
static enum status add_small(uint32_t first)
{
    char *strings[] = {"f", "g", "x.py"};
    uint32_t name[] = {first, first + 1}, file[] = {first + 2, first + 2}, line[] = {10, 20};
    uint32_t function[] = {first, first + 1, first};
    int32_t offset[] = {2, 0, -3};
    uint32_t up[] = {first, 1}, location[] = {first, first + 1};
    Pyrec__V1__Defs defs;
    pyrec__v1__defs__init(&defs);
    defs.first_string = defs.first_function = defs.first_location = defs.first_stack = first;
    defs.string = strings;
    defs.n_string = 3;
    defs.function_name = name;
    defs.function_file = file;
    defs.function_line = line;
    defs.n_function_name = defs.n_function_file = defs.n_function_line = 2;
    defs.location_function = function;
    defs.location_line = offset;
    defs.n_location_function = defs.n_location_line = 3;
    defs.stack_up = up;
    defs.stack_location = location;
    defs.n_stack_up = defs.n_stack_location = 2;
    return dict_add(&dict, &defs, &why);
}

START_TEST(keeps_what_is_defined)
{
    struct frame frames[4];
    ck_assert_int_eq(add_small(1), STATUS_OK);
    ck_assert_uint_eq(dict_frames(&dict, 2, frames, 4), 2);
    ck_assert_str_eq(frames[0].function, "g");
    ck_assert_uint_eq(frames[0].line, 20);
    ck_assert_str_eq(frames[1].function, "f");
    ck_assert_str_eq(frames[1].file, "x.py");
    ck_assert_uint_eq(frames[1].line, 12);
    ck_assert_uint_eq(dict.locations[3].line, 7); /* before its function's first line */
    ck_assert_uint_eq(dict_frames(&dict, 2, frames, 0), 2);
    ck_assert_str_eq(dict_frame(&dict, 0).function, "<no Python frames>");
    ck_assert_str_eq(dict_frame(&dict, DICT_STACK_LOST).function, "<lost definitions>");
    ck_assert_uint_eq(dict.n_lost, 0);
    dict_reset(&dict);
    ck_assert_int_eq(add_small(1), STATUS_OK);
}
END_TEST

/* Of Python p, C c and d, then Python q, C e, and a gap at the leaf: p c d q e gap. */
static void add_native(enum dict_native which)
{
    char *strings[] = {"p", "c", "d", "q", "e", "gap"};
    if (unmangle_is_there()) /* as C++ has it */
        strings[2] = "_Z1di";
    uint32_t ids[] = {1, 2, 3, 4, 5, 6}, none[6] = {0}, up[] = {1, 1, 1, 1, 1, 1};
    uint32_t kind[] = {PYREC__V1__DEFS__KIND__PYTHON, PYREC__V1__DEFS__KIND__NATIVE,
                       PYREC__V1__DEFS__KIND__NATIVE, PYREC__V1__DEFS__KIND__PYTHON,
                       PYREC__V1__DEFS__KIND__NATIVE, PYREC__V1__DEFS__KIND__GAP};
    int32_t line[6] = {0};
    Pyrec__V1__Defs defs;
    pyrec__v1__defs__init(&defs);
    defs.first_string = defs.first_function = defs.first_location = defs.first_stack = 1;
    defs.string = strings;
    defs.function_name = defs.location_function = defs.stack_location = ids;
    defs.function_file = defs.function_line = none;
    defs.function_kind = kind;
    defs.location_line = line;
    defs.stack_up = up;
    defs.n_string = defs.n_function_name = defs.n_function_file = defs.n_function_line = 6;
    defs.n_function_kind = defs.n_location_function = defs.n_location_line = 6;
    defs.n_stack_up = defs.n_stack_location = 6;
    dict_reset(&dict);
    dict.native = which;
    ck_assert_int_eq(dict_add(&dict, &defs, &why), STATUS_OK);
}

/* Its frames, root first, by their first letters. */
static const char *letters_of(uint32_t stack)
{
    static char letters[8];
    struct frame frames[8];
    const size_t n = dict_frames(&dict, stack, frames, 8);
    for (size_t i = 0; i < n; i++)
        letters[n - 1 - i] = frames[i].function[frames[i].function[0] == '<'];
    letters[n] = '\0';
    return letters;
}

START_TEST(frames_of_c)
{
    static const char *const expected[][6] = {
        [DICT_NATIVE_ALL] = {"p", "pc", "pcd", "pcdq", "pcdqe", "pcdqeg"},
        [DICT_NATIVE_LEAF] = {"p", "pc", "pcd", "pq", "pqe", "pqeg"},
        [DICT_NATIVE_HIDE] = {"p", "p", "p", "pq", "pq", "pq"},
    };
    for (int which = DICT_NATIVE_ALL; which <= DICT_NATIVE_HIDE; which++) {
        add_native((enum dict_native)which);
        for (uint32_t stack = 1; stack <= 6; stack++)
            ck_assert_str_eq(letters_of(stack), expected[which][stack - 1]);
    }
    dict.native = DICT_NATIVE_ALL;
}
END_TEST

START_TEST(what_is_missing_is_lost)
{
    struct frame frames[2];
    ck_assert_int_eq(add_small(5), STATUS_OK); /* 1 to 4 were in a chunk that is gone */
    ck_assert_uint_eq(dict.n_stacks, 7);
    ck_assert_uint_eq(dict_frames(&dict, 3, frames, 2), 1);
    ck_assert_str_eq(frames[0].function, "<lost definitions>");
    ck_assert_str_eq(dict_frame(&dict, 6).function, "g");
    ck_assert_str_eq(dict_string(&dict, 2), "<lost definitions>");
    ck_assert_str_eq(dict_string(&dict, 1000000), "<lost definitions>");
    ck_assert_uint_eq(dict.n_lost, 16);
}
END_TEST

START_TEST(nothing_is_defined_twice)
{
    ck_assert_int_eq(add_small(1), STATUS_OK);
    ck_assert_int_eq(add_small(1), STATUS_DAMAGED);
    ck_assert_int_eq(add_small(3), STATUS_DAMAGED);
}
END_TEST

static enum status add_stacks(uint32_t first, uint32_t *up, size_t n)
{
    uint32_t *const location = calloc(n, sizeof *location);
    Pyrec__V1__Defs defs;
    pyrec__v1__defs__init(&defs);
    defs.first_stack = first;
    defs.stack_up = up;
    defs.n_stack_up = n;
    defs.stack_location = location;
    defs.n_stack_location = n;
    const enum status status = dict_add(&dict, &defs, &why);
    free(location);
    return status;
}

START_TEST(stacks_have_possible_parents)
{
    uint32_t self[] = {1}, none[] = {0}, beyond[] = {3};
    ck_assert_int_eq(add_stacks(1, self, 1), STATUS_OK);
    ck_assert_int_eq(add_stacks(2, none, 1), STATUS_DAMAGED);
    ck_assert_int_eq(add_stacks(2, beyond, 1), STATUS_DAMAGED);
    ck_assert_uint_eq(dict.n_stacks, 2);
}
END_TEST

START_TEST(stacks_end_somewhere)
{
    uint32_t *const up = calloc(LIMIT_DEPTH + 1, sizeof *up);
    for (size_t i = 0; i <= LIMIT_DEPTH; i++)
        up[i] = 1;
    ck_assert_int_eq(add_stacks(1, up, LIMIT_DEPTH + 1), STATUS_LIMIT);
    ck_assert_uint_eq(dict.n_stacks, LIMIT_DEPTH + 1);
    free(up);
}
END_TEST

START_TEST(ids_have_a_limit)
{
    uint32_t up[] = {1, 1};
    ck_assert_int_eq(add_stacks(LIMIT_IDS - 1, up, 2), STATUS_LIMIT);
    ck_assert_int_eq(add_stacks(UINT32_MAX, up, 2), STATUS_LIMIT);
    ck_assert_uint_eq(dict.n_stacks, 1);
}
END_TEST

START_TEST(columns_have_one_length)
{
    uint32_t two[] = {1, 1}, one[] = {1};
    int32_t line[] = {0};
    Pyrec__V1__Defs defs;
    pyrec__v1__defs__init(&defs);
    defs.first_stack = defs.first_function = defs.first_location = 1;
    defs.stack_up = two;
    defs.n_stack_up = 2;
    defs.stack_location = one;
    defs.n_stack_location = 1;
    ck_assert_int_eq(dict_add(&dict, &defs, &why), STATUS_DAMAGED);
    defs.n_stack_up = defs.n_stack_location = 0;
    defs.location_line = line;
    defs.n_location_line = 1;
    ck_assert_int_eq(dict_add(&dict, &defs, &why), STATUS_DAMAGED);
    defs.n_location_line = 0;
    defs.function_name = two;
    defs.n_function_name = 2;
    ck_assert_int_eq(dict_add(&dict, &defs, &why), STATUS_DAMAGED);
}
END_TEST

START_TEST(references_to_nothing_are_lost)
{
    uint32_t function[] = {7}, up[] = {1}, location[] = {9};
    int32_t line[] = {5};
    Pyrec__V1__Defs defs;
    pyrec__v1__defs__init(&defs);
    defs.first_location = defs.first_stack = 1;
    defs.location_function = function;
    defs.location_line = line;
    defs.n_location_function = defs.n_location_line = 1;
    defs.stack_up = up;
    defs.stack_location = location;
    defs.n_stack_up = defs.n_stack_location = 1;
    ck_assert_int_eq(dict_add(&dict, &defs, &why), STATUS_OK);
    ck_assert_str_eq(dict_frame(&dict, 1).function, "<lost definitions>");
    ck_assert_uint_eq(dict_frame(&dict, 1).line, 0);
    ck_assert_uint_eq(dict.n_lost, 2);
}
END_TEST

START_TEST(impossible_lines_are_not_known)
{
    uint32_t name[] = {0}, file[] = {0}, line[] = {10}, function[] = {1};
    int32_t offset[] = {-11};
    Pyrec__V1__Defs defs;
    pyrec__v1__defs__init(&defs);
    defs.first_function = defs.first_location = 1;
    defs.function_name = name;
    defs.function_file = file;
    defs.function_line = line;
    defs.n_function_name = defs.n_function_file = defs.n_function_line = 1;
    defs.location_function = function;
    defs.location_line = offset;
    defs.n_location_function = defs.n_location_line = 1;
    ck_assert_int_eq(dict_add(&dict, &defs, &why), STATUS_OK);
    ck_assert_uint_eq(dict.locations[1].line, 0);
}
END_TEST

START_TEST(strings_are_clean_and_short)
{
    char *const long_one = calloc(1, LIMIT_STRING + 2);
    memset(long_one, 'x', LIMIT_STRING + 1);
    char *strings[] = {"bad \xff", long_one};
    Pyrec__V1__Defs defs;
    pyrec__v1__defs__init(&defs);
    defs.first_string = 1;
    defs.string = strings;
    defs.n_string = 2;
    ck_assert_int_eq(dict_add(&dict, &defs, &why), STATUS_LIMIT);
    ck_assert_str_eq(dict_string(&dict, 1), "bad \xef\xbf\xbd");
    free(long_one);
}
END_TEST

START_TEST(kinds_do_not_look_like_functions)
{
    char *strings[] = {"too deep", "<gc>"};
    uint32_t name[] = {1, 1, 2, 1, 1, 1}, file[6] = {0}, line[6] = {0};
    uint32_t kind[] = {3, 4, 2, 1, 5, 99};
    static const char *const shown[] = {"<too deep>", "<failed: too deep>", "<gc>",
                                        "too deep",   "<lost definitions>", "<too deep>"};
    Pyrec__V1__Defs defs;
    pyrec__v1__defs__init(&defs);
    defs.first_string = defs.first_function = 1;
    defs.string = strings;
    defs.n_string = 2;
    defs.function_name = name;
    defs.function_file = file;
    defs.function_line = line;
    defs.function_kind = kind;
    defs.n_function_name = defs.n_function_file = defs.n_function_line = defs.n_function_kind = 6;
    ck_assert_int_eq(dict_add(&dict, &defs, &why), STATUS_OK);
    for (size_t i = 0; i < 6; i++)
        ck_assert_str_eq(dict.functions[i + 1].name, shown[i]);
}
END_TEST

/* ---- phases and labels ---- */

/* Numbers 3, 5 in 3, 6 (a label) in 5; 5 ends at 60, 3 at 50. */
static enum status add_contexts(size_t n_ends)
{
    char *strings[] = {"name", "value"};
    uint64_t number[] = {3, 2, 1}, up[] = {0, 2, 1}, ended[] = {3, 2};
    uint32_t name[] = {1, 1, 99}, value[] = {0, 2, 2}, kind[] = {0, 0, 1}, thread[] = {1, 1, 1};
    int64_t begin_q[] = {10, 10, 10}, end_q[] = {50, 10};
    Pyrec__V1__Defs defs;
    pyrec__v1__defs__init(&defs);
    defs.first_string = 1;
    defs.string = strings;
    defs.n_string = dict.n_strings > 1 ? 0 : 2;
    defs.context = number;
    defs.context_up = up;
    defs.context_name = name;
    defs.context_value = value;
    defs.context_kind = kind;
    defs.context_thread = thread;
    defs.context_begin_q = begin_q;
    defs.n_context = defs.n_context_up = defs.n_context_name = defs.n_context_value = 3;
    defs.n_context_kind = defs.n_context_thread = defs.n_context_begin_q = 3;
    defs.context_ended = ended;
    defs.context_end_q = end_q;
    defs.n_context_ended = 2;
    defs.n_context_end_q = n_ends;
    return dict_add(&dict, &defs, &why);
}

START_TEST(contexts_are_in_each_other)
{
    ck_assert_uint_eq(dict_context_find(&dict, 3), 0);
    ck_assert_int_eq(add_contexts(2), STATUS_OK);
    const uint32_t three = dict_context_find(&dict, 3), five = dict_context_find(&dict, 5);
    const uint32_t six = dict_context_find(&dict, 6);
    ck_assert(three != 0 && five != 0 && six != 0);
    ck_assert_uint_eq(dict.contexts[six].up, five);
    ck_assert_uint_eq(dict.contexts[five].up, three);
    ck_assert_uint_eq(dict.contexts[three].up, 0);
    ck_assert_uint_eq(dict.contexts[five].begin_q, 20);
    ck_assert_str_eq(dict_string(&dict, dict.contexts[five].value), "value");
    ck_assert_str_eq(dict_string(&dict, dict.contexts[six].name), ""); /* of no string */
    ck_assert_uint_eq(dict_context_live(&dict, six, 40), six);
    ck_assert_uint_eq(dict_context_live(&dict, six, 55), six); /* 5 goes on without 3 */
    ck_assert_uint_eq(dict_context_live(&dict, dict.contexts[five].up, 55), 0);
    ck_assert_uint_eq(dict_context_live(&dict, six, 60), 0); /* a label is over with its phase */
    ck_assert_int_eq(add_contexts(2), STATUS_OK);            /* said twice */
    ck_assert_uint_eq(dict.n_contexts, 4);
    ck_assert_int_eq(add_contexts(1), STATUS_DAMAGED);
    dict_reset(&dict);
    ck_assert_uint_eq(dict_context_find(&dict, 3), 0);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("dict");
    TCase *const tests = tcase_create("dict");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, keeps_what_is_defined);
    tcase_add_test(tests, frames_of_c);
    tcase_add_test(tests, what_is_missing_is_lost);
    tcase_add_test(tests, nothing_is_defined_twice);
    tcase_add_test(tests, stacks_have_possible_parents);
    tcase_add_test(tests, stacks_end_somewhere);
    tcase_add_test(tests, ids_have_a_limit);
    tcase_add_test(tests, columns_have_one_length);
    tcase_add_test(tests, references_to_nothing_are_lost);
    tcase_add_test(tests, impossible_lines_are_not_known);
    tcase_add_test(tests, strings_are_clean_and_short);
    tcase_add_test(tests, kinds_do_not_look_like_functions);
    tcase_add_test(tests, contexts_are_in_each_other);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
