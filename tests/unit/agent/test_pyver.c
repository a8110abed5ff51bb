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

/* The same of 3.15.2, release. */
static const uint32_t said_315[] = {
    346560, 912,  936,  226232, 7272, 7264, 7336, 7352, 7400, 7592, 7576, 7584, 16, 7736,
    0,      7752, 7744, 7944,   0,    888,  0,    8,    16,   72,   80,   88,   96, 176,
    184,    256,  32,   36,     40,   136,  288,  0,    88,   8,    0,    56,   80, 74,
    64,     0,    216,  112,    120,  128,  136,  68,   52,   96,   104,  208,  0,  16,
    8,      424,  24,   88,     168,  32,   288,  944,  888,  40,   32,   16,   40, 24,
    16,     200,  24,   40,     32,   48,   32,   40,   24,   16,   32,   16,   24, 40,
    16,     32,   64,   32,     16,   40,   56,   176,  112,  120,  1120, 104,
};
enum { SAID = sizeof(said_315) / sizeof(said_315[0]), GC_315 = 94 };

static void words_315(uint64_t *words, unsigned minor)
{
    memset(words, 0, PYVER_WORDS * sizeof(*words));
    memcpy(words, "xdebugpy", 8);
    words[1] = 0x030002f0 | minor << 16;
    for (size_t i = 0; i < SAID; i++)
        words[3 + i] = said_315[i];
}

/* A version without a table, as the newest known one describes itself. */
START_TEST(adopts_a_newer_one)
{
    uint64_t words[PYVER_WORDS];
    bool free_threaded;
    struct pyver ver = *pyver_find(15);
    ver.minor = 16;
    words_315(words, 16);
    words[22 + 10] += 8; /* its chunks lie elsewhere */
    ck_assert_ptr_null(pyver_adopt(&ver, words, &free_threaded));
    ck_assert_uint_eq(ver.thread.chunk, pyver_find(15)->thread.chunk + 8u);
    ver.thread.chunk = pyver_find(15)->thread.chunk;
    ver.thread.chunk_top = pyver_find(15)->thread.chunk_top;
    ver.minor = 15;
    ck_assert_mem_eq(&ver, pyver_find(15), sizeof(ver));
}
END_TEST

/* It has got a word more or less somewhere: then all that follows means something else. */
START_TEST(refuses_a_newer_one_that_says_more_or_less)
{
    static const uint64_t values[] = {0, 1, 4, 8, 16, 24, 32, 40, 72, 80, 112, 168, 216, 4000};
    uint64_t right[PYVER_WORDS], words[PYVER_WORDS];
    bool free_threaded;
    words_315(right, 16);
    for (size_t at = 3; at < GC_315; at++) { /* there it takes a size that is not to be told */
        for (size_t i = 0; i <= sizeof(values) / sizeof(values[0]); i++) {
            struct pyver ver = *pyver_find(15);
            ver.minor = 16;
            memcpy(words, right, sizeof(words));
            if (i == 0) {
                memmove(words + at, right + at + 1, (PYVER_WORDS - 1 - at) * sizeof(*words));
            } else {
                memmove(words + at + 1, right + at, (PYVER_WORDS - 1 - at) * sizeof(*words));
                words[at] = values[i - 1];
            }
            const char *const why = pyver_adopt(&ver, words, &free_threaded);
            ck_assert_msg(why != NULL, "taken with word %zu changed, way %zu", at, i);
        }
    }
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
    ck_assert_uint_eq(ver.set.table, 56); /* of objects, but not among the words */
    ck_assert_uint_eq(ver.task.waiter, pyver_find(13)->task.waiter + 16u);
    ck_assert_uint_eq(ver.object_shift, 16);
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
    tcase_add_test(tcase, adopts_a_newer_one);
    tcase_add_test(tcase, refuses_a_newer_one_that_says_more_or_less);
    tcase_add_test(tcase, shifts_objects);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
