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
#include <stdatomic.h>

static inline uint64_t clock_read(clockid_t clock)
{
    return clocks_ns(clock);
}

/* CLOCK_MONOTONIC in nanoseconds. */
static inline uint64_t clock_now(void)
{
    return clocks_mono_ns();
}

/*
 * CPU time of a thread of this process; UINT64_MAX when it is gone.
 *
 * What is read of the thread between two calls is read between the two: the kernel takes no lock
 * for the clock of a thread that stands still, and a system call by itself keeps no machine from
 * reading ahead (aarch64).
 */
static inline uint64_t clock_of_thread(int32_t tid)
{
    atomic_thread_fence(memory_order_acquire);
    /* the kernel's encoding: ~tid, then "per thread" and "scheduler clock" */
    const uint64_t ns = clock_read((clockid_t)((~(uint32_t)tid) << 3 | 6u));
    atomic_thread_fence(memory_order_acquire);
    return ns;
}

#endif
