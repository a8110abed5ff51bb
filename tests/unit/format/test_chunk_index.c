/* SPDX-License-Identifier: MIT */
#include "format/chunk_index.h"
#include "format/chunk_write.h"
#include "format/trace.pb-c.h"
#include "tests/unit/support/chunk_check.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void no_damage(void *closure, const struct damage *damage)
{
    (void)closure;
    ck_abort_msg("damage at %llu: %s", (unsigned long long)damage->offset, damage->text);
}

/* A closed file of n small chunks; returns where each begins (n + 1 offsets, malloc'ed). */
static uint64_t *file_make(const char *path, size_t n, uint32_t first_seq)
{
    uint64_t *const offsets = malloc((n + 1) * sizeof(*offsets));
    struct chunk_writer *writer;
    struct problem why;
    uint64_t random = 3;

    require(chunk_writer_open(&writer, path, 9, first_seq, &why) == STATUS_OK);
    for (size_t i = 0; i < n; i++) {
        struct bytes raw = {0};
        bytes_add_packet(&raw, "0123456789abcdef", scratch_random(&random) % 16);
        const struct chunk chunk = {.flags = (uint16_t)(i == 0 ? CHUNK_META : i & 0x13f),
                                    .process = (uint32_t)(scratch_random(&random) % 1000),
                                    .generation = (uint32_t)scratch_random(&random),
                                    .t_first_ns = scratch_random(&random) >> 1,
                                    .t_last_ns = UINT64_MAX - (scratch_random(&random) >> 1),
                                    .raw = raw.at,
                                    .raw_len = raw.len};
        offsets[i] = chunk_writer_bytes(writer);
        if (i + 1 < n)
            require(chunk_writer_append(writer, &chunk, &why) == STATUS_OK);
        else
            require(chunk_writer_close(writer, &chunk, &why) == STATUS_OK);
        bytes_free(&raw);
    }
    struct stat st;
    require(stat(path, &st) == 0);
    offsets[n] = (uint64_t)st.st_size - TRAILER_LEN;
    return offsets;
}

START_TEST(list_is_that_of_the_headers)
{
    static const size_t counts[] = {1, 2, 63, 64, 65, 1000};

    for (size_t k = 0; k < ARRAY_LEN(counts); k++) {
        const char *const closed = scratch_path("closed"), *const open = scratch_path("open");
        const size_t n = counts[k];
        uint64_t *const offsets = file_make(closed, n, 100);
        struct bytes bytes = scratch_read(closed);
        struct chunk_file *by_index, *by_hops;
        struct problem why;

        scratch_write(open, bytes.at, bytes.len - TRAILER_LEN);
        ck_assert_int_eq(chunk_file_open(&by_index, closed, no_damage, NULL, &why), STATUS_OK);
        ck_assert_int_eq(chunk_file_open(&by_hops, open, no_damage, NULL, &why), STATUS_OK);
        ck_assert(chunk_file_closed(by_index) && !chunk_file_closed(by_hops));
        ck_assert_uint_eq(chunk_file_count(by_index), n);
        ck_assert_uint_eq(chunk_file_count(by_hops), n);
        for (size_t i = 0; i < n; i++) {
            const struct chunk_place *const a = chunk_file_get(by_index, i);
            const struct chunk_place *const b = chunk_file_get(by_hops, i);
            uint8_t header_a[CHUNK_HEADER_LEN], header_b[CHUNK_HEADER_LEN];
            chunk_header_write(&a->header, header_a);
            chunk_header_write(&b->header, header_b);
            require(a->offset == offsets[i] && b->offset == offsets[i]);
            require(memcmp(header_a, header_b, CHUNK_HEADER_LEN) == 0);
            require(a->header.seq == 100 + i);
        }
        chunk_file_close(by_index);
        chunk_file_close(by_hops);
        bytes_free(&bytes);
        free(offsets);
    }
}
END_TEST

/* A damaged header between the ones that are probed: by hops open() sees it, by index load() does.
 */
START_TEST(index_is_used)
{
    const char *const path = scratch_path("closed");
    uint64_t *const offsets = file_make(path, 1000, 0);
    struct bytes bytes = scratch_read(path);
    struct chunk_buffer buffer = {0};
    struct chunk_file *file;
    struct problem why;

    bytes.at[offsets[1] + 30] ^= 4;
    scratch_write(path, bytes.at, bytes.len);
    ck_assert_int_eq(chunk_file_open(&file, path, no_damage, NULL, &why), STATUS_OK);
    ck_assert_uint_eq(chunk_file_count(file), 1000);
    for (size_t i = 0; i < 1000; i++)
        require(chunk_file_load(file, i, &buffer, &why) == (i == 1 ? STATUS_DAMAGED : STATUS_OK));
    chunk_buffer_clear(&buffer);
    chunk_file_close(file);
    bytes_free(&bytes);
    free(offsets);
}
END_TEST

/* Every column is one packed field: that is what makes it small, and columns.h relies on it. */
START_TEST(wire_form_is_packed)
{
    const char *const path = scratch_path("closed");
    uint64_t *const offsets = file_make(path, 50, 0);
    struct chunk_buffer buffer = {0};
    struct chunk_file *file;
    struct problem why;
    struct proto_column body = {0}, bytes;
    uint32_t field, number, seen = 0;
    unsigned wire_type;
    uint64_t value;
    enum status status;

    ck_assert_int_eq(chunk_file_open(&file, path, no_damage, NULL, &why), STATUS_OK);
    ck_assert(chunk_file_get(file, 49)->header.flags & CHUNK_INDEX);
    ck_assert_int_eq(chunk_file_load(file, 49, &buffer, &why), STATUS_OK);
    struct proto_column payload = {buffer.raw, buffer.raw + buffer.raw_len};
    while (packet_next(&payload, &field, &body, &status) && field != 5)
        ;
    ck_assert_int_eq(status, STATUS_OK);
    ck_assert_uint_eq(field, 5);
    while (field_next(&body, &number, &wire_type, &value, &bytes, &status)) {
        ck_assert_uint_eq(wire_type, 2);
        ck_assert(!(seen & 1u << number));
        seen |= 1u << number;
        if (number == 8)
            ck_assert_int_eq(bytes.end - bytes.at, 4 * 49);
        else
            ck_assert_uint_eq(column_count(&bytes), 49);
    }
    ck_assert_int_eq(status, STATUS_OK);
    ck_assert_uint_eq(seen, 0x1fe);
    chunk_buffer_clear(&buffer);
    chunk_file_close(file);
    free(offsets);
}
END_TEST

/* The good index of three chunks, and what a hostile writer could make of it. */
struct lie {
    const char *name;
    uint64_t offset[3];
    int64_t process[3], first_ns[3];
    uint64_t span_ns[3];
    uint32_t content[3], raw_len[3];
    size_t n[8]; /* entries per column */
};

static enum status lie_parse(const struct lie *lie, const struct chunk_place *self, size_t *n)
{
    struct lie copy = *lie;
    Pyrec__V1__Index index = PYREC__V1__INDEX__INIT;
    int64_t generation[3] = {0, 1, -1};
    uint32_t crc[3] = {1, 2, 3};
    uint8_t packed[512];
    struct chunk_place *places = NULL;

    index.n_offset = lie->n[0], index.offset = copy.offset;
    index.n_process = lie->n[1], index.process = copy.process;
    index.n_generation = lie->n[2], index.generation = generation;
    index.n_first_ns = lie->n[3], index.first_ns = copy.first_ns;
    index.n_span_ns = lie->n[4], index.span_ns = copy.span_ns;
    index.n_content = lie->n[5], index.content = copy.content;
    index.n_raw_len = lie->n[6], index.raw_len = copy.raw_len;
    index.n_payload_crc = lie->n[7], index.payload_crc = crc;
    const size_t len = pyrec__v1__index__pack(&index, packed);
    const enum status status =
        chunk_index_parse((struct proto_column){packed, packed + len}, self, &places, n);
    free(places);
    return status;
}

#define GOOD                                                                                       \
    .offset = {0, 200, 300}, .process = {0, 1, 5}, .first_ns = {0, 7, -3}, .span_ns = {1, 2, 3},   \
    .content = {1, 2, 4}, .raw_len = {50, 60, 70}, .n = {3, 3, 3, 3, 3, 3, 3, 3}

START_TEST(lies_are_refused)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
    const struct lie lies[] = {
        {.name = "first chunk not at 0", GOOD, .offset = {1, 200, 300}},
        {.name = "chunk in a chunk", GOOD, .offset = {0, 72, 300}},
        {.name = "backwards", GOOD, .offset = {0, 200, UINT64_MAX - 99}},
        {.name = "behind the index", GOOD, .offset = {0, 200, 701}},
        {.name = "far away", GOOD, .offset = {0, 1ull << 62, 1ull << 62}},
        {.name = "chunk over the limit", GOOD, .offset = {0, CHUNK_COMP_MAX + 73, 300}},
        {.name = "process below 0", GOOD, .process = {0, 1, -2}},
        {.name = "process over 32 bits", GOOD, .process = {0, 1, UINT32_MAX}},
        {.name = "process delta out of range", GOOD, .process = {0, INT64_MAX, INT64_MIN}},
        {.name = "time overflows", GOOD, .span_ns = {1, UINT64_MAX, 3}},
        {.name = "flags over 16 bits", GOOD, .content = {1, 65536, 4}},
        {.name = "raw_len over the limit", GOOD, .raw_len = {50, CHUNK_RAW_MAX + 1, 70}},
        {.name = "offset too many", GOOD, .n = {3, 2, 2, 2, 2, 2, 2, 2}},
        {.name = "offset missing", GOOD, .n = {2, 3, 3, 3, 3, 3, 3, 3}},
        {.name = "crc missing", GOOD, .n = {3, 3, 3, 3, 3, 3, 3, 2}},
        {.name = "crc too many", GOOD, .n = {2, 2, 2, 2, 2, 2, 2, 3}},
        {.name = "no content", GOOD, .n = {3, 3, 3, 3, 3, 0, 3, 3}},
    };
#pragma GCC diagnostic pop
    const struct lie good = {.name = "good", GOOD};
    struct chunk_place self = {.offset = 900, .header = {.seq = 3, .tag = 9, .version = 1}};
    size_t n;

    ck_assert_int_eq(lie_parse(&good, &self, &n), STATUS_OK);
    ck_assert_uint_eq(n, 4);
    for (size_t i = 0; i < ARRAY_LEN(lies); i++)
        ck_assert_msg(lie_parse(&lies[i], &self, &n) == STATUS_DAMAGED, "%s", lies[i].name);
    self.header.seq = 2; /* three chunks before the third */
    ck_assert_int_eq(lie_parse(&good, &self, &n), STATUS_DAMAGED);
}
END_TEST

/* An index that is well formed, checksums and all, but not this file's. */
START_TEST(index_of_another_file_is_not_believed)
{
    const char *const path = scratch_path("closed");
    struct recording recording;
    struct account account;

    recording_make(&recording, path, 9, 100, 5, true);
    /* Two chunks change places; the trailer and the index stay good. */
    struct bytes file = {0};
    const size_t *const start = recording.start;
    bytes_add(&file, recording.file.at, start[3]);
    bytes_add(&file, recording.file.at + start[4], start[5] - start[4]);
    bytes_add(&file, recording.file.at + start[3], start[4] - start[3]);
    bytes_add(&file, recording.file.at + start[5], recording.file.len - start[5]);
    scratch_write(path, file.at, file.len);
    account_take(&account, &recording, path);
    ck_assert_uint_eq(account.n_good, 9);
    ck_assert_uint_eq(account.n_damages, 0);
    ck_assert(account.closed);
    bytes_free(&file);
    recording_free(&recording);
}
END_TEST

/* The same with chunks of one length, so that there is a good header where the index says. */
START_TEST(chunks_of_one_length_change_places)
{
    const char *const path = scratch_path("closed");
    uint64_t *const offsets = file_make(path, 40, 0);
    struct bytes bytes = scratch_read(path);
    struct chunk_buffer buffer = {0};
    struct chunk_file *file;
    struct problem why;
    uint8_t first[200];
    size_t other = 2;

    const uint64_t len = offsets[2] - offsets[1];
    while (offsets[other + 1] - offsets[other] != len)
        other++;
    require(other < 39 && len < sizeof(first));
    memcpy(first, bytes.at + offsets[1], len);
    memcpy(bytes.at + offsets[1], bytes.at + offsets[other], len);
    memcpy(bytes.at + offsets[other], first, len);
    scratch_write(path, bytes.at, bytes.len);
    ck_assert_int_eq(chunk_file_open(&file, path, no_damage, NULL, &why), STATUS_OK);
    ck_assert_uint_eq(chunk_file_count(file), 40);
    for (size_t i = 0; i < 40; i++)
        ck_assert_int_eq(chunk_file_load(file, i, &buffer, &why), STATUS_OK);
    chunk_buffer_clear(&buffer);
    chunk_file_close(file);
    bytes_free(&bytes);
    free(offsets);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("chunk_index");
    TCase *const tests = tcase_create("chunk_index");
    tcase_add_test(tests, list_is_that_of_the_headers);
    tcase_add_test(tests, index_is_used);
    tcase_add_test(tests, wire_form_is_packed);
    tcase_add_test(tests, lies_are_refused);
    tcase_add_test(tests, index_of_another_file_is_not_believed);
    tcase_add_test(tests, chunks_of_one_length_change_places);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
