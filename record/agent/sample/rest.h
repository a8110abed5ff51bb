/* SPDX-License-Identifier: MIT */
/*
 * rest - no wake-ups for ticks in which nothing can have changed.
 *
 * On the line:  beside the sampler: sleep through a few ticks, write them down afterwards.
 * Threads:      the sampler only.
 * Loss:         none while a stack changes only under the GIL: whoever takes it ends the rest
 *               (gil_wakeup.h). CPU that a thread begins to use without the GIL is noticed at the
 *               end of the rest, and the ticks since its beginning count as missed. When a process
 *               is killed in a rest, the collector writes its ticks (struct wire_rest).
 *
 * A wake-up costs 5 to 15 us of CPU, and what was in the caches of that CPU. To a process that
 * waits (a parent, the workers of a pool, a window nobody touches) that is nearly all that its
 * recording costs. After REST_QUIET ticks in which no thread ran, the sampler sleeps for up to 8
 * intervals, 20 ms at least. What proves that those ticks were as the one before them: the GIL was
 * free and nobody took it, and the process's CPU clock moved by what the sampler used.
 */
#ifndef PYREC_AGENT_REST_H
#define PYREC_AGENT_REST_H

#include "record/agent/cpython/interp.h"
#include "threads.h"

#define REST_QUIET 32u

struct rest {
    uint32_t n_quiet;       /* ticks in a row in which no thread was found to have run */
    bool is_armed;          /* gil_wakeup is, since before this tick */
    int64_t others_ns;      /* CPU of all threads but the sampler, when it was */
    uint64_t not_before_ns; /* resting was in vain: not again until then .. */
    uint64_t again_ns;      /* .. which gets longer each time */
    uint64_t passed;        /* ticks that were slept through, ever */
};

/* The tick that the sampler is at. */
struct rest_tick {
    const struct interp *interp;
    const struct threads *threads;
    struct wire_head *head;
    _Atomic uint32_t *wake; /* wake.h */
    uint64_t number;        /* of the last tick */
    uint64_t interval_ns, stride;
};

/* A tick is about to begin. */
void rest_prepare(struct rest *rest, const struct rest_tick *tick);

/* How many ticks ahead to sleep; 0 = for so few it is not worth it. */
uint64_t rest_ticks(const struct rest_tick *tick);

/*
 * The tick is over: rest until then, if that is right. False if not. Before *end_ns nothing has
 * changed, and the sampler is to write the ticks that were due; 0: what they were like is not
 * known.
 */
bool rest_take(struct rest *rest, const struct rest_tick *tick, uint64_t until_ns,
               uint64_t *end_ns);

/* They are written: the collector need not do it. */
void rest_written(struct wire_head *head);

/* The sampler is about to go away. */
void rest_end(struct rest *rest);

#endif
