/* SPDX-License-Identifier: MIT */
/*
 * damage_log - what was wrong with the files, kept until main.c prints it.
 *
 * On the line:  trace (trace_damage_fn) -> [damage_log] -> main.c -> stderr
 * Threads:      damage_log_add comes from workers, one at a time (under the trace's lock).
 * Memory:       struct damage_log is the caller's, zeroed before the first use.
 *
 * Always true:  every damage is counted; the first DAMAGE_LOG_MAX are kept in words.
 */
#ifndef PYREC_ANALYZE_DAMAGE_LOG_H
#define PYREC_ANALYZE_DAMAGE_LOG_H

#include "analyze/base/arena.h"
#include "analyze/base/buffer.h"
#include "format/chunk_read.h"

#define DAMAGE_LOG_MAX 1000u

struct damage_entry {
    const char *path; /* the log's own copy: that of a file beside a trace is soon gone */
    struct damage damage;
};

struct damage_log {
    struct damage_entry *entries;
    size_t n, size;
    size_t n_more;
    struct arena paths;
};

/* A trace_damage_fn; `log` is a struct damage_log. */
void damage_log_add(void *log, const char *path, const struct damage *damage);

/* In order of file and offset, whatever the order they came in; what was found by each of several
 * readings once. */
void damage_log_sort(struct damage_log *log);

/* One line: the file, where, what, how much, and the time that is missing. */
void damage_print(struct buffer *buffer, const struct damage_entry *entry);

void damage_log_clear(struct damage_log *log);

#endif
