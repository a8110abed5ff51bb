/* SPDX-License-Identifier: MIT */
#include "format/chunk_write.h"
#include "tests/unit/support/chunk_check.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <string.h>
#include <unistd.h>

#define N_CHUNKS 9u

static struct recording whole;

static void setup_closed(void)
{
    recording_make(&whole, scratch_path("whole.trace"), N_CHUNKS, 120, 77, true);
}

static void setup_open(void)
{
    recording_make(&whole, scratch_path("whole.trace"), N_CHUNKS, 120, 77, false);
}

static void teardown(void)
{
    recording_free(&whole);
}

/* What was reported, and how much of it. */
struct reports {
    size_t n;
    struct damage last;
};

static void report_note(void *closure, const struct damage *damage)
{
    struct reports *const reports = closure;
    reports->n++;
    reports->last = *damage;
}

/* Chunks from..to of the list are those of the recording. */
static void chunks_check(const struct chunk_file *file, size_t from, size_t to)
{
    struct chunk_buffer buffer = {0};
    struct problem why;

    for (size_t i = from; i < to; i++) {
        const struct bytes *const raw = &whole.raw[i];
        require(chunk_file_get(file, i)->header.seq == i);
        require(chunk_file_load(file, i, &buffer, &why) == STATUS_OK);
        require(buffer.raw_len >= raw->len && memcmp(buffer.raw, raw->at, raw->len) == 0);
    }
    chunk_buffer_clear(&buffer);
}

static size_t n_whole_at(size_t len)
{
    size_t n = 0;
    while (n < N_CHUNKS && whole.end[n] <= len)
        n++;
    return n;
}

/* A reader that comes while it is being written finds what is whole, and why the rest is not. */
START_TEST(grows_in_pieces_of_any_length)
{
    const char *const path = scratch_path("growing.trace");
    uint64_t random = 70;

    for (int round = 0; round < 100; round++) {
        size_t len = CHUNK_HEADER_LEN + scratch_random(&random) % whole.file.len / 2;
        const size_t most = scratch_random(&random) % 2 ? whole.file.len / 20 : whole.file.len;

        scratch_write(path, whole.file.at, len);
        while (len < whole.file.len) {
            struct reports reports = {0};
            struct chunk_file *file;
            struct problem why;
            require(chunk_file_open(&file, path, report_note, &reports, &why) == STATUS_OK);
            require(chunk_file_count(file) == n_whole_at(len));
            require(chunk_file_size(file) == len);
            require(!chunk_file_closed(file));
            require(reports.n <= 1 && (reports.n == 0 || reports.last.status == STATUS_TRUNCATED));
            chunks_check(file, 0, n_whole_at(len));
            chunk_file_close(file);
            size_t more = scratch_random(&random) % most + 1;
            if (more > whole.file.len - len)
                more = whole.file.len - len;
            scratch_append(path, whole.file.at + len, more);
            len += more;
        }
    }
}
END_TEST

START_TEST(beside_a_writer)
{
    const char *const path = scratch_path("live.trace");
    struct chunk_writer *writer;
    struct chunk_file *file = NULL;
    struct problem why;

    ck_assert_int_eq(chunk_writer_open(&writer, path, 1, 0, &why), STATUS_OK);
    for (size_t i = 0; i < N_CHUNKS; i++) {
        struct reports reports = {0};
        const struct chunk chunk = {.flags = i == 0 ? CHUNK_META : CHUNK_SAMPLES,
                                    .raw = whole.raw[i].at,
                                    .raw_len = whole.raw[i].len};
        if (i + 1 < N_CHUNKS)
            ck_assert_int_eq(chunk_writer_append(writer, &chunk, &why), STATUS_OK);
        else
            ck_assert_int_eq(chunk_writer_close(writer, &chunk, &why), STATUS_OK);
        ck_assert_int_eq(chunk_file_open(&file, path, report_note, &reports, &why), STATUS_OK);
        ck_assert_uint_eq(chunk_file_count(file), i + 1);
        ck_assert_int_eq(chunk_file_closed(file), i + 1 == N_CHUNKS);
        chunks_check(file, 0, i + 1);
        ck_assert_uint_eq(reports.n, 0);
        chunk_file_close(file);
    }
}
END_TEST

/* One that stays finds the same as one that comes anew, piece by piece. */
START_TEST(goes_on_where_it_was)
{
    const char *const path = scratch_path("growing.trace");
    uint64_t random = 71;

    for (int round = 0; round < 100; round++) {
        size_t len = whole.end[0] + scratch_random(&random) % (whole.file.len / 2);
        struct chunk_file *file;
        struct problem why;
        scratch_write(path, whole.file.at, len);
        require(chunk_file_open(&file, path, NULL, NULL, &why) == STATUS_OK);
        while (len < whole.file.len) {
            const size_t before = chunk_file_count(file);
            size_t more = scratch_random(&random) % (whole.file.len / 4) + 1;
            if (more > whole.file.len - len)
                more = whole.file.len - len;
            scratch_append(path, whole.file.at + len, more);
            len += more;
            const enum chunk_growth growth = chunk_file_grow(file);
            require(growth != CHUNK_GROWTH_OTHER);
            require((growth == CHUNK_GROWTH_MORE) ==
                    (chunk_file_count(file) > before || chunk_file_closed(file)));
            require(chunk_file_count(file) == n_whole_at(len));
            require(chunk_file_size(file) == len);
            chunks_check(file, before, n_whole_at(len));
        }
        require(chunk_file_grow(file) == CHUNK_GROWTH_NONE);
        chunk_file_close(file);
    }
}
END_TEST

/* What does not follow on is left to whoever opens it anew. */
START_TEST(does_not_follow_on)
{
    const char *const path = scratch_path("other.trace");
    static const uint8_t zeros[2 * CHUNK_HEADER_LEN];
    struct chunk_file *file;
    struct problem why;
    for (int how = 0; how < 4; how++) {
        scratch_write(path, whole.file.at, whole.end[3]);
        require(chunk_file_open(&file, path, NULL, NULL, &why) == STATUS_OK);
        if (how == 0)
            scratch_append(path, zeros, sizeof zeros);
        if (how == 1) /* a chunk is missing */
            scratch_append(path, whole.file.at + whole.end[4], whole.end[5] - whole.end[4]);
        if (how == 2) /* one is there twice */
            scratch_append(path, whole.file.at + whole.end[2], whole.end[3] - whole.end[2]);
        if (how == 3)
            require(truncate(path, (off_t)whole.end[2]) == 0);
        require(chunk_file_grow(file) == CHUNK_GROWTH_OTHER);
        chunk_file_close(file);
    }
}
END_TEST

START_TEST(file_that_shrinks)
{
    const char *const path = scratch_path("shrinks.trace");
    struct chunk_buffer buffer = {0};
    struct chunk_file *file;
    struct problem why;

    scratch_write(path, whole.file.at, whole.end[5]);
    ck_assert_int_eq(chunk_file_open(&file, path, NULL, NULL, &why), STATUS_OK);
    ck_assert_int_eq(truncate(path, (off_t)whole.end[4] + 100), 0);
    ck_assert_int_eq(chunk_file_load(file, 5, &buffer, &why), STATUS_TRUNCATED);
    ck_assert_int_eq(chunk_file_load(file, 4, &buffer, &why), STATUS_OK);
    chunk_buffer_clear(&buffer);
    chunk_file_close(file);
}
END_TEST

static void tests_add(TCase *tests)
{
    tcase_add_test(tests, grows_in_pieces_of_any_length);
    tcase_add_test(tests, beside_a_writer);
    tcase_add_test(tests, goes_on_where_it_was);
    tcase_add_test(tests, does_not_follow_on);
    tcase_add_test(tests, file_that_shrinks);
}

int main(void)
{
    Suite *const suite = suite_create("chunk_grow");
    TCase *const closed = tcase_create("closed");
    TCase *const open = tcase_create("open");
    tcase_add_checked_fixture(closed, setup_closed, teardown);
    tcase_add_checked_fixture(open, setup_open, teardown);
    tests_add(closed);
    tests_add(open);
    suite_add_tcase(suite, closed);
    suite_add_tcase(suite, open);
    return suite_run(suite);
}
