/* SPDX-License-Identifier: MIT */
/* A disk that cannot be read in places: what is elsewhere is read, and the rest is reported. */
#include "analyze/repair/audit.h"
#include "tests/unit/support/make_trace.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include "format/chunk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t bad_from, bad_to;

/* The library's, but for the bad bytes. */
ssize_t pread(int fd, void *bytes, size_t len, off_t offset);
ssize_t pread(int fd, void *bytes, size_t len, off_t offset)
{
    const uint64_t from = (uint64_t)offset;
    if (from < bad_to && from + len > bad_from) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_pread64, fd, bytes, len, offset);
}

static uint64_t n_samples;
static size_t n_damages, n_io;

static void note(void *closure, const char *file, const struct damage *damage)
{
    (void)closure;
    (void)file;
    n_damages++;
    n_io += damage->status == STATUS_IO;
}

static enum status read_file(const char *path, struct problem *why)
{
    struct trace *trace;
    struct audit audit = {0};
    n_damages = n_io = 0;
    const enum status status = trace_open(&trace, &path, 1, note, NULL, why);
    if (status == STATUS_OK) {
        audit_run(&audit, trace, 1);
        trace_close(trace);
    }
    n_samples = audit.samples;
    return status;
}

/* 40 chunks of a few hundred bytes; long names make them so. */
static void make_file(const char *path, bool closed)
{
    static char name[400];
    struct maker *const m = maker_open(path, NULL);
    const char *const argv[] = {"python3", NULL};
    const uint32_t p = maker_process(m, 9, 1, argv);
    const uint32_t t = maker_thread(m, p, 9, "MainThread", 0);
    uint64_t random = 3;
    for (unsigned chunk = 0; chunk < 40; chunk++) {
        for (size_t i = 0; i + 1 < sizeof name; i++)
            name[i] = (char)('!' + scratch_random(&random) % 90);
        const struct maker_frame frame = {name, "/x.py", 1, chunk + 1, 0};
        const uint32_t stack = maker_stack_push(m, p, 0, &frame);
        maker_tick(m, p, 0, 0, 0);
        maker_change(m, p, t, &(struct maker_sample){stack, 1, 5000, NULL});
        if (chunk == 35) /* so that there is a Meta elsewhere */
            maker_generation(m, p);
        else
            maker_flush(m, p);
    }
    if (closed)
        maker_close(m, "exited");
    else
        maker_abandon(m);
}

START_TEST(a_bad_block_costs_the_chunks_in_it)
{
    const char *const path = scratch_path("bad.trace");
    struct problem why = {0};
    make_file(path, _i == 0);
    bad_to = 0;
    ck_assert_int_eq(read_file(path, &why), STATUS_OK);
    ck_assert_uint_eq(n_damages, 0);
    ck_assert_uint_eq(n_samples, 40);
    struct bytes file = scratch_read(path);
    for (uint64_t block = 0; block < file.len; block += 4096) {
        uint64_t lost = 0;
        size_t in = 0;
        struct chunk_header header;
        bad_from = block;
        bad_to = block + 4096;
        for (size_t at = 0; at + CHUNK_HEADER_LEN <= file.len;
             at += CHUNK_HEADER_LEN + header.comp_len) {
            if (!chunk_header_parse(&header, file.at + at))
                break;
            const bool hit = at < bad_to && at + CHUNK_HEADER_LEN + header.comp_len > bad_from;
            lost += hit && header.flags & CHUNK_SAMPLES;
            in += hit;
        }
        ck_assert_int_eq(read_file(path, &why), STATUS_OK);
        ck_assert_uint_eq(n_samples, 40 - lost);
        ck_assert_uint_gt(n_io, 0);
        ck_assert_uint_gt(in, 0);
    }
    bytes_free(&file);
}
END_TEST

START_TEST(nothing_can_be_read)
{
    const char *const path = scratch_path("bad.trace");
    struct problem why = {0};
    bad_to = 0;
    make_file(path, true);
    bad_from = 0;
    bad_to = UINT64_MAX;
    ck_assert_int_eq(read_file(path, &why), STATUS_IO);
    ck_assert_ptr_nonnull(strstr(why.detail, path));
    ck_assert_ptr_nonnull(strstr(why.detail, strerror(EIO)));
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("unreadable");
    TCase *const tcase = tcase_create("unreadable");
    tcase_add_loop_test(tcase, a_bad_block_costs_the_chunks_in_it, 0, 2);
    tcase_add_test(tcase, nothing_can_be_read);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
