/* SPDX-License-Identifier: MIT */
/*
 * roster - the Python threads of one process, and what is known of each.
 *
 * On the line:  wire records -> [roster] -> batch, encode
 * Threads:      one at a time.
 * Memory:       caller's storage, zeroed; roster_clear takes it back. A thread stays where it is in
 *               memory until roster_drop_ended.
 *
 * "seq" is the number of a tick as the collector counts them: complete ticks of this process.
 * Ids of strings and stacks are those of the present generation.
 *
 * Always true:  threads are sorted by id, ids are never used twice; depth frames have depth nodes.
 */
#ifndef PYREC_RECORD_ROSTER_H
#define PYREC_RECORD_ROSTER_H

#include "record/wire/wire.h"
#include <stdbool.h>

#define ROSTER_ALIVE UINT64_MAX

/* What a tick says about a thread. */
struct roster_sample {
    uint64_t cpu_q; /* CPU clock, quanta */
    uint32_t stack;
    uint32_t state;
    int32_t call;  /* number of the system call, -1 = none */
    uint32_t task; /* number of its name, 0 = none */
    uint64_t context;
    uint32_t failed; /* enum wire_failure: then `stack` stands for the reason */
};

struct roster_thread {
    uint32_t id, os_tid;
    uint64_t python_ident, interpreter;
    uint64_t start_q;
    bool is_main;
    bool is_ended;
    bool is_declared; /* as it is now, in this generation */
    bool name_is_kernel;
    uint8_t name_looks; /* how often the kernel was asked for it */
    char *name;         /* bytes as they came; NULL = none */
    uint32_t name_len;
    uint32_t name_id; /* string id of this generation */

    uint64_t end_cpu_q;        /* its clock at its very end; 0 = it lives, or that is not known */
    uint64_t generation_cpu_q; /* before the first tick of this generation */
    uint64_t begin_seq;        /* first tick it was seen in */
    uint64_t end_seq;          /* one past the last one; ROSTER_ALIVE */

    struct roster_sample now;   /* as of the last complete tick */
    struct roster_sample next;  /* of the tick in progress, if is_sampled */
    struct roster_sample chunk; /* before the first tick of the chunk */
    bool is_sampled;
    uint64_t context; /* that was sent last */

    /* The stack that was sent last, root first: what `keep` refers to. */
    bool is_cut;
    uint32_t depth, frame_capacity, node_capacity;
    struct wire_frame *frames;
    uint32_t *nodes; /* stack ids of the same */

    uint64_t still_ns;   /* its clock at its last sample, to the nanosecond; .. */
    uint64_t still_seq;  /* .. the tick of the first one with that, or joined .. */
    uint32_t still_from; /* .. and from which of the batch's entries on all of its own are those */

    uint32_t n_entries; /* explicit ticks in the batch; */
    uint32_t at;        /* the encoder's: where they begin in the columns */
};

struct roster {
    struct roster_thread **threads;
    uint32_t n, capacity;
    uint32_t n_alive; /* not ended */
    uint32_t last;    /* where the last search ended: the next one is likely beside it */
};

void roster_clear(struct roster *roster);

/* NULL when there is none with that id. */
struct roster_thread *roster_find(struct roster *roster, uint32_t id);

/* A new thread, all zero but for its id; NULL when the id is taken or there is no memory. */
struct roster_thread *roster_add(struct roster *roster, uint32_t id);

/* False when there is no memory (the name stays as it was). */
bool roster_set_name(struct roster_thread *thread, const char *name, size_t len, bool is_kernel);

/* Threads that ended before tick `seq` leave. */
void roster_drop_ended(struct roster *roster, uint64_t seq);

#endif
