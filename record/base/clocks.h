/* SPDX-License-Identifier: MIT */
/*
 * clocks - the kernel's clocks in nanoseconds.
 *
 * On the line:  beside it, on both sides.
 * Threads:      any, also in signal handlers; clocks_mono_ns costs 25 ns (no system call), the CPU
 *               clocks 300 to 600 ns. errno stays as it is.
 *
 * A library that shows a program another time puts its own clock_gettime() in place of libc's, by
 * LD_PRELOAD. So these functions call the kernel's own, in the vDSO that the kernel maps into each
 * process. Before clocks_find(), and where there is no vDSO, they make a system call.
 */
#ifndef PYREC_RECORD_CLOCKS_H
#define PYREC_RECORD_CLOCKS_H

#include <stdint.h>
#include <time.h>

/* Find the vDSO's function. Once, before there are threads; before that all works, but slower. */
void clocks_find(void);

/* UINT64_MAX: there is no such clock. */
uint64_t clocks_ns(clockid_t clock);

static inline uint64_t clocks_mono_ns(void)
{
    return clocks_ns(CLOCK_MONOTONIC);
}

#endif
