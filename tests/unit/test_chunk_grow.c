/* SPDX-License-Identifier: MIT */
#include "chunk_check.h"
#include "format/chunk_write.h"
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
    scratch_remove();
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

/* Chunks from..to of the list are chunks from..to of the recording, unless `shift` says otherwise.
 */
static void chunks_check(const struct chunk_file *file, size_t from, size_t to, size_t shift)
{
    struct chunk_buffer buffer = {0};
    struct problem why;

    for (size_t i = from; i < to; i++) {
        const struct bytes *const raw = &whole.raw[i + shift];
        require(chunk_file_get(file, i)->header.seq == i + shift);
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

START_TEST(grows_in_pieces_of_any_length)
{
    const char *const path = scratch_path("growing.trace");
    uint64_t random = 70;

    for (int round = 0; round < 300; round++) {
        size_t len = CHUNK_HEADER_LEN + scratch_random(&random) % whole.file.len / 2;
        const size_t most = scratch_random(&random) % 2 ? 20 : whole.file.len;
        struct reports reports = {0};
        struct chunk_file *file;
        struct problem why;

        scratch_write(path, whole.file.at, len);
        require(chunk_file_open(&file, path, NULL, NULL, &why) == STATUS_OK);
        require(chunk_file_count(file) == n_whole_at(len));
        while (len < whole.file.len) {
            size_t more = scratch_random(&random) % most + 1, added;
            const size_t before = chunk_file_count(file);
            if (more > whole.file.len - len)
                more = whole.file.len - len;
            scratch_append(path, whole.file.at + len, more);
            len += more;
            require(chunk_file_rescan(file, &added, report_note, &reports, &why) == STATUS_OK);
            require(chunk_file_count(file) == before + added);
            require(chunk_file_count(file) == n_whole_at(len));
            require(chunk_file_size(file) == len);
            chunks_check(file, before, before + added, 0);
        }
        require(reports.n == 0);
        require(chunk_file_closed(file) == whole.closed);
        chunks_check(file, 0, N_CHUNKS, 0);
        chunk_file_close(file);
    }
}
END_TEST

START_TEST(follows_a_writer)
{
    const char *const path = scratch_path("live.trace");
    struct reports reports = {0};
    struct chunk_writer *writer;
    struct chunk_file *file = NULL;
    struct problem why;
    size_t added;

    ck_assert_int_eq(chunk_writer_open(&writer, path, 1, 0, &why), STATUS_OK);
    for (size_t i = 0; i < N_CHUNKS; i++) {
        const struct chunk chunk = {.flags = i == 0 ? CHUNK_META : CHUNK_SAMPLES,
                                    .raw = whole.raw[i].at,
                                    .raw_len = whole.raw[i].len};
        if (i + 1 < N_CHUNKS)
            ck_assert_int_eq(chunk_writer_append(writer, &chunk, &why), STATUS_OK);
        else
            ck_assert_int_eq(chunk_writer_close(writer, &chunk, &why), STATUS_OK);
        if (i == 0) {
            ck_assert_int_eq(chunk_file_open(&file, path, report_note, &reports, &why), STATUS_OK);
            continue;
        }
        ck_assert_int_eq(chunk_file_rescan(file, &added, report_note, &reports, &why), STATUS_OK);
        ck_assert_uint_eq(added, 1);
        ck_assert_int_eq(chunk_file_closed(file), i + 1 == N_CHUNKS);
    }
    chunks_check(file, 0, N_CHUNKS, 0);
    ck_assert_int_eq(chunk_file_rescan(file, &added, report_note, &reports, &why), STATUS_OK);
    ck_assert_uint_eq(added, 0);
    ck_assert_uint_eq(reports.n, 0);
    chunk_file_close(file);
}
END_TEST

/* A chunk did not fit, was taken back, and later another one was written in its place. */
START_TEST(cut_chunk_is_replaced)
{
    const char *const path = scratch_path("replaced.trace");
    struct reports reports = {0};
    struct chunk_file *file;
    struct problem why;
    size_t added;

    scratch_write(path, whole.file.at, whole.end[3]);
    ck_assert_int_eq(chunk_file_open(&file, path, report_note, &reports, &why), STATUS_OK);
    for (size_t cut = 1; cut < 200; cut += 7) {
        scratch_append(path, whole.file.at + whole.start[5], cut % (whole.end[5] - whole.start[5]));
        ck_assert_int_eq(chunk_file_rescan(file, &added, report_note, &reports, &why), STATUS_OK);
        ck_assert_uint_eq(added, 0);
        ck_assert_int_eq(truncate(path, (off_t)whole.end[3]), 0);
        if (cut % 2 == 0)
            ck_assert_int_eq(chunk_file_rescan(file, &added, report_note, &reports, &why),
                             STATUS_OK);
    }
    scratch_append(path, whole.file.at + whole.end[3], whole.end[5] - whole.end[3]);
    ck_assert_int_eq(chunk_file_rescan(file, &added, report_note, &reports, &why), STATUS_OK);
    ck_assert_uint_eq(added, 2);
    ck_assert_uint_eq(reports.n, 0);
    chunks_check(file, 0, 6, 0);
    chunk_file_close(file);
}
END_TEST

START_TEST(garbage_while_growing_is_reported_once)
{
    const char *const path = scratch_path("garbage.trace");
    const char garbage[] = "W*M\x18 this is no chunk W*M\x18@\0\0\0 nor is this";
    struct reports reports = {0};
    struct chunk_file *file;
    struct problem why;
    size_t added;

    scratch_write(path, whole.file.at, whole.end[2]);
    ck_assert_int_eq(chunk_file_open(&file, path, report_note, &reports, &why), STATUS_OK);
    for (int i = 0; i < 5; i++) {
        scratch_append(path, garbage, sizeof(garbage));
        ck_assert_int_eq(chunk_file_rescan(file, &added, report_note, &reports, &why), STATUS_OK);
        ck_assert_uint_eq(added, 0);
        ck_assert_uint_eq(reports.n, 0); /* its end is not known yet */
    }
    /* The next chunk arrives in two parts. */
    scratch_append(path, whole.file.at + whole.end[2], 40);
    ck_assert_int_eq(chunk_file_rescan(file, &added, report_note, &reports, &why), STATUS_OK);
    ck_assert_uint_eq(added, 0);
    scratch_append(path, whole.file.at + whole.end[2] + 40, whole.end[4] - whole.end[2] - 40);
    ck_assert_int_eq(chunk_file_rescan(file, &added, report_note, &reports, &why), STATUS_OK);
    ck_assert_uint_eq(added, 2);
    ck_assert_uint_eq(reports.n, 1);
    ck_assert_uint_eq(reports.last.offset, whole.end[2]);
    ck_assert_uint_eq(reports.last.len_bytes, 5 * sizeof(garbage));
    chunks_check(file, 0, 5, 0);
    chunk_file_close(file);
}
END_TEST

/* What open() has reported, rescan() does not report again; only what came later. */
START_TEST(garbage_before_and_after_open)
{
    const char *const path = scratch_path("garbage.trace");
    const char garbage[300] = "nothing";
    struct reports reports = {0};
    struct chunk_file *file;
    struct problem why;
    size_t added;

    scratch_write(path, whole.file.at, whole.end[2]);
    scratch_append(path, garbage, 100);
    ck_assert_int_eq(chunk_file_open(&file, path, report_note, &reports, &why), STATUS_OK);
    ck_assert_uint_eq(reports.n, 1);
    ck_assert_uint_eq(reports.last.offset, whole.end[2]);
    ck_assert_uint_eq(reports.last.len_bytes, 100);
    scratch_append(path, garbage, 200);
    scratch_append(path, whole.file.at + whole.end[2], whole.end[4] - whole.end[2]);
    ck_assert_int_eq(chunk_file_rescan(file, &added, report_note, &reports, &why), STATUS_OK);
    ck_assert_uint_eq(added, 2);
    ck_assert_uint_eq(reports.n, 2);
    ck_assert_uint_eq(reports.last.offset, whole.end[2] + 100);
    ck_assert_uint_eq(reports.last.len_bytes, 200);
    chunk_file_close(file);
}
END_TEST

START_TEST(gap_while_growing_is_reported)
{
    const char *const path = scratch_path("gap.trace");
    struct reports reports = {0};
    struct chunk_file *file;
    struct problem why;
    size_t added;

    scratch_write(path, whole.file.at, whole.end[2]);
    ck_assert_int_eq(chunk_file_open(&file, path, report_note, &reports, &why), STATUS_OK);
    scratch_append(path, whole.file.at + whole.start[5], whole.end[6] - whole.start[5]);
    ck_assert_int_eq(chunk_file_rescan(file, &added, report_note, &reports, &why), STATUS_OK);
    ck_assert_uint_eq(added, 2);
    ck_assert_uint_eq(reports.n, 1);
    ck_assert_str_eq(reports.last.text, "chunks 3 to 4 are missing");
    chunks_check(file, 3, 5, 2);

    /* Too late: indices that were handed out must not move. */
    scratch_append(path, whole.file.at + whole.start[4], whole.end[4] - whole.start[4]);
    ck_assert_int_eq(chunk_file_rescan(file, &added, report_note, &reports, &why), STATUS_OK);
    ck_assert_uint_eq(added, 0);
    ck_assert_uint_eq(reports.n, 2);
    ck_assert_uint_eq(reports.last.len_bytes, whole.end[4] - whole.start[4]);
    chunk_file_close(file);
}
END_TEST

/* A chunk that was handed out stays in the list, damaged or not. */
START_TEST(damaged_chunk_that_was_handed_out_stays)
{
    const char *const path = scratch_path("damaged.trace");
    struct reports reports = {0};
    struct chunk_buffer buffer = {0};
    struct chunk_file *file;
    struct problem why;
    size_t added;

    whole.file.at[whole.end[2] - 1] ^= 1;
    scratch_write(path, whole.file.at, whole.end[2]);
    ck_assert_int_eq(chunk_file_open(&file, path, report_note, &reports, &why), STATUS_OK);
    ck_assert_uint_eq(chunk_file_count(file), 3);
    scratch_append(path, "garbage", 7);
    scratch_append(path, whole.file.at + whole.end[2], whole.end[4] - whole.end[2]);
    ck_assert_int_eq(chunk_file_rescan(file, &added, report_note, &reports, &why), STATUS_OK);
    ck_assert_uint_eq(added, 2);
    ck_assert_uint_eq(chunk_file_get(file, 2)->header.seq, 2);
    ck_assert_int_eq(chunk_file_load(file, 2, &buffer, &why), STATUS_DAMAGED);
    ck_assert_uint_eq(reports.n, 1);
    ck_assert_uint_eq(reports.last.len_bytes, 7);
    chunk_buffer_clear(&buffer);
    chunk_file_close(file);
}
END_TEST

START_TEST(file_that_shrinks)
{
    const char *const path = scratch_path("shrinks.trace");
    struct chunk_buffer buffer = {0};
    struct chunk_file *file;
    struct problem why;
    size_t added;

    scratch_write(path, whole.file.at, whole.end[5]);
    ck_assert_int_eq(chunk_file_open(&file, path, NULL, NULL, &why), STATUS_OK);
    ck_assert_int_eq(truncate(path, (off_t)whole.end[4] + 100), 0);
    ck_assert_int_eq(chunk_file_rescan(file, &added, NULL, NULL, &why), STATUS_TRUNCATED);
    ck_assert_uint_eq(added, 0);
    ck_assert_int_eq(chunk_file_load(file, 5, &buffer, &why), STATUS_TRUNCATED);
    ck_assert_int_eq(chunk_file_load(file, 4, &buffer, &why), STATUS_OK);
    chunk_buffer_clear(&buffer);
    chunk_file_close(file);
}
END_TEST

static void tests_add(TCase *tests)
{
    tcase_add_test(tests, grows_in_pieces_of_any_length);
    tcase_add_test(tests, follows_a_writer);
    tcase_add_test(tests, cut_chunk_is_replaced);
    tcase_add_test(tests, garbage_while_growing_is_reported_once);
    tcase_add_test(tests, garbage_before_and_after_open);
    tcase_add_test(tests, gap_while_growing_is_reported);
    tcase_add_test(tests, damaged_chunk_that_was_handed_out_stays);
    tcase_add_test(tests, file_that_shrinks);
    tcase_set_timeout(tests, 120);
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
    SRunner *const runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
