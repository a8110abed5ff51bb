/* SPDX-License-Identifier: MIT */
/*
 * wait - wait for a thread of another process: looks at it now and then, and says why it was in
 * vain.
 *
 * On the line:  hold, raw -> [wait] -> patience
 * Threads:      one.
 * Memory:       the caller's struct, zeroed but for its plan.
 * Loss:         where /proc does not tell, it is waited for as for a thread that does not come.
 */
#ifndef PYREC_RECORD_WAIT_H
#define PYREC_RECORD_WAIT_H

#include "inject_plan.h"
#include "patience.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct vigil {
    const struct inject_plan *plan;
    struct patience patience;
    pid_t tid;       /* who was looked at last, .. */
    uint64_t ran_ns; /* .. and how long it had run then */
    bool is_over, is_called_off;
};

/* Is it time to look at the thread that is waited for? */
bool wait_is_due(struct vigil *wait);

/* `tid`: as we count; 0 = it is not there. */
void wait_look(struct vigil *wait, pid_t tid);

/* Goes on, or is over. */
bool wait_goes_on(struct vigil *wait);

/* For how long it was waited that was not for want of a CPU. */
uint64_t wait_idle_ns(const struct vigil *wait);

/* Whether the process stands still as a whole, and what to do about it; NULL = it does not. */
const char *wait_standstill(pid_t pid);

/* What the process did instead, and what to do about it; NULL = nothing that shows. */
const char *wait_hindrance(const struct vigil *wait);

#endif
