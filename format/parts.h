/* SPDX-License-Identifier: MIT */
/*
 * parts - the files of a service that is recorded for ever, in one directory, over restarts.
 *
 * On the line:  tracefile -> [parts] -> a directory -> whoever ships the files
 * Threads:      any; processes, too.
 * Memory:       the caller's.
 * Loss:         only by parts_drop, and of parts that nobody has written a byte into.
 *
 * A part is called STEM-20261129T230045Z-5f0c9a12.000007.trace: when its recording began (UTC), the
 * first four bytes of the recording's id, the part's number in it. So no recording comes across
 * another's files, and names sort by time. While it is written it has ".part" behind that, and its
 * writer a lock (flock) on it. A name without ".part" is of a file that nobody will change any
 * more.
 *
 * Always true:  a part whose writer was killed is finished by whoever finds it without a lock.
 */
#ifndef PYREC_PARTS_H
#define PYREC_PARTS_H

#include "status.h"
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARTS_DIGITS 6
#define PARTS_PART   ".part"

/* What a name says. */
struct parts_name {
    size_t stem_len;    /* that STEM is so long, .. */
    const char *suffix; /* .. and what stands behind the number: ".trace", ".trace.part" */
    bool is_part;       /* it is being written, or was when its writer died */
};

/* Is a file called so (without its directory) one of a series? */
bool parts_name_parse(const char *name, struct parts_name *out);

/* a/run.trace -> a/run-20261129T230045Z-5f0c9a12.trace, for a recording that began then. */
void parts_base_path(char to[PATH_MAX], const char *path, int64_t start_unix_ns, uint32_t tag);

/* Create the part that is to be called `path`, with ".part" behind it, and lock it. */
MUST_CHECK enum status parts_create(int *fd, const char *path, struct problem *why);

/* It is whole, and closed: take ".part" away. */
MUST_CHECK enum status parts_finish(const char *path, struct problem *why);

/*
 * Finish what writers that are gone have left in a directory; a file without a byte is removed.
 * Of `stem` only, or of all with NULL. How many; what cannot be renamed stays and is not counted.
 */
size_t parts_adopt(const char *directory, const char *stem);

/* What may stay in a directory; 0 = as it comes. */
struct parts_keep {
    uint64_t limit_ns, limit_bytes;
};

/*
 * Remove finished parts of the series that `path` names (as parts_base_path is given it), the
 * oldest first, that were finished longer ago than limit_ns before now_unix_ns, or are too many.
 */
void parts_drop(const char *path, const struct parts_keep *keep, int64_t now_unix_ns);

#endif
