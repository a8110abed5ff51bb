/* SPDX-License-Identifier: MIT */
/* The version tables: there, sane, and corrected by what an interpreter says of itself. */
#include "record/agent/cpython/pyver.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <string.h>

START_TEST(every_minor_has_a_table)
{
    const struct pyver *const ver = pyver_find((unsigned)_i);
    ck_assert_ptr_nonnull(ver);
    ck_assert_uint_eq(ver->minor, (unsigned)_i);
    ck_assert_uint_ne(ver->runtime.interpreters_head, PYVER_NONE);
    ck_assert_uint_ne(ver->thread.frame, PYVER_NONE);
    ck_assert_uint_ne(ver->frame.code, ver->frame.previous);
    ck_assert((ver->instr == INSTR_POINTER) == (ver->chunk.data != PYVER_NONE));
    ck_assert((ver->runtime.gil != PYVER_NONE) != (ver->interp.gil_pointer != PYVER_NONE));
    ck_assert((ver->runtime.gc_collecting != PYVER_NONE) !=
              (ver->interp.gc_collecting != PYVER_NONE));
    ck_assert_uint_ne(ver->interp.modules, 0);
    ck_assert_uint_ne(ver->type.cached_keys, 0);
    ck_assert((ver->dict.instance == INSTANCE_DICT) == (ver->dict.managed == PYVER_NONE));
    if (ver->frame.is_entry != PYVER_NONE) /* one load reads both */
        ck_assert_uint_eq(ver->frame.is_entry / 8, ver->frame.owner / 8);
}
END_TEST

START_TEST(unknown_minors)
{
    ck_assert_ptr_null(pyver_find(7));
    ck_assert_ptr_null(pyver_find(pyver_newest() + 1));
    ck_assert_uint_eq(pyver_newest(), 15);
}
END_TEST

/* What 3.13.0 (release) and 3.13.0 (free-threaded) have at the start of _PyRuntime. */
static void words_313(uint64_t *words, bool free_threaded)
{
    const unsigned o = free_threaded ? 16 : 0;
    memset(words, 0, PYVER_WORDS * sizeof(*words));
    memcpy(words, "xdebugpy", 8);
    words[1] = 0x030d00f0;
    words[2] = free_threaded;
    const uint64_t runtime[] = {283320, 608, 632};
    const uint64_t interp[] = {194968, 7272, 7264, 7344, 7400, 7656, 7640, 7648, 16, 7752};
    const uint64_t thread[] = {304, 0, 8, 16, 72, 152, 160, 232, 32};
    const uint64_t frame[] = {80, 8, 0, 56, 72, 70};
    const uint64_t code[] = {208 + o, 112 + o, 120 + o, 128 + o, 136 + o,
                             68 + o,  52 + o,  96 + o,  104 + o, 200 + o};
    memcpy(words + 3, runtime, sizeof(runtime));
    memcpy(words + 6, interp, sizeof(interp));
    memcpy(words + 19, thread, sizeof(thread));
    memcpy(words + 28, frame, sizeof(frame));
    memcpy(words + 34, code, sizeof(code));
    const uint64_t object[] = {16 + o, 8 + o}, type[] = {408 + o, 24 + o, 88 + o, 168 + o};
    const uint64_t bytes[] = {40 + o, 16 + o, 32 + o}, unicode[] = {64 + o, 32 + o, 16 + o, 40 + o};
    const uint64_t gc[] = {240, 200};
    memcpy(words + 44, object, sizeof(object));
    memcpy(words + 46, type, sizeof(type));
    memcpy(words + 64, bytes, sizeof(bytes));
    memcpy(words + 67, unicode, sizeof(unicode));
    memcpy(words + 71, gc, sizeof(gc));
}

START_TEST(adopts_what_the_table_says)
{
    uint64_t words[PYVER_WORDS];
    struct pyver ver = *pyver_find(13);
    bool free_threaded = true;
    words_313(words, false);
    ck_assert_ptr_null(pyver_adopt(&ver, words, &free_threaded));
    ck_assert(!free_threaded);
    ck_assert_mem_eq(&ver, pyver_find(13), sizeof(ver));
}
END_TEST

START_TEST(adopts_free_threaded)
{
    uint64_t words[PYVER_WORDS];
    struct pyver ver = *pyver_find(13);
    bool free_threaded = false;
    words_313(words, true);
    ck_assert_ptr_null(pyver_adopt(&ver, words, &free_threaded));
    ck_assert(free_threaded);
    ck_assert_uint_eq(ver.code.bytecode, 216);
    ck_assert_uint_eq(ver.code.first_traceable, 200);
    ck_assert_uint_eq(ver.type.dealloc, 64);
    ck_assert_uint_eq(ver.gil.locked, 24);
    ck_assert_uint_eq(ver.thread.frame, 72);
}
END_TEST

START_TEST(refuses_nonsense)
{
    uint64_t words[PYVER_WORDS];
    bool free_threaded;
    const struct pyver *const table = pyver_find(13);
    const struct {
        unsigned word;
        uint64_t value;
    } bad[] = {{0, 0},         {1, 0x030e00f0}, {2, 2}, {3 + 2, 1u << 30},
               {19 + 4, 5000}, {28, 0},         {43, 8}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct pyver ver = *table;
        words_313(words, false);
        words[bad[i].word] = bad[i].value;
        ck_assert_ptr_nonnull(pyver_adopt(&ver, words, &free_threaded));
        ck_assert_mem_eq(&ver, table, sizeof(ver));
    }
}
END_TEST

START_TEST(shifts_objects)
{
    struct pyver ver = *pyver_find(9);
    pyver_shift_objects(&ver, 16);
    ck_assert_uint_eq(ver.code.filename, 120);
    ck_assert_uint_eq(ver.frame.previous, 40);
    ck_assert_uint_eq(ver.thread.frame, 24); /* no object */
    ck_assert_uint_eq(ver.code.tlbc, PYVER_NONE);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("pyver");
    TCase *const tcase = tcase_create("pyver");
    tcase_add_loop_test(tcase, every_minor_has_a_table, 8, 16);
    tcase_add_test(tcase, unknown_minors);
    tcase_add_test(tcase, adopts_what_the_table_says);
    tcase_add_test(tcase, adopts_free_threaded);
    tcase_add_test(tcase, refuses_nonsense);
    tcase_add_test(tcase, shifts_objects);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
