/* SPDX-License-Identifier: MIT */
/*
 * linetable: against what interpreters say themselves, and against broken tables.
 *
 * usage: test_linetable                 the suite; compares with the vectors in VECTORS
 *        test_linetable --stdin         compares with vectors on stdin (linetable_vectors.py)
 */
#include "record/decode/linetable.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>

#define TABLE_MAX (1u << 20)

struct vectors {
    struct linetable table;
    uint8_t *bytes;
    size_t n_tables, n_places, n_wrong;
};

static void table_read(struct vectors *v, const char *line)
{
    int hex_at = 0;
    unsigned kind;
    int first_line;
    size_t len = 0;
    if (sscanf(line, "table %u %d %n", &kind, &first_line, &hex_at) != 2)
        abort();
    for (const char *hex = line + hex_at; sscanf(hex, "%2hhx", &v->bytes[len]) == 1; hex += 2)
        if (++len == TABLE_MAX)
            abort();
    v->table = (struct linetable){kind, first_line, v->bytes, len};
    v->n_tables++;
}

/* Every byte offset of a range must give the place that the interpreter gave for the range. */
static void range_check(struct vectors *v, const char *line)
{
    int from, to;
    struct linetable_position want, have;
    if (sscanf(line, "%d %d %d %d %d %d", &from, &to, &want.line, &want.end_line, &want.column,
               &want.end_column) != 6)
        abort();
    for (int instr = from; instr < to; instr++) {
        const bool found = linetable_find(&v->table, instr, &have);
        v->n_places++;
        if (found == (want.line >= 0) && memcmp(&want, &have, sizeof want) == 0)
            continue;
        if (v->n_wrong++ < 10)
            printf("table %zu, byte %d: have %d-%d %d-%d, want %d-%d %d-%d\n", v->n_tables, instr,
                   have.line, have.end_line, have.column, have.end_column, want.line, want.end_line,
                   want.column, want.end_column);
    }
}

static struct vectors vectors_check(FILE *from)
{
    struct vectors v = {.bytes = malloc(TABLE_MAX)};
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, from) > 0) {
        if (line[0] == 't')
            table_read(&v, line);
        else if (line[0] != '#')
            range_check(&v, line);
    }
    free(line);
    free(v.bytes);
    return v;
}

START_TEST(test_vectors)
{
    FILE *from = fopen(VECTORS, "r");
    ck_assert_ptr_nonnull(from);
    const struct vectors v = vectors_check(from);
    fclose(from);
    ck_assert_uint_eq(v.n_wrong, 0);
    ck_assert_uint_ge(v.n_tables, 60);
    ck_assert_uint_ge(v.n_places, 3000);
}
END_TEST

/* Before the first instruction every dialect says: the first line. */
START_TEST(test_not_started)
{
    static const uint8_t bytes[] = {0xf8, 0x05, 0x81, 0x10, 0x20};
    for (uint32_t kind = WIRE_TABLE_NONE; kind <= WIRE_TABLE_LOCATIONS; kind++) {
        struct linetable_position place;
        ck_assert(linetable_find(&(struct linetable){kind, 77, bytes, sizeof bytes}, -1, &place));
        ck_assert_int_eq(place.line, 77);
        ck_assert_int_eq(place.end_line, 77);
        ck_assert_int_eq(place.column, LINETABLE_NONE);
    }
}
END_TEST

START_TEST(test_nothing_known)
{
    static const uint8_t bytes[] = {0x81, 0x10, 0x20};
    struct linetable_position place;
    ck_assert(!linetable_find(&(struct linetable){WIRE_TABLE_NONE, 5, bytes, 3}, 0, &place));
    ck_assert(!linetable_find(&(struct linetable){99, 5, bytes, 3}, 0, &place));
    ck_assert(!linetable_find(&(struct linetable){WIRE_TABLE_LINES, 5, NULL, 0}, 0, &place));
    ck_assert(!linetable_find(&(struct linetable){WIRE_TABLE_LOCATIONS, 5, NULL, 0}, 0, &place));
    ck_assert_int_eq(place.line, LINETABLE_NONE);
    /* one entry of two units: byte 3 is in it, byte 4 behind the table's end */
    ck_assert(linetable_find(&(struct linetable){WIRE_TABLE_LOCATIONS, 5, bytes, 3}, 3, &place));
    ck_assert(!linetable_find(&(struct linetable){WIRE_TABLE_LOCATIONS, 5, bytes, 3}, 4, &place));
}
END_TEST

/* Sums that leave the range of a line number end at "no line" or stay inside; never undefined. */
START_TEST(test_extremes)
{
    uint8_t bytes[512];
    memset(bytes, 0x7f, sizeof bytes);
    bytes[0] = 0xf0; /* everything; the number behind it never ends */
    struct linetable_position place;
    linetable_find(&(struct linetable){WIRE_TABLE_LOCATIONS, INT32_MAX, bytes, 512}, 3, &place);
    for (size_t i = 0; i < sizeof bytes; i += 2) {
        bytes[i] = 0;
        bytes[i + 1] = 0x81;
    }
    ck_assert(!linetable_find(&(struct linetable){WIRE_TABLE_LNOTAB, 3, bytes, 512}, 0, &place));
    ck_assert_int_eq(place.line, LINETABLE_NONE);
    ck_assert(!linetable_find(&(struct linetable){WIRE_TABLE_LNOTAB, INT32_MIN, bytes, 512},
                              INT32_MAX, &place));
}
END_TEST

/* Noise of every length, on the heap's edge so that ASan sees one byte too many. */
START_TEST(test_noise)
{
    unsigned seed = 1;
    for (int round = 0; round < 200000; round++) {
        const size_t len = (size_t)(rand_r(&seed) % 24);
        uint8_t *bytes = malloc(len);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(rand_r(&seed) >> 3);
        struct linetable table = {(uint32_t)round % 4, rand_r(&seed) - 1000, bytes, len};
        struct linetable_position p;
        if (!linetable_find(&table, rand_r(&seed) % 64 - 1, &p) && p.line != LINETABLE_NONE)
            ck_abort_msg("line %d of a place that was not found", p.line);
        free(bytes);
    }
}
END_TEST

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--stdin") == 0) {
        const struct vectors v = vectors_check(stdin);
        printf("%zu tables, %zu places, %zu wrong\n", v.n_tables, v.n_places, v.n_wrong);
        return v.n_wrong == 0 && v.n_tables > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    Suite *suite = suite_create("linetable");
    TCase *tc = tcase_create("linetable");
    tcase_add_test(tc, test_vectors);
    tcase_add_test(tc, test_not_started);
    tcase_add_test(tc, test_nothing_known);
    tcase_add_test(tc, test_extremes);
    tcase_add_test(tc, test_noise);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
