/* SPDX-License-Identifier: MIT */
/*
 * tail - the end of a trace that is being written, read as it grows.
 *
 * On the line:  growing trace -> [tail] -> the same readers of units as trace_run's, chunk by chunk
 * Threads:      one.
 * Memory:       struct tail is the caller's, zeroed before tail_open; tail_clear takes it back. A
 *               reader with its dictionary is kept for the newest generation of each process that
 *               has not ended.
 * Loss:         as with trace_run; a chunk that was once read, with damage or without, is not read
 *               again.
 *
 * What is not the newest generation of a process cannot grow any more, and is read by trace_run, in
 * as many threads as there are. The rest is read here: what is there at once, and what is added to
 * it each time that trace_grow has found more.
 *
 * Always true:  every chunk of the trace is given to the job once, in order within its unit. All
 *               that was given until the trace has ended is what trace_run would have given.
 */
#ifndef PYREC_ANALYZE_TAIL_H
#define PYREC_ANALYZE_TAIL_H

#include "trace.h"

struct tail_unit;
struct unit_reader;

struct tail {
    struct trace *trace;
    struct tail_unit **units; /* a free one is used again: its number stays small */
    size_t n, size;
};

/*
 * What is done with what is new of a unit. `number` is the unit's until `end`, and below tail->n.
 * `read` gets the reader as trace_run's job does; `join` is called when the census has the unit's
 * facts; `end` when there will be no more of it.
 */
struct tail_job {
    void (*read)(void *closure, size_t number, struct unit_reader *reader);
    void (*join)(void *closure, size_t number, struct unit_reader *reader);
    void (*end)(void *closure, size_t number, struct unit_reader *reader);
    void *closure;
};

/*
 * Take the newest generations of a growing trace, of which nothing was read yet. trace_run leaves
 * them out from now on.
 */
void tail_open(struct tail *tail, struct trace *trace);

/*
 * Read what is new since the last time. False when something is there that can only be read from
 * the beginning: chunks of a unit that was over.
 */
bool tail_run(struct tail *tail, const struct tail_job *job);

/* The reader of a unit that is not over. */
struct unit_reader *tail_reader(const struct tail *tail, size_t number);

void tail_clear(struct tail *tail);

#endif
