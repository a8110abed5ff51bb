/* SPDX-License-Identifier: MIT */
/*
 * chunk_check - a small recording to be damaged, and the books of what is left of it.
 *
 * On the line:  under the suites that damage files.
 * Memory:       struct recording and struct account are the caller's storage.
 *
 * Always true:  after account_take every byte of the file is in a chunk that loads with the content
 *               it was written with, in the trailer, or in a reported damage; every seq between
 *               the first and the last that is not good was named in a report. A test that calls
 *               it fails where this is not so.
 */
#ifndef PYREC_TESTS_CHUNK_CHECK_H
#define PYREC_TESTS_CHUNK_CHECK_H

#include "format/chunk_read.h"
#include "scratch.h"

#define RECORDING_MAX 64u

/* The file as it should be, and where each chunk of it is. */
struct recording {
    struct bytes file;
    size_t n;
    bool closed;
    uint32_t tag;
    size_t start[RECORDING_MAX], end[RECORDING_MAX]; /* chunk i has seq i */
    struct bytes raw[RECORDING_MAX];
};

/* Write n chunks of about `raw_len` bytes; chunk i has times 1000 * i .. 1000 * (i + 1). */
void recording_make(struct recording *recording, const char *path, size_t n, size_t raw_len,
                    uint32_t tag, bool closed);
void recording_free(struct recording *recording);

/* What became of it. */
struct account {
    enum status opened;
    bool closed;
    bool good[RECORDING_MAX];  /* seq was loaded, with the right content */
    bool named[RECORDING_MAX]; /* seq was said to be missing, or did not load */
    size_t n_good, n_damages, n_truncated, n_too_new, n_limit;
    uint64_t bytes_damaged;
};

/* Open `path`, load everything, and check that the books balance (see above). */
void account_take(struct account *account, const struct recording *recording, const char *path);

/* Fail unless exactly the chunks whose bytes stand somewhere in `file` are good. */
void account_expect_survivors(const struct account *account, const struct recording *recording,
                              const struct bytes *file);

#endif
