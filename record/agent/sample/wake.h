/* SPDX-License-Identifier: MIT */
/*
 * wake - the word that the sampler sleeps on, and what wakes it.
 *
 * On the line:  agent (stop), gil_wakeup (the GIL was taken) -> [wake] -> sampler, rest
 * Threads:      the sampler sleeps; any thread, also in a signal handler, sets bits.
 * Memory:       a futex, the owner's.
 */
#ifndef PYREC_AGENT_WAKE_H
#define PYREC_AGENT_WAKE_H

#include <stdint.h>

enum wake {
    WAKE_STOP = 1, /* it is to end */
    WAKE_BELL = 2, /* somebody has taken the GIL */
};

/* Sleep until CLOCK_MONOTONIC `when_ns`, or until *wake has a bit; clear that of gil_wakeup. */
void wake_sleep(_Atomic uint32_t *wake, uint64_t when_ns);

#endif
