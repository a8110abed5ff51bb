/* SPDX-License-Identifier: MIT */
/*
 * clock - the three clocks of the agent.
 *
 * On the line:  capture, sampler.
 * Threads:      any, also in signal handlers; clock_now costs 25 ns (no system call), the CPU
 *               clocks 300 to 600 ns.
 */
#ifndef PYREC_AGENT_CLOCK_H
#define PYREC_AGENT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        return UINT64_MAX;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* CLOCK_MONOTONIC in nanoseconds. */
static inline uint64_t clock_now(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

/* CPU time of a thread of this process; UINT64_MAX when it is gone. */
static inline uint64_t clock_of_thread(int32_t tid)
{
    /* the kernel's encoding: ~tid, then "per thread" and "scheduler clock" */
    return clock_read((clockid_t)((~(uint32_t)tid) << 3 | 6u));
}

#endif
