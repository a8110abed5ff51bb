/* SPDX-License-Identifier: MIT */
/*
 * Files made to keep a reader busy. Its work is counted: bytes read, bytes searched, and what it
 * takes to look at a header wherever the search found one. It may be linear in the length of the
 * file; were it quadratic, there would be thousands of times as much.
 */
#include "format/bytes.h"
#include "format/chunk_read.h"
#include "format/chunk_write.h"
#include "format/crc32c.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* At most so many times the file's length: it may look at a header behind every four bytes. */
enum { FILE_LEN = 16 << 20, SHORT_LEN = 512 << 10, WORK_MAX = CHUNK_HEADER_LEN / 4 + 4 };

/* ---- what the reader calls, counted; these take the place of the C library's ---- */

static _Atomic uint64_t work;

ssize_t pread(int fd, void *bytes, size_t len, off_t offset)
{
    work += len;
    return syscall(SYS_pread64, fd, bytes, len, offset);
}

void *memmem(const void *text, size_t text_len, const void *needle, size_t len)
{
    const uint8_t *const bytes = text;
    size_t at = 0;
    while (at + len <= text_len && memcmp(bytes + at, needle, len) != 0)
        at++;
    const bool is_there = at + len <= text_len;
    work += at + (is_there ? CHUNK_HEADER_LEN : 0);
    return is_there ? (void *)(uintptr_t)(bytes + at) : NULL;
}

struct totals {
    uint64_t n_damages, bytes;
};

static void damage_add(void *closure, const struct damage *damage)
{
    struct totals *const totals = closure;
    totals->n_damages++;
    totals->bytes += damage->len_bytes;
}

/* Open it, and say how much of it was in good chunks. */
static uint64_t open_easily(const struct bytes *file, struct totals *totals)
{
    const char *const path = scratch_path("hostile.trace");
    struct chunk_file *chunks;
    struct problem why;
    uint64_t good = 0;

    *totals = (struct totals){0};
    scratch_write(path, file->at, file->len);
    work = 0;
    const enum status status = chunk_file_open(&chunks, path, damage_add, totals, &why);
    if (status == STATUS_OK) {
        for (size_t i = 0; i < chunk_file_count(chunks); i++)
            good += CHUNK_HEADER_LEN + chunk_file_get(chunks, i)->header.comp_len;
        ck_assert_uint_eq(good + totals->bytes, file->len);
    } else {
        ck_assert_int_eq(status, STATUS_NOT_A_TRACE);
    }
    chunk_file_close(chunks);
    ck_assert_uint_ge(work, CHUNK_HEADER_LEN); /* it is us who is asked */
    ck_assert_uint_le(work, WORK_MAX * (uint64_t)file->len);
    return good;
}

static void header_add(struct bytes *file, uint32_t seq, uint32_t comp_len)
{
    const struct chunk_header header = {
        .tag = 1, .version = 1, .flags = CHUNK_META, .seq = seq, .comp_len = comp_len};
    uint8_t bytes[CHUNK_HEADER_LEN];
    chunk_header_write(&header, bytes);
    bytes_add(file, bytes, sizeof(bytes));
}

/* Headers only; each says that it is followed by half of the file, and never by a header. */
START_TEST(chunks_in_chunks)
{
    struct bytes file = {0};
    struct totals totals;

    for (uint32_t seq = 0; file.len < FILE_LEN; seq++)
        header_add(&file, seq,
                   (uint32_t)((FILE_LEN - file.len) / 2 / CHUNK_HEADER_LEN * CHUNK_HEADER_LEN + 1));
    open_easily(&file, &totals);
    bytes_free(&file);
}
END_TEST

/* Each ends where a header begins: only the checksums of the payloads are wrong. */
START_TEST(chunks_that_end_at_chunks)
{
    struct bytes file = {0};
    struct totals totals;

    for (uint32_t seq = 0; file.len < FILE_LEN; seq++)
        header_add(&file, seq, CHUNK_HEADER_LEN * (seq % 1000));
    open_easily(&file, &totals);
    bytes_free(&file);
}
END_TEST

/* A good chunk, a byte too many, a good chunk, .. */
START_TEST(a_gap_behind_every_chunk)
{
    struct bytes file = {0};
    struct totals totals;
    uint32_t n = 0;

    for (; file.len < FILE_LEN; n++) {
        const struct chunk_header header = {.tag = 1,
                                            .version = 1,
                                            .flags = CHUNK_META,
                                            .seq = n,
                                            .comp_len = 1,
                                            .payload_crc = crc32c_add(0, "x", 1)};
        uint8_t bytes[CHUNK_HEADER_LEN];
        chunk_header_write(&header, bytes);
        bytes_add(&file, bytes, sizeof(bytes));
        bytes_add(&file, "xy", 2);
    }
    ck_assert_uint_eq(open_easily(&file, &totals), (uint64_t)n * (CHUNK_HEADER_LEN + 1));
    ck_assert_uint_eq(totals.n_damages, n);
    bytes_free(&file);
}
END_TEST

/* What the search looks for, and no header behind it. */
START_TEST(magic_numbers_only)
{
    struct bytes file = {0};
    struct totals totals;
    uint8_t bytes[16];

    header_add(&file, 0, 1);
    bytes_put32(bytes, CHUNK_SKIPPABLE_MAGIC);
    while (file.len < SHORT_LEN)
        bytes_add(&file, bytes, 4);
    open_easily(&file, &totals);

    /* And down to the checksum. */
    file.len = 0;
    header_add(&file, 0, 1);
    bytes_put32(bytes + 4, CHUNK_HEADER_LEN - 8);
    memcpy(bytes + 8, CHUNK_MAGIC, CHUNK_MAGIC_LEN);
    while (file.len < SHORT_LEN)
        bytes_add(&file, bytes, 16);
    open_easily(&file, &totals);
    bytes_free(&file);
}
END_TEST

/* ---- and several threads that load at the same time ---- */

enum { N_CHUNKS = 50, N_THREADS = 4 };

static void *all_load(void *closure)
{
    const struct chunk_file *const file = closure;
    struct chunk_buffer buffer = {0};
    struct problem why;
    uintptr_t n_bad = 0;

    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < N_CHUNKS; i++)
            n_bad += chunk_file_load(file, i, &buffer, &why) != STATUS_OK ||
                     buffer.raw_len != i * 100 || (i > 0 && buffer.raw[i * 100 - 1] != i);
    chunk_buffer_clear(&buffer);
    return (void *)n_bad;
}

START_TEST(threads_load_the_same_file)
{
    const char *const path = scratch_path("shared.trace");
    struct chunk_writer *writer;
    struct chunk_file *file;
    struct problem why;
    pthread_t threads[N_THREADS];
    uint8_t raw[N_CHUNKS * 100];

    ck_assert_int_eq(chunk_writer_open(&writer, path, 1, 0, &why), STATUS_OK);
    for (size_t i = 0; i < N_CHUNKS; i++) {
        const struct chunk chunk = {.flags = CHUNK_META, .raw = raw, .raw_len = i * 100};
        memset(raw, (int)i, sizeof(raw));
        ck_assert_int_eq(chunk_writer_append(writer, &chunk, &why), STATUS_OK);
    }
    chunk_writer_abandon(writer);
    ck_assert_int_eq(chunk_file_open(&file, path, NULL, NULL, &why), STATUS_OK);
    ck_assert_uint_eq(chunk_file_count(file), N_CHUNKS);
    for (int i = 0; i < N_THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, all_load, file), 0);
    for (int i = 0; i < N_THREADS; i++) {
        void *n_bad;
        ck_assert_int_eq(pthread_join(threads[i], &n_bad), 0);
        ck_assert_ptr_null(n_bad);
    }
    chunk_file_close(file);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("chunk_hostile");
    TCase *const tests = tcase_create("chunk_hostile");
    tcase_add_test(tests, chunks_in_chunks);
    tcase_add_test(tests, chunks_that_end_at_chunks);
    tcase_add_test(tests, a_gap_behind_every_chunk);
    tcase_add_test(tests, magic_numbers_only);
    tcase_add_test(tests, threads_load_the_same_file);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
