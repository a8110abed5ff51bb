/* SPDX-License-Identifier: MIT */
/*
 * input - what a user named to be read: a file, "-", or a pipe.
 *
 * On the line:  the command line -> [input] -> trace, tracer; merge uses its files without name
 * Threads:      one at a time.
 * Memory:       what came through a pipe is kept until the process ends, in a file without a name
 *               in TMPDIR or /tmp, and one descriptor with it.
 * Loss:         nothing is cut: a pipe that does not fit is refused.
 *
 * Traces are read more than once and not from the front, and some commands open them several times;
 * a pipe gives every byte once. So it is read to its end by whoever opens it first, and everybody
 * after that has the same bytes, by whatever name: "-", /dev/stdin and /dev/fd/0 are one.
 */
#ifndef PYREC_ANALYZE_INPUT_H
#define PYREC_ANALYZE_INPUT_H

#include "format/status.h"

#include <stdbool.h>
#include <sys/stat.h>

/* What it is called in messages: "standard input", or its path. */
const char *input_name(const char *path);

/* What stands there now, as stat says; "-" is standard input. */
bool input_look(const char *path, struct stat *info);

/* Is it no file that can be looked at again: "-", or not a regular one? What is not there is. */
bool input_passes_by(const char *path);

/*
 * A descriptor to read it by with pread, the caller's to close: of a file, or of the copy of a
 * pipe. Waits for whoever writes a pipe. What is neither is opened as well, and not read here.
 * STATUS_NOT_FOUND or STATUS_IO says in one line why not.
 */
MUST_CHECK enum status input_open(const char *path, int *fd, struct problem *why);

/* A new file without a name, to be read and written; `what` it is for. */
MUST_CHECK enum status input_make_unnamed(int *fd, const char *what, struct problem *why);

/* Copy all that comes from one descriptor to another, at their positions. False, and errno. */
bool input_copy(int from, int to);

#endif
