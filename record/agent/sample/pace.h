/* SPDX-License-Identifier: MIT */
/*
 * pace - which ticks are taken when recording must not cost more than so much (--max-overhead).
 *
 * On the line:  the costs so far -> [pace] -> sampler: every how many-th tick is due
 * Threads:      the sampler's.
 * Memory:       none.
 *
 * The cost is CPU time of the sampler and of the signal handlers, in parts of elapsed time: of one
 * CPU. What a tick costs is averaged over the last looks; the stride is the smallest that stays
 * below the limit. The grid of ticks stays as it is, so that the ticks that are taken keep their
 * phases; those between are spared, not missed, and their time goes to the sample after them.
 */
#ifndef PYREC_AGENT_PACE_H
#define PYREC_AGENT_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
    uint64_t limit_ppm; /* of elapsed time; 0 = no limit */
    uint64_t interval_ns;
    uint32_t stride;                      /* take every stride-th tick; 1 = all */
    uint64_t looked_ns, cost_ns, n_ticks; /* at the last look */
    uint64_t tick_cost_ns;                /* of one tick, averaged */
};

void pace_init(struct pace *pace, uint64_t limit_ppm, uint64_t interval_ns);

/* After a tick: all that was spent, and all ticks that were taken. True when the stride changed; at
 * first, when it is not 1. */
bool pace_look(struct pace *pace, uint64_t now_ns, uint64_t cost_ns, uint64_t n_ticks);

#endif
