/* SPDX-License-Identifier: MIT */
/*
 * plain_file - the bytes of a file that somebody named: a user, or a trace.
 *
 * On the line:  a path -> [plain_file] -> source, tracer
 * Threads:      any.
 * Memory:       the bytes are the caller's to free.
 * Loss:         a file that is larger than the caller takes is refused, not cut.
 *
 * A trace can hold any path, and opening some of them waits for ever or does something: a FIFO, a
 * device. So what a trace names is read only where it is a plain file. What the user names may be
 * a pipe as well, as in <(ssh host cat run.pstats): input.h makes a plain file of it.
 */
#ifndef PYREC_ANALYZE_PLAIN_FILE_H
#define PYREC_ANALYZE_PLAIN_FILE_H

#include "format/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plain_file {
    char *bytes; /* with a NUL behind them */
    size_t len;
    int64_t changed_unix_ns;
};

/* STATUS_IO says in one line why it cannot be read; `what` it should be. */
MUST_CHECK enum status plain_file_read(struct plain_file *file, const char *path, size_t limit,
                                       const char *what, struct problem *why);

/* The same of a file that is open; `fd` is closed. */
MUST_CHECK enum status plain_file_take(struct plain_file *file, int fd, const char *path,
                                       size_t limit, const char *what, struct problem *why);

#endif
