/* SPDX-License-Identifier: MIT */
/*
 * tick - when a tick is due.
 *
 * On the line:  the sampler waits by it, the file's lateness column is measured against it.
 * Threads:      any; no state.
 * Idea:         phases that follow the golden ratio are spread evenly over the interval however
 *               many there have been, so nothing periodic can hide between ticks.
 *
 * Always true:  exactly one tick is due in each interval, and tick n + 1 is due after tick n.
 */
#ifndef PYREC_FORMAT_TICK_H
#define PYREC_FORMAT_TICK_H

#include <stdint.h>

/* When tick number n is due, in nanoseconds on the clock of `origin_ns` (see trace.proto). */
static inline uint64_t tick_due_ns(uint64_t origin_ns, uint64_t interval_ns, uint64_t n)
{
    const uint64_t phase = (n * 0x9E3779B97F4A7C15u) >> 32;
    return origin_ns + n * interval_ns + ((phase * interval_ns) >> 32);
}

#endif
