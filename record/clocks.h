/* SPDX-License-Identifier: MIT */
/*
 * clocks - the clocks of this machine in nanoseconds.
 *
 * On the line:  beside it.
 * Threads:      any.
 */
#ifndef PYREC_RECORD_CLOCKS_H
#define PYREC_RECORD_CLOCKS_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clocks_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now); /* cannot fail for the clocks asked for here */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t clocks_mono_ns(void)
{
    return clocks_ns(CLOCK_MONOTONIC);
}

#endif
