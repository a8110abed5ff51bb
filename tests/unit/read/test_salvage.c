/* SPDX-License-Identifier: MIT */
/* Several files as one: read together, and merged into a file of their own. */
#include "analyze/export/dump.h"
#include "analyze/repair/salvage.h"
#include "tests/unit/support/make_trace.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>

static char names[4][256];
static size_t n_damages;
static struct damage last_damage;

static void note(void *closure, const char *file, const struct damage *damage)
{
    (void)closure;
    (void)file;
    last_damage = *damage;
    n_damages++;
}

/* A recording of one process, `ticks` long; with Python frames of its own. */
static void make_file(const char *path, const struct maker_settings *settings, uint32_t pid,
                      unsigned ticks)
{
    const struct maker_frame frame = {"work", "/x/a.py", 1, pid, 0};
    const char *const argv[] = {"python3", "a.py", NULL};
    struct maker *const m = maker_open(path, settings);
    const uint32_t p = maker_process(m, pid, 1, argv);
    const uint32_t t = maker_thread(m, p, pid, "MainThread", 7);
    const uint32_t stack = maker_stack_push(m, p, 0, &frame);
    for (unsigned i = 0; i < ticks; i++) {
        maker_tick(m, p, 3, i == 5 ? 2 : 0, i == 5 ? 5000 : 0);
        if (i % 4 != 0)
            maker_change(m, p, t, &(struct maker_sample){stack, 1, 8000 + i, NULL});
        if (i % 16 == 15)
            maker_flush(m, p);
    }
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
}

/* All rows of a dump, as text. */
static struct bytes dump_text(const char *const *paths, size_t n)
{
    const struct select all = {0};
    struct bytes text = {0};
    struct trace *trace;
    struct row row;
    n_damages = 0;
    ck_assert_int_eq(trace_open(&trace, paths, n, note, NULL, NULL), STATUS_OK);
    struct dump *const dump = dump_open(trace, &all, 0);
    while (dump_next(dump, &row)) {
        char line[300];
        const int len =
            snprintf(line, sizeof line, "%llu %u %s %s %llu %s:%u\n",
                     (unsigned long long)row.sample->time_ns, row.process->pid, row.thread->name,
                     row.sample->state, (unsigned long long)row.sample->cpu_ns,
                     row.sample->stack.frames[0].function, row.sample->stack.frames[0].line);
        bytes_add(&text, line, (size_t)len);
    }
    dump_close(dump);
    trace_close(trace);
    return text;
}

static void merge(const char *const *paths, size_t n, const char *to)
{
    const struct salvage_remark remark = {"merged_from", "tests"};
    struct salvage_result result;
    struct trace *trace;
    struct audit audit;
    ck_assert_int_eq(trace_open(&trace, paths, n, note, NULL, NULL), STATUS_OK);
    audit_run(&audit, trace, 1);
    ck_assert_int_eq(salvage_write(trace, &audit, to, &remark, &result, NULL), STATUS_OK);
    trace_close(trace);
}

static void expect_equal(const char *const *paths, size_t n, const char *merged)
{
    struct bytes apart = dump_text(paths, n);
    const size_t n_before = n_damages;
    struct bytes together = dump_text(&merged, 1);
    ck_assert_uint_eq(n_before, 0);
    ck_assert_uint_eq(n_damages, 0);
    ck_assert_uint_gt(apart.len, 0);
    ck_assert_uint_eq(apart.len, together.len);
    ck_assert_int_eq(memcmp(apart.at, together.at, apart.len), 0);
    bytes_free(&apart);
    bytes_free(&together);
}

static void setup(void)
{
    for (int i = 0; i < 4; i++) {
        char name[20];
        snprintf(name, sizeof name, "%d.trace", i);
        snprintf(names[i], sizeof names[i], "%s", scratch_path(name));
    }
}

/* Different machines, quanta and intervals; equal process numbers. */
START_TEST(recordings_become_one)
{
    const struct maker_settings a = {.tag = 1, .start_unix_ns = INT64_C(1500000000123456789)};
    const struct maker_settings b = {.tag = 2,
                                     .quantum_ns = 500,
                                     .interval_ns = 7000000,
                                     .start_unix_ns = INT64_C(1500000000999956789),
                                     .hostname = "other"};
    const char *const paths[] = {names[1], names[0]};
    make_file(names[0], &a, 10, 100);
    make_file(names[1], &b, 11, 150);
    merge(paths, 2, names[2]);
    expect_equal(paths, 2, names[2]);

    struct trace *trace;
    struct audit audit;
    const char *const merged = names[2];
    ck_assert_int_eq(trace_open(&trace, &merged, 1, note, NULL, NULL), STATUS_OK);
    audit_run(&audit, trace, 1);
    ck_assert_uint_eq(trace->census.n_recordings, 1);
    ck_assert_uint_eq(trace->census.n_processes, 2);
    ck_assert_str_eq(trace->census.recordings[0]->ending.reason, "merged");
    ck_assert_str_eq(trace->census.recordings[0]->hostname, "testhost");
    ck_assert_str_eq(trace->census.processes[0]->hostname, "");
    ck_assert_str_eq(trace->census.processes[1]->hostname, "other");
    ck_assert(chunk_file_closed(trace->files[0].chunks));
    trace_close(trace);
}
END_TEST

/* Write chunks [from, to) of a file, as a recorder that rotates would. */
static void cut_part(const struct bytes *whole, size_t from, size_t to, const char *path)
{
    struct chunk_header header;
    size_t at = 0, start = 0, end = 0;
    for (size_t i = 0; i < to; i++) {
        ck_assert(chunk_header_parse(&header, whole->at + at));
        start = i == from ? at : start;
        at += CHUNK_HEADER_LEN + header.comp_len;
        end = at;
    }
    scratch_write(path, whole->at + start, end - start);
}

/* Parts of one recording, in any order, one of them twice: the same chunks, the same totals. */
START_TEST(parts_of_one_recording)
{
    const char *const whole_path = names[0];
    const char *const paths[] = {names[2], names[1], names[2]};
    make_file(names[0], NULL, 10, 100);
    struct bytes whole = scratch_read(names[0]);
    cut_part(&whole, 0, 3, names[1]);
    cut_part(&whole, 3, 9, names[2]);
    merge(paths, 3, names[3]);
    struct bytes apart = dump_text(&whole_path, 1), together;
    const char *const merged = names[3];
    together = dump_text(&merged, 1);
    ck_assert_uint_eq(n_damages, 0);
    ck_assert_uint_eq(apart.len, together.len);
    ck_assert_int_eq(memcmp(apart.at, together.at, apart.len), 0);
    bytes_free(&apart);
    bytes_free(&together);
    bytes_free(&whole);
}
END_TEST

START_TEST(a_part_between_two_others_is_missed)
{
    const char *const paths[] = {names[1], names[2]};
    struct trace *trace;
    make_file(names[0], NULL, 10, 100);
    struct bytes whole = scratch_read(names[0]);
    cut_part(&whole, 0, 3, names[1]);
    cut_part(&whole, 5, 9, names[2]);
    n_damages = 0;
    ck_assert_int_eq(trace_open(&trace, paths, 2, note, NULL, NULL), STATUS_OK);
    /* The second part does not begin like one, and what is between them is missing. */
    ck_assert_uint_eq(n_damages, 2);
    ck_assert_ptr_nonnull(strstr(last_damage.text, "chunks 3 to 4 of the recording"));
    ck_assert(last_damage.time_known);
    ck_assert_uint_gt(last_damage.t_last_ns, last_damage.t_first_ns);
    trace_close(trace);
    bytes_free(&whole);
}
END_TEST

/* The bytes of a chunk of one recording stay what they are; only its number may change. */
START_TEST(chunks_are_copied_as_they_are)
{
    const char *const path = names[0];
    make_file(names[0], NULL, 10, 100);
    merge(&path, 1, names[1]);
    struct bytes old = scratch_read(names[0]), new = scratch_read(names[1]);
    struct chunk_header header;
    for (size_t at = 0; chunk_header_parse(&header, old.at + at);
         at += CHUNK_HEADER_LEN + header.comp_len) {
        if (header.process != 0)
            ck_assert_ptr_nonnull(
                memmem(new.at, new.len, old.at + at + CHUNK_HEADER_LEN, header.comp_len));
    }
    bytes_free(&old);
    bytes_free(&new);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("salvage");
    TCase *const tcase = tcase_create("salvage");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, recordings_become_one);
    tcase_add_test(tcase, parts_of_one_recording);
    tcase_add_test(tcase, a_part_between_two_others_is_missed);
    tcase_add_test(tcase, chunks_are_copied_as_they_are);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
