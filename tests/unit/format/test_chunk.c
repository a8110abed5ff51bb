/* SPDX-License-Identifier: MIT */
#include "format/bytes.h"
#include "format/chunk_read.h"
#include "format/chunk_write.h"
#include "format/crc32c.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static void no_damage(void *closure, const struct damage *damage)
{
    (void)closure;
    ck_abort_msg("damage at %llu: %s", (unsigned long long)damage->offset, damage->text);
}

START_TEST(header_round_trip)
{
    const struct chunk_header header = {.tag = 0x01020304,
                                        .version = 1,
                                        .flags = 0x8137,
                                        .seq = 0x11121314,
                                        .process = 0x21222324,
                                        .generation = 0x31323334,
                                        .comp_len = 0x41424344,
                                        .raw_len = 0x51525354,
                                        .payload_crc = 0x61626364,
                                        .t_first_ns = 0x7172737475767778,
                                        .t_last_ns = 0x8182838485868788};
    struct chunk_header back;
    uint8_t bytes[CHUNK_HEADER_LEN];

    chunk_header_write(&header, bytes);
    ck_assert(chunk_header_parse(&back, bytes));
    ck_assert_mem_eq(bytes, "\x57\x2a\x4d\x18\x40\0\0\0\x89PYT\r\n\x1a\n\x04\x03\x02\x01\x01\0",
                     22);
    ck_assert_uint_eq(back.tag, header.tag);
    ck_assert_uint_eq(back.version, header.version);
    ck_assert_uint_eq(back.flags, header.flags);
    ck_assert_uint_eq(back.seq, header.seq);
    ck_assert_uint_eq(back.process, header.process);
    ck_assert_uint_eq(back.generation, header.generation);
    ck_assert_uint_eq(back.comp_len, header.comp_len);
    ck_assert_uint_eq(back.raw_len, header.raw_len);
    ck_assert_uint_eq(back.payload_crc, header.payload_crc);
    ck_assert_uint_eq(back.t_first_ns, header.t_first_ns);
    ck_assert_uint_eq(back.t_last_ns, header.t_last_ns);
    for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert(!chunk_header_parse(&back, bytes));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}
END_TEST

START_TEST(trailer_round_trip)
{
    const struct chunk_trailer trailer = {
        .tag = 7, .n_chunks = 8, .index_offset = 1ull << 40, .file_size = (1ull << 40) + 100};
    struct chunk_trailer back;
    uint8_t bytes[TRAILER_LEN];

    chunk_trailer_write(&trailer, bytes);
    ck_assert(chunk_trailer_parse(&back, bytes));
    ck_assert_uint_eq(back.tag, trailer.tag);
    ck_assert_uint_eq(back.n_chunks, trailer.n_chunks);
    ck_assert_uint_eq(back.index_offset, trailer.index_offset);
    ck_assert_uint_eq(back.file_size, trailer.file_size);
    for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert(!chunk_trailer_parse(&back, bytes));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}
END_TEST

#define N_CHUNKS 40u

/* What is in chunk i of a test file: repetitive enough to compress, different enough to tell. */
static struct bytes content(size_t i)
{
    const size_t len = i * i * 997 % 20011;
    uint8_t *const fill = malloc(len + 1);
    struct bytes raw = {0};
    uint64_t random = i + 1;

    require(fill != NULL);
    for (size_t k = 0; k < len; k++)
        fill[k] = (uint8_t)(k % 7 ? i : scratch_random(&random) >> 32);
    bytes_add_packet(&raw, fill, len);
    free(fill);
    return raw;
}

static struct chunk chunk_of(const struct bytes *raw, size_t i)
{
    return (struct chunk){.flags = i == 0 ? CHUNK_META : CHUNK_SAMPLES,
                          .process = (uint32_t)(i % 3),
                          .generation = (uint32_t)(i / 10),
                          .t_first_ns = 1000 * i,
                          .t_last_ns = 1000 * i + 999,
                          .raw = raw->at,
                          .raw_len = raw->len};
}

static void file_write(const char *path, bool closed)
{
    const size_t cuts[] = {0, 100, 100, 3000, 4000};
    struct chunk_writer *writer;
    struct problem why;

    ck_assert_int_eq(chunk_writer_open(&writer, path, 77, 5, &why), STATUS_OK);
    for (size_t i = 0; i < N_CHUNKS; i++) {
        struct bytes raw = content(i);
        struct chunk chunk = chunk_of(&raw, i);
        chunk.cuts = cuts;
        chunk.n_cuts = ARRAY_LEN(cuts);
        ck_assert_uint_eq(chunk_writer_seq(writer), 5 + i);
        if (i == N_CHUNKS - 1 && closed)
            ck_assert_int_eq(chunk_writer_close(writer, &chunk, &why), STATUS_OK);
        else
            ck_assert_int_eq(chunk_writer_append(writer, &chunk, &why), STATUS_OK);
        bytes_free(&raw);
    }
    if (!closed)
        chunk_writer_abandon(writer);
}

static void file_check(const char *path, bool closed)
{
    struct chunk_file *file;
    struct chunk_buffer buffer = {0};
    struct problem why;

    ck_assert_int_eq(chunk_file_open(&file, path, no_damage, NULL, &why), STATUS_OK);
    ck_assert_int_eq(chunk_file_closed(file), closed);
    ck_assert_uint_eq(chunk_file_count(file), N_CHUNKS);
    ck_assert_str_eq(chunk_file_path(file), path);
    for (size_t i = 0; i < N_CHUNKS; i++) {
        const struct chunk_header *const header = &chunk_file_get(file, i)->header;
        struct bytes raw = content(i);
        const struct chunk chunk = chunk_of(&raw, i);
        ck_assert_uint_eq(header->seq, 5 + i);
        ck_assert_uint_eq(header->tag, 77);
        ck_assert_uint_eq(header->process, chunk.process);
        ck_assert_uint_eq(header->generation, chunk.generation);
        ck_assert_uint_eq(header->t_first_ns, chunk.t_first_ns);
        ck_assert_uint_eq(header->t_last_ns, chunk.t_last_ns);
        ck_assert_int_eq(chunk_file_load(file, i, &buffer, &why), STATUS_OK);
        ck_assert_uint_ge(buffer.raw_len, raw.len);
        if (!(closed && i == N_CHUNKS - 1))
            ck_assert_uint_eq(buffer.raw_len, raw.len);
        ck_assert(memcmp(buffer.raw, raw.at, raw.len) == 0);
        bytes_free(&raw);
    }
    chunk_buffer_clear(&buffer);
    chunk_file_close(file);
}

START_TEST(open_file_round_trip)
{
    const char *const path = scratch_path("open.trace");
    file_write(path, false);
    file_check(path, false);
}
END_TEST

START_TEST(closed_file_round_trip)
{
    const char *const path = scratch_path("closed.trace");
    file_write(path, true);
    file_check(path, true);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("chunk");
    TCase *const tests = tcase_create("chunk");
    tcase_add_test(tests, header_round_trip);
    tcase_add_test(tests, trailer_round_trip);
    tcase_add_test(tests, open_file_round_trip);
    tcase_add_test(tests, closed_file_round_trip);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
