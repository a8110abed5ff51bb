/* SPDX-License-Identifier: MIT */
/*
 * unit - read one generation of one process, chunk by chunk.
 *
 * On the line:  chunks of a unit -> [unit] -> dict, facts, range
 * Threads:      each worker has its own reader.
 * Memory:       struct unit_reader is the caller's, zeroed before the first use and reused from
 *               unit to unit; unit_reader_clear gives its room back.
 * Loss:         a chunk that cannot be loaded, or the rest of one that breaks the format's rules,
 *               is reported and skipped.
 */
#ifndef PYREC_ANALYZE_UNIT_H
#define PYREC_ANALYZE_UNIT_H

#include "analyze/model/facts.h"
#include "format/proto_arena.h"
#include "range.h"
#include "trace.h"

struct unit_reader {
    struct trace *trace;
    const struct unit *unit;
    struct dict dict;
    struct facts facts;
    uint64_t quantum_ns;

    struct proto_column samples; /* after unit_next_range: the Samples message itself */
    struct range range; /* after unit_next_range: the Samples message to be read */
    bool range_open;
    bool range_cut;       /* ticks of it, or of one before it, are before the window */
    uint64_t n_undefined; /* samples whose stack nobody defined */

    size_t next_chunk;           /* of the unit */
    struct proto_column payload; /* what is left of the chunk before it */
    bool chunk_open;
    bool chunk_wanted; /* its samples */
    bool goes_on;      /* there may be more of the unit later: its end is not the end (tail.h) */
    struct chunk_buffer buffer;
    struct proto_arena proto;
};

/*
 * Begin a unit: its first chunk is loaded and its Meta read. False when it cannot be decoded (no
 * Meta in the whole recording), which has been reported, or when the trace's window has nothing of
 * it.
 */
bool unit_begin(struct unit_reader *reader, struct trace *trace, const struct unit *unit);

/*
 * Go on to the next Samples message and open reader->range; definitions on the way go into the
 * dictionary. False at the end of the unit; where it goes on, what was added to it since can be
 * read by calling again.
 */
bool unit_next_range(struct unit_reader *reader);

/* Of a unit that went on, when it is over: report definitions that are lost. */
void unit_end(struct unit_reader *reader);

/*
 * When the unit was read: were samples before the window left out? Then nobody knows where clocks
 * stood at its beginning.
 */
bool unit_is_cut(const struct unit_reader *reader);

/* A time of the common clock in quanta of the unit's recording: ticks before it are before `ns`. */
uint64_t unit_time_q(const struct unit_reader *reader, uint64_t ns);

/* The pid of the unit's process; false when that is not known. */
bool unit_pid(const struct unit_reader *reader, uint32_t *pid);

/* Put what was learnt into the census. Called by trace_run, under the trace's lock. */
void unit_settle(struct unit_reader *reader);

/* The same of its threads alone, in a later pass, which reads units that the first one left out. */
void unit_settle_threads(struct unit_reader *reader);

void unit_reader_clear(struct unit_reader *reader);

#endif
