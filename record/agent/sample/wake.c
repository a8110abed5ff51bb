/* SPDX-License-Identifier: MIT */
#include "wake.h"
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void wake_sleep(_Atomic uint32_t *wake, uint64_t when_ns)
{
    const struct timespec when = {
        .tv_sec = (time_t)(when_ns / 1000000000u),
        .tv_nsec = (long)(when_ns % 1000000000u),
    };
    syscall(SYS_futex, wake, FUTEX_WAIT_BITSET_PRIVATE, 0, &when, NULL, FUTEX_BITSET_MATCH_ANY);
    if (atomic_load_explicit(wake, memory_order_relaxed) & WAKE_BELL)
        atomic_fetch_and(wake, ~(uint32_t)WAKE_BELL);
}
