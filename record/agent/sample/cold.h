/* SPDX-License-Identifier: MIT */
/*
 * cold - know that hundreds of idle threads are idle without asking each.
 *
 * On the line:  beside the sampler: which threads to look at in this tick.
 * Threads:      the sampler only.
 * Loss:         none that can be seen: a thread is passed over only while both of these hold, and
 *               all are looked at once a second whatever holds.
 *
 * A thread that has not run for COLD_TICKS ticks is cold. To change its stack it must take the GIL,
 * and the GIL counts how often it goes to another thread: an unchanged count means that no cold
 * thread has run Python (the last holder is never passed over). To use CPU without the GIL it must
 * move the process's CPU clock: what that clock shows beyond the clocks of all threads we know is
 * a constant while no cold (or native) thread runs. It can be had only up to what ran between two
 * readings, so it is kept as an interval that every tick narrows; when a tick's interval lies
 * above it, somebody has run, and everybody is asked.
 *
 * 300 idle threads: 6 us per tick instead of 95.
 */
#ifndef PYREC_AGENT_COLD_H
#define PYREC_AGENT_COLD_H

#include "record/agent/cpython/interp.h"
#include "threads.h"

#define COLD_TICKS 8u /* ticks without CPU time */

struct cold {
    uint64_t switches;  /* the GIL's count at the last tick */
    uint64_t known_ns;  /* sum of all threads' clocks, as far as we have read them */
    uint64_t before_ns; /* the process's clock when this tick began to read */
    int64_t low, high;  /* bounds of the process's clock minus known_ns, while nobody cold runs */
    uint64_t asked_all_ns; /* when all threads were looked at last */
};

/* How many are cold. */
uint32_t cold_count(const struct threads *threads);

/* Begin to look at threads: may cold ones be passed over? `last_ns`: time of the tick before. */
bool cold_begin(struct cold *cold, const struct interp *interp, struct threads *threads,
                uint64_t last_ns);

/*
 * All but the cold ones have been looked at: has one of them run after all? `earlier_ns`: what
 * samplers before this one have used.
 */
bool cold_has_run(struct cold *cold, const struct threads *threads, uint64_t earlier_ns);

/* All have been looked at. */
void cold_asked_all(struct cold *cold, const struct threads *threads, uint64_t earlier_ns,
                    uint64_t last_ns);

#endif
