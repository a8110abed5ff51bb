/* SPDX-License-Identifier: MIT */
/*
 * batch - what one process has done since its last chunk, before it becomes columns.
 *
 * On the line:  stream -> [batch] -> encode
 * Threads:      one at a time.
 * Memory:       caller's storage, zeroed; batch_clear takes it back. batch_restart keeps the
 *               memory for the next chunk. Entries point to threads of the roster.
 * Idea:         explicit ticks are one log in the order of time; only the encoder sorts them by
 *               thread. So an implied tick costs nothing at all, whatever the number of threads.
 *
 * Always true:  entries of one thread are in the order of their ticks, one per tick at most.
 */
#ifndef PYREC_RECORD_BATCH_H
#define PYREC_RECORD_BATCH_H

#include "roster.h"

/* One explicit tick of one thread. */
struct batch_entry {
    struct roster_thread *thread;
    int64_t cpu;   /* CPU used - time passed since the tick before, quanta */
    uint32_t tick; /* its index in this batch */
    int32_t stack; /* stack id - the one before */
    uint32_t call; /* string id, if has_call */
    uint16_t state;
    uint32_t task;    /* string id, if has_task */
    bool has_call;    /* the call differs from the one before, .. */
    bool has_task;    /* .. the task does, .. */
    bool has_context; /* .. the context does */
    uint64_t context; /* if it does */
};

struct batch_missed {
    uint32_t tick; /* before this one .. */
    uint32_t n;    /* .. so many numbers were skipped */
    uint64_t gap_q;
};

struct batch_holder {
    uint32_t thread, n_ticks;
};

struct batch_event {
    uint64_t time_q;
    uint32_t thread;
    uint32_t type;
    int64_t value;
    char *text;   /* NULL = none; the batch's, once it is added */
    char *source; /* of SOURCE: so many bytes; the batch's, too */
    uint32_t source_len;
};

/* One tick, as it is put into the batch. */
struct batch_tick {
    uint64_t number;
    uint64_t time_q;
    uint64_t gap_q;
    int32_t late_q;
    uint32_t missed;
    uint32_t holder;
};

struct batch {
    uint64_t first_seq;    /* seq of the first tick in it */
    uint64_t first_number; /* its number */
    uint64_t before_q;     /* time of the tick before it */
    uint64_t last_q;       /* time of the last tick; before_q while there is none */

    int32_t *late_q; /* per tick */
    struct batch_missed *missed;
    struct batch_holder *holders;
    struct batch_entry *entries;
    struct batch_event *events;
    uint32_t n_ticks, n_missed, n_holders, n_entries, n_events;
    uint32_t tick_capacity, missed_capacity, holder_capacity, entry_capacity, event_capacity;
    size_t raw_bytes; /* what it will be as columns, about; dictionaries not counted */
};

void batch_clear(struct batch *batch);

/* Empty it for the next chunk, which begins where this one ended. */
void batch_restart(struct batch *batch);

/* All of these: false when there is no memory; the batch is then as before. */
bool batch_add_tick(struct batch *batch, const struct batch_tick *tick);
bool batch_add_entry(struct batch *batch, const struct batch_entry *entry);
bool batch_add_event(struct batch *batch, const struct batch_event *event);

#endif
