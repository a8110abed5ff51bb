/* SPDX-License-Identifier: MIT */
/* codebook: descriptions in pieces, places, what is kept and dropped over generations, limits. */
#include "record/decode/codebook.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>

static struct codebook book;
static struct intern in;

static void setup(void)
{
    codebook_init(&book);
    intern_init(&in);
}

static void teardown(void)
{
    codebook_clear(&book);
    intern_clear(&in);
}

/* 3.11's dialect: one instruction in line 1 of the function, columns 4-9; two in line 2. */
static const uint8_t locations[] = {0xd8, 0x04, 0x09, 0xd9, 0x08, 0x0c};

static bool add(uint32_t code, const char *name, const char *file, uint32_t table_here,
                uint32_t table_len)
{
    static _Alignas(8) char bytes[4096];
    struct wire_code *record = (struct wire_code *)(void *)bytes;
    *record = (struct wire_code){
        .record = {.len = sizeof bytes, .type = WIRE_CODE},
        .code = code,
        .first_line = 10,
        .table_kind = WIRE_TABLE_LOCATIONS,
        .name_len = (uint32_t)strlen(name),
        .file_len = (uint32_t)strlen(file),
        .table_len = table_len,
        .table_here = table_here,
    };
    char *at = record->bytes;
    at = mempcpy(at, name, strlen(name));
    at = mempcpy(at, file, strlen(file));
    if (table_here <= sizeof locations)
        memcpy(at, locations, table_here);
    return codebook_add_code(&book, record);
}

static bool add_table(uint32_t code, uint32_t offset, uint32_t len)
{
    static _Alignas(8) char bytes[4096];
    struct wire_code_table *record = (struct wire_code_table *)(void *)bytes;
    *record = (struct wire_code_table){.record = {.len = sizeof bytes, .type = WIRE_CODE_TABLE},
                                       .code = code,
                                       .offset = offset,
                                       .len = len};
    if (offset + len <= sizeof locations)
        memcpy(record->bytes, locations + offset, len);
    return codebook_add_table(&book, record);
}

static void check_location(uint32_t id, const char *name, int line, int column, int end_column)
{
    ck_assert_uint_ne(id, 0);
    const struct intern_location *location = &in.locations[id - 1];
    const struct intern_function *function = &in.functions[location->function - 1];
    ck_assert_str_eq(intern_get_string(&in, function->name), name);
    ck_assert_int_eq(location->line, line);
    ck_assert_int_eq(location->column, column);
    ck_assert_int_eq(location->end_column, end_column);
}

static uint32_t locate(uint32_t code, int32_t instr)
{
    return codebook_get_location(&book, &in, (struct wire_frame){code, instr});
}

START_TEST(test_whole)
{
    ck_assert(add(7, "f", "a.py", sizeof locations, sizeof locations));
    check_location(locate(7, 0), "f", 10 + 1, 4, 9);
    check_location(locate(7, 2), "f", 10 + 2, 8, 12);
    check_location(locate(7, 4), "f", 10 + 2, 8, 12);
    ck_assert_uint_eq(locate(7, 2), locate(7, 4));
    check_location(locate(7, -1), "f", 10, -1, -1);
    check_location(locate(7, 99), "f", 10, -1, -1); /* behind the table: no line of its own */
    const struct intern_function *function = &in.functions[0];
    ck_assert_str_eq(intern_get_string(&in, function->file), "a.py");
    ck_assert_uint_eq(function->line, 10);
    ck_assert_uint_eq(in.count.functions, 1);
    ck_assert_uint_eq(in.count.locations, 3);
}
END_TEST

/* The same function from another code object: the same ids. */
START_TEST(test_same_content)
{
    add(1, "f", "a.py", sizeof locations, sizeof locations);
    add(2, "f", "a.py", sizeof locations, sizeof locations);
    ck_assert_uint_eq(locate(1, 2), locate(2, 2));
    ck_assert_uint_eq(in.count.functions, 1);
}
END_TEST

START_TEST(test_pieces)
{
    ck_assert(add(3, "g", "a.py", 2, sizeof locations));
    check_location(locate(3, 0), "g", 10, -1, -1); /* not decoded before all is there, not cached */
    ck_assert(add_table(3, 2, 3));
    ck_assert(add_table(3, 5, 1));
    check_location(locate(3, 0), "g", 11, 4, 9);
    ck_assert(add_table(3, 6, 1000)); /* more than was announced: no room for it */
    check_location(locate(3, 4), "g", 12, 8, 12);
}
END_TEST

START_TEST(test_lost_piece)
{
    add(3, "g", "a.py", 2, sizeof locations);
    ck_assert(add_table(3, 3, 3));
    check_location(locate(3, 0), "g", 10, -1, -1);
    ck_assert(add_table(99, 0, 3)); /* of a code that was lost itself */
}
END_TEST

START_TEST(test_hostile)
{
    ck_assert(!add(1, "f", "a.py", 7, 6));       /* more here than there is */
    ck_assert(!add(1, "f", "a.py", 5000, 5000)); /* past the record */
    ck_assert(!add(0, "f", "a.py", 6, 6));
    ck_assert(!add_table(1, 0, 5000));
    struct wire_code record = {.record = {.len = sizeof record}, .code = 1, .name_len = UINT32_MAX};
    ck_assert(!codebook_add_code(&book, &record));
    record.name_len = 0;
    record.file_len = UINT32_MAX;
    ck_assert(!codebook_add_code(&book, &record));
    record.file_len = 0;
    record.table_len = UINT32_MAX; /* a table of 4 GB: the function is known, its lines are not */
    ck_assert(codebook_add_code(&book, &record));
    ck_assert_uint_lt(book.bytes, 1000);
    ck_assert_uint_eq(book.n_codes, 1);
}
END_TEST

START_TEST(test_unknown_code)
{
    const uint32_t id = locate(4711, 2);
    check_location(id, "code object freed before it was described", 0, -1, -1);
    ck_assert_uint_eq(in.functions[0].kind, INTERN_FAILED);
    add(4711, "late", "a.py", sizeof locations, sizeof locations);
    check_location(locate(4711, 2), "late", 12, 8, 12);
}
END_TEST

static void restart(void)
{
    intern_restart(&in);
    codebook_restart(&book);
}

START_TEST(test_generations)
{
    add(1, "kept", "a.py", sizeof locations, sizeof locations);
    add(2, "freed", "a.py", sizeof locations, sizeof locations);
    locate(1, 2);
    codebook_free_code(&book, 2);
    codebook_free_code(&book, 77);
    restart();
    check_location(locate(2, 2), "freed", 12, 8, 12); /* was used in the last generation */
    restart();
    restart();
    ck_assert_uint_eq(book.n_codes, 1);
    check_location(locate(2, 2), "code object freed before it was described", 0, -1, -1);
    check_location(locate(1, 2), "kept", 12, 8, 12);
    ck_assert_uint_eq(book.n_locations, 1);
}
END_TEST

/* A program that makes code objects for ever, and an agent that does not say when they die. */
START_TEST(test_bounded)
{
    char name[64];
    for (uint32_t code = 1; code < 40000; code++) {
        snprintf(name, sizeof name, "lambda %u", code);
        add(code, name, "a.py", sizeof locations, 100000);
    }
    ck_assert_uint_gt(book.refused, 0);
    ck_assert_uint_le(book.bytes, CODEBOOK_HARD_BYTES);
    restart();
    locate(5, 0);
    restart();
    ck_assert_uint_le(book.bytes, CODEBOOK_SOFT_BYTES);
    check_location(locate(5, 0), "lambda 5", 10, -1, -1);
    check_location(locate(6, 0), "code object freed before it was described", 0, -1, -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codebook");
    TCase *tc = tcase_create("codebook");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_whole);
    tcase_add_test(tc, test_same_content);
    tcase_add_test(tc, test_pieces);
    tcase_add_test(tc, test_lost_piece);
    tcase_add_test(tc, test_hostile);
    tcase_add_test(tc, test_unknown_code);
    tcase_add_test(tc, test_generations);
    tcase_add_test(tc, test_bounded);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
