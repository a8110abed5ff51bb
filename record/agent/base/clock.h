/* SPDX-License-Identifier: MIT */
/*
 * clock - the three clocks of the agent.
 *
 * On the line:  capture, sampler.
 * Threads:      any, also in signal handlers; see record/base/clocks.h.
 */
#ifndef PYREC_AGENT_CLOCK_H
#define PYREC_AGENT_CLOCK_H

#include "record/base/clocks.h"

static inline uint64_t clock_read(clockid_t clock)
{
    return clocks_ns(clock);
}

/* CLOCK_MONOTONIC in nanoseconds. */
static inline uint64_t clock_now(void)
{
    return clocks_mono_ns();
}

/* CPU time of a thread of this process; UINT64_MAX when it is gone. */
static inline uint64_t clock_of_thread(int32_t tid)
{
    /* the kernel's encoding: ~tid, then "per thread" and "scheduler clock" */
    return clock_read((clockid_t)((~(uint32_t)tid) << 3 | 6u));
}

#endif
