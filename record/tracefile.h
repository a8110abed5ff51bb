/* SPDX-License-Identifier: MIT */
/*
 * tracefile - the trace as the recorder sees it: something that takes chunks.
 *
 * On the line:  encode -> [tracefile] -> chunk_write
 * Threads:      one at a time.
 * Memory:       tracefile_open gives, tracefile_close (whatever it returns) or tracefile_abandon
 *               takes.
 * Loss:         after an error nothing more is taken; what was written stays readable.
 * Idea:         how chunks are kept is a struct tracefile_kind. One file is the only kind so far;
 *               numbered files, or only the last minutes, are further ones: both live on whole
 *               generations, which the chunks name themselves.
 */
#ifndef PYREC_RECORD_TRACEFILE_H
#define PYREC_RECORD_TRACEFILE_H

#include "format/chunk_write.h"
#include "format/status.h"

struct tracefile;

/* Begin a trace at `path` whose chunks carry `tag`. */
MUST_CHECK enum status tracefile_open(struct tracefile **out, const char *path, uint32_t tag,
                                      struct problem *why);

/*
 * Add a chunk. Beside errors of writing, STATUS_NOT_FOUND when the file has been removed or
 * replaced by somebody: nobody would ever read what is written from then on.
 */
MUST_CHECK enum status tracefile_append(struct tracefile *trace, const struct chunk *chunk,
                                        struct problem *why);

/* Add the last chunk and close; *bytes is the final size. */
MUST_CHECK enum status tracefile_close(struct tracefile *trace, const struct chunk *last,
                                       uint64_t *bytes, struct problem *why);

/* Close as it is, after an error. NULL is allowed. */
void tracefile_abandon(struct tracefile *trace);

/* Size on disk up to the last append. */
uint64_t tracefile_bytes(const struct tracefile *trace);

#endif
