/* SPDX-License-Identifier: MIT */
/*
 * salvage - write what is good of a trace into one new file.
 *
 * On the line:  trace, after audit_run -> [salvage] -> chunk_write -> a trace file
 * Threads:      one.
 * Memory:       one chunk, and 40 bytes per chunk and unit of the trace.
 * Loss:         chunks that are marked bad, and what no trace_open finds, are left out; so are what
 *               belongs to the old file alone: index, trailer, and the Metas of further parts.
 *
 * Chunks of one recording are copied as they are, bit by bit; only their numbers (seq) are made to
 * follow each other. Where definitions are lost that later chunks need, a chunk is put in that
 * defines them as lost (kind LOST), so that the new file is whole in itself. Several recordings
 * become one: the clocks of all are shifted to that of the earliest, processes get new numbers.
 *
 * Always true:  a sample of a good chunk is in the new file, with the same weight.
 */
#ifndef PYREC_ANALYZE_SALVAGE_H
#define PYREC_ANALYZE_SALVAGE_H

#include "audit.h"

struct salvage_result {
    uint64_t n_chunks; /* taken over */
    uint64_t n_filled; /* made, for definitions that are lost */
};

/*
 * `path` is created or replaced, as by chunk_writer_open; it must be none of the trace's files.
 * `remark` goes into the new file as an option of that name and text, for people to read; NULL =
 * none. When writing fails the file is left with the chunks that it has.
 */
struct salvage_remark {
    const char *name, *text;
};
MUST_CHECK enum status salvage_write(struct trace *trace, const struct audit *audit,
                                     const char *path, const struct salvage_remark *remark,
                                     struct salvage_result *result, struct problem *why);

/* The same into a file that is open and empty; `fd` is closed. */
MUST_CHECK enum status salvage_write_into(struct trace *trace, const struct audit *audit, int fd,
                                          const struct salvage_remark *remark,
                                          struct salvage_result *result, struct problem *why);

#endif
