/* SPDX-License-Identifier: MIT */
/*
 * tracefile - the trace as the recorder sees it: something that takes chunks.
 *
 * On the line:  encode -> [tracefile] -> chunk_write
 * Threads:      one at a time.
 * Memory:       tracefile_open gives, tracefile_close (whatever it returns) or tracefile_abandon
 *               takes.
 * Loss:         after an error nothing more is taken; what was written stays readable.
 * Idea:         a section is what was written between two moments at which all processes began new
 *               generations, so it can be read without the others. One file is one long section;
 *               numbered files (--rotate) have a section each; a flight recorder (--keep) drops the
 *               oldest ones. A series (both) is numbered files that restarts go on with (parts.h).
 *
 * To drop sections, the flight recorder writes what is to stay into a new file, which then takes
 * the old one's name in one step. Whoever opens the name finds a whole file at any moment, and
 * whoever has the old file open can read it to its end. For that moment the disk holds both.
 */
#ifndef PYREC_RECORD_TRACEFILE_H
#define PYREC_RECORD_TRACEFILE_H

#include "format/chunk_write.h"
#include "format/parts.h"
#include "format/status.h"
#include <limits.h>

enum tracefile_how { TRACEFILE_ONE, TRACEFILE_ROTATE, TRACEFILE_KEEP };

/* How chunks are kept. One of the two limits is 0: none. */
struct tracefile_plan {
    enum tracefile_how how;
    uint64_t limit_bytes, limit_ns;
    const char *text;       /* the limit as the user wrote it */
    bool is_series;         /* of TRACEFILE_ROTATE: files with the recording's name in theirs, .. */
    struct parts_keep keep; /* .. of which these stay, of earlier recordings, too */
    int64_t start_unix_ns;  /* .. and when this one began */
};

struct tracefile;

/* Begin a trace at `path`, at CLOCK_MONOTONIC `now_ns`, whose chunks carry `tag`. */
MUST_CHECK enum status tracefile_open(struct tracefile **out, const char *path,
                                      const struct tracefile_plan *plan, uint32_t tag,
                                      uint64_t now_ns, struct problem *why);

/*
 * Add a chunk. Beside errors of writing, STATUS_NOT_FOUND when the file has been removed or
 * replaced by somebody: nobody would ever read what is written from then on.
 */
MUST_CHECK enum status tracefile_append(struct tracefile *trace, const struct chunk *chunk,
                                        struct problem *why);

/* What the file that is written now is called; what it will be when it is finished. */
const char *tracefile_path(const struct tracefile *trace);
const char *tracefile_finished_path(const struct tracefile *trace);

/* Whether it is time for a new section. */
bool tracefile_section_due(const struct tracefile *trace, uint64_t now_ns);

/*
 * Begin a section: from here on no chunk refers to one before. `meta` is the Meta of the recording,
 * for the beginning of a file; its segment is tracefile_next_number, asked for before.
 */
MUST_CHECK enum status tracefile_begin_section(struct tracefile *trace, const struct chunk *meta,
                                               uint64_t now_ns, struct problem *why);
uint32_t tracefile_next_number(const struct tracefile *trace);

/* Copy what there is into a closed file of its own, whose path is put into `path`. */
MUST_CHECK enum status tracefile_snapshot(struct tracefile *trace, const struct chunk *last,
                                          char path[PATH_MAX], struct problem *why);

/* Add the last chunk and close; *bytes is the final size. */
MUST_CHECK enum status tracefile_close(struct tracefile *trace, const struct chunk *last,
                                       uint64_t *bytes, struct problem *why);

/* Close as it is, after an error. NULL is allowed. */
void tracefile_abandon(struct tracefile *trace);

/* Size on disk up to the last append, of all files together. */
uint64_t tracefile_bytes(const struct tracefile *trace);

/* `path` with a number of so many digits in front of its suffix: a/run.trace -> a/run.0007.trace */
void tracefile_number_path(char to[PATH_MAX], const char *path, uint32_t number, int digits);

#define TRACEFILE_DIGITS 4 /* of a numbered file */

#endif
