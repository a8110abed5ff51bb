/* SPDX-License-Identifier: MIT */
/*
 * now - what a clock of this machine says now, in nanoseconds.
 *
 * Threads:      any. Memory: none.
 */
#ifndef PYREC_ANALYZE_NOW_H
#define PYREC_ANALYZE_NOW_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#endif
