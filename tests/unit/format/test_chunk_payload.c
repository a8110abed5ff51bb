/* SPDX-License-Identifier: MIT */
#include "format/chunk_read.h"
#include "format/chunk_write.h"
#include "format/crc32c.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

static void no_damage(void *closure, const struct damage *damage)
{
    (void)closure;
    ck_abort_msg("damage at %llu: %s", (unsigned long long)damage->offset, damage->text);
}

/* A file of one chunk with this payload, whatever it is. */
static const char *file_around(const void *payload, size_t comp_len, size_t raw_len)
{
    const char *const path = scratch_path("payload.trace");
    const struct chunk_header header = {.tag = 1,
                                        .version = CHUNK_VERSION,
                                        .flags = CHUNK_META,
                                        .comp_len = (uint32_t)comp_len,
                                        .raw_len = (uint32_t)raw_len,
                                        .payload_crc = crc32c_add(0, payload, comp_len)};
    uint8_t bytes[CHUNK_HEADER_LEN];

    chunk_header_write(&header, bytes);
    scratch_write(path, bytes, sizeof(bytes));
    scratch_append(path, payload, comp_len);
    return path;
}

static enum status payload_load(const void *payload, size_t comp_len, size_t raw_len)
{
    struct chunk_buffer buffer = {0};
    struct chunk_file *file;
    struct problem why;

    ck_assert_int_eq(
        chunk_file_open(&file, file_around(payload, comp_len, raw_len), no_damage, NULL, &why),
        STATUS_OK);
    ck_assert_uint_eq(chunk_file_count(file), 1);
    const enum status status = chunk_file_load(file, 0, &buffer, &why);
    ck_assert_uint_eq(buffer.raw_len, status == STATUS_OK ? raw_len : 0);
    chunk_buffer_clear(&buffer);
    chunk_file_close(file);
    return status;
}

/* A frame of `len` bytes of text with given parameters. */
static size_t frame_make(uint8_t *frame, size_t size, size_t len, ZSTD_cParameter parameter,
                         int value)
{
    ZSTD_CCtx *const context = ZSTD_createCCtx();
    uint8_t *const text = malloc(len + 1);

    for (size_t i = 0; i < len; i++)
        text[i] = (uint8_t)(i * i >> 7);
    require(!ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)));
    ZSTD_outBuffer out = {frame, size, 0};
    ZSTD_inBuffer in = {text, len, 0};
    /* In two steps, so that the size is not known when the frame header is written. */
    require(!ZSTD_isError(ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush)));
    require(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end) == 0);
    ZSTD_freeCCtx(context);
    free(text);
    return out.pos;
}

START_TEST(frames_by_other_writers)
{
    static uint8_t frame[200000];
    size_t len = frame_make(frame, sizeof(frame), 50000, ZSTD_c_compressionLevel, 19);
    ck_assert_int_eq(payload_load(frame, len, 50000), STATUS_OK);
    len = frame_make(frame, sizeof(frame), 50000, ZSTD_c_checksumFlag, 1);
    ck_assert_int_eq(payload_load(frame, len, 50000), STATUS_OK);
    /* The output is the window: a large one takes no memory. */
    len = frame_make(frame, sizeof(frame), 50000, ZSTD_c_windowLog, 27);
    ck_assert_int_eq(payload_load(frame, len, 50000), STATUS_OK);
    len = frame_make(frame, sizeof(frame), 0, ZSTD_c_checksumFlag, 1);
    ck_assert_int_eq(payload_load(frame, len, 0), STATUS_OK);
}
END_TEST

START_TEST(length_must_be_exact)
{
    static uint8_t frame[200000];
    const size_t len = frame_make(frame, sizeof(frame), 50000, ZSTD_c_checksumFlag, 1);
    ck_assert_int_eq(payload_load(frame, len, 49999), STATUS_DAMAGED);
    ck_assert_int_eq(payload_load(frame, len, 50001), STATUS_DAMAGED);
    ck_assert_int_eq(payload_load(frame, len, 0), STATUS_DAMAGED);
    ck_assert_int_eq(payload_load(frame, len, CHUNK_RAW_MAX), STATUS_DAMAGED);
    ck_assert_int_eq(payload_load(frame, len - 1, 50000), STATUS_DAMAGED);
    ck_assert_int_eq(payload_load(frame, len + 1, 50000), STATUS_DAMAGED);
}
END_TEST

START_TEST(one_frame_and_nothing_else)
{
    static uint8_t frames[200000];
    const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 'j', 'u', 'n', 'k'};
    size_t len = frame_make(frames, sizeof(frames), 50000, ZSTD_c_checksumFlag, 1);

    memcpy(frames + len, frames, len);
    ck_assert_int_eq(payload_load(frames, 2 * len, 100000), STATUS_DAMAGED);
    memcpy(frames + len, skippable, sizeof(skippable));
    ck_assert_int_eq(payload_load(frames, len + sizeof(skippable), 50000), STATUS_DAMAGED);
    ck_assert_int_eq(payload_load("not zstd", 8, 8), STATUS_DAMAGED);
}
END_TEST

/* A few kilobytes that say they are gigabytes cost no more than what the header admits. */
START_TEST(bomb_does_not_go_off)
{
    static uint8_t frame[1 << 20];
    static uint8_t zeros[1 << 20];
    ZSTD_CCtx *const context = ZSTD_createCCtx();
    ZSTD_outBuffer out = {frame, sizeof(frame), 0};

    for (int i = 0; i < 1024; i++) {
        ZSTD_inBuffer in = {zeros, sizeof(zeros), 0};
        require(!ZSTD_isError(ZSTD_compressStream2(context, &out, &in, ZSTD_e_continue)));
        require(in.pos == in.size);
    }
    ZSTD_inBuffer end = {NULL, 0, 0};
    require(ZSTD_compressStream2(context, &out, &end, ZSTD_e_end) == 0);
    ZSTD_freeCCtx(context);
    ck_assert_int_eq(payload_load(frame, out.pos, 1000), STATUS_DAMAGED);
    ck_assert_int_eq(payload_load(frame, out.pos, CHUNK_RAW_MAX), STATUS_DAMAGED);
}
END_TEST

static struct chunk_writer *writer_open(const char *path)
{
    struct chunk_writer *writer;
    struct problem why;
    ck_assert_int_eq(chunk_writer_open(&writer, path, 1, 0, &why), STATUS_OK);
    return writer;
}

START_TEST(writer_keeps_the_limits)
{
    const char *const path = scratch_path("limits.trace");
    struct chunk_writer *const writer = writer_open(path);
    uint8_t *const raw = calloc(1, CHUNK_RAW_MAX + 1);
    struct chunk chunk = {.flags = CHUNK_META, .raw = raw, .raw_len = CHUNK_RAW_MAX};
    struct chunk_buffer buffer = {0};
    struct chunk_file *file;
    struct problem why;
    uint64_t random = 90;

    ck_assert_ptr_nonnull(raw);
    ck_assert_int_eq(chunk_writer_append(writer, &chunk, &why), STATUS_OK);
    chunk.raw_len = CHUNK_RAW_MAX + 1;
    ck_assert_int_eq(chunk_writer_append(writer, &chunk, &why), STATUS_LIMIT);
    for (size_t i = 0; i + 8 <= CHUNK_COMP_MAX + 8; i += 8) {
        const uint64_t word = scratch_random(&random);
        memcpy(raw + i, &word, 8);
    }
    chunk.raw_len = CHUNK_COMP_MAX + 8;
    ck_assert_int_eq(chunk_writer_append(writer, &chunk, &why), STATUS_LIMIT);
    /* Noise grows by its block headers, 3 bytes in 128 KiB. */
    chunk.raw_len = CHUNK_COMP_MAX - 1000;
    ck_assert_int_eq(chunk_writer_append(writer, &chunk, &why), STATUS_OK);
    chunk.raw_len = 0;
    ck_assert_int_eq(chunk_writer_append(writer, &chunk, &why), STATUS_OK);
    chunk.t_first_ns = 1;
    ck_assert_int_eq(chunk_writer_append(writer, &chunk, &why), STATUS_USAGE);
    chunk.t_first_ns = 0;
    chunk.process = LIMIT_PROCESSES + 1;
    ck_assert_int_eq(chunk_writer_append(writer, &chunk, &why), STATUS_USAGE);
    chunk.process = LIMIT_PROCESSES;
    ck_assert_int_eq(chunk_writer_append(writer, &chunk, &why), STATUS_OK);
    chunk_writer_abandon(writer);

    ck_assert_int_eq(chunk_file_open(&file, path, no_damage, NULL, &why), STATUS_OK);
    ck_assert_uint_eq(chunk_file_count(file), 4);
    ck_assert_int_eq(chunk_file_load(file, 0, &buffer, &why), STATUS_OK);
    ck_assert_uint_eq(buffer.raw_len, CHUNK_RAW_MAX);
    ck_assert_int_eq(chunk_file_load(file, 1, &buffer, &why), STATUS_OK);
    ck_assert_uint_eq(buffer.raw_len, CHUNK_COMP_MAX - 1000);
    ck_assert(memcmp(buffer.raw, raw, buffer.raw_len) == 0);
    ck_assert_int_eq(chunk_file_load(file, 2, &buffer, &why), STATUS_OK);
    ck_assert_uint_eq(buffer.raw_len, 0);
    chunk_buffer_clear(&buffer);
    chunk_file_close(file);
    free(raw);
}
END_TEST

/* The last chunk is as large as a chunk may be: there is no room for the index in it. */
START_TEST(index_over_the_limit_is_left_out)
{
    const char *const path = scratch_path("no-index.trace");
    struct chunk_writer *const writer = writer_open(path);
    uint8_t *const raw = calloc(1, CHUNK_RAW_MAX);
    const struct chunk chunk = {.flags = CHUNK_META, .raw = raw, .raw_len = CHUNK_RAW_MAX};
    struct chunk_file *file;
    struct problem why;

    ck_assert_ptr_nonnull(raw);
    ck_assert_int_eq(chunk_writer_append(writer, &chunk, &why), STATUS_OK);
    ck_assert_int_eq(chunk_writer_close(writer, &chunk, &why), STATUS_OK);
    ck_assert_int_eq(chunk_file_open(&file, path, no_damage, NULL, &why), STATUS_OK);
    ck_assert(chunk_file_closed(file));
    ck_assert_uint_eq(chunk_file_count(file), 2);
    ck_assert_uint_eq(chunk_file_get(file, 1)->header.flags, CHUNK_META);
    ck_assert_uint_eq(chunk_file_get(file, 1)->header.raw_len, CHUNK_RAW_MAX);
    chunk_file_close(file);
    free(raw);
}
END_TEST

/* Blocks of a zstd frame whose header is `header_len` long (RFC 8878, 3.1.1). */
static size_t blocks_count(const uint8_t *frame, size_t header_len)
{
    size_t n = 0, at = header_len;
    for (bool is_last = false; !is_last; n++) {
        const uint32_t header =
            (uint32_t)frame[at] | (uint32_t)frame[at + 1] << 8 | (uint32_t)frame[at + 2] << 16;
        is_last = header & 1;
        at += 3 + ((header >> 1 & 3) == 1 ? 1 : header >> 3);
    }
    return n;
}

/* Bytes of a single-segment frame header that holds a content size, as ours always do. */
static size_t frame_header_len(const uint8_t *frame)
{
    static const size_t content_size_len[] = {1, 2, 4, 8};
    ck_assert(frame[4] & 0x20);
    return 5 + content_size_len[frame[4] >> 6];
}

START_TEST(frame_has_size_checksum_and_a_block_per_column)
{
    static uint8_t raw[10000];
    const size_t cuts[] = {0, 1000, 1000, 3000, 3500, 10000};
    static const struct {
        size_t raw_len, n_cuts, n_blocks;
    } cases[] = {{10000, 6, 4}, {10000, 0, 1}, {10000, 2, 2}, {4096, 5, 4}, {4095, 5, 1}};

    for (size_t i = 0; i < sizeof(raw); i++)
        raw[i] = (uint8_t)(i % 13 * (i / 1000));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *const path = scratch_path("blocks.trace");
        struct chunk_writer *const writer = writer_open(path);
        const struct chunk chunk = {.flags = CHUNK_META,
                                    .raw = raw,
                                    .raw_len = cases[i].raw_len,
                                    .cuts = cuts,
                                    .n_cuts = cases[i].n_cuts};
        struct problem why;
        ck_assert_int_eq(chunk_writer_append(writer, &chunk, &why), STATUS_OK);
        chunk_writer_abandon(writer);
        struct bytes file = scratch_read(path);
        const uint8_t *const frame = file.at + CHUNK_HEADER_LEN;
        ck_assert_uint_eq(ZSTD_getFrameContentSize(frame, file.len - CHUNK_HEADER_LEN),
                          cases[i].raw_len);
        ck_assert_int_ne(frame[4] & 0x04, 0); /* Content_Checksum_flag */
        ck_assert_uint_eq(blocks_count(frame, frame_header_len(frame)), cases[i].n_blocks);
        bytes_free(&file);
    }
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("chunk_payload");
    TCase *const tests = tcase_create("chunk_payload");
    tcase_add_test(tests, frames_by_other_writers);
    tcase_add_test(tests, length_must_be_exact);
    tcase_add_test(tests, one_frame_and_nothing_else);
    tcase_add_test(tests, bomb_does_not_go_off);
    tcase_add_test(tests, writer_keeps_the_limits);
    tcase_add_test(tests, index_over_the_limit_is_left_out);
    tcase_add_test(tests, frame_has_size_checksum_and_a_block_per_column);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
