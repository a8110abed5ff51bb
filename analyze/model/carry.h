/* SPDX-License-Identifier: MIT */
/*
 * carry - which sample gets the CPU that a thread's clock counted.
 *
 * On the line:  a thread's samples in order, each with what its clock moved -> [carry] -> weights
 * Threads:      pure functions.
 * Memory:       struct carry is the caller's, one per thread, zeroed before its first sample.
 *
 * The rule, once for all that weighs samples: CPU waits until the thread is seen where CPU is used
 * up (state_gets_cpu), and that sample gets all that waits. What a thread used before it blocked
 * was not used by the place it blocks in. What waits at the end is nobody's.
 *
 * What is put in is another question, and there are two answers:
 *
 *     given_q   the span's part of what 13 neighbours used together (attribute.h): for shares of
 *               places, which must not depend on the phase of the ticks. Tables, exports, diff.
 *     cpu_q     what the clock moved since the sample before: for those who ask when. stalls; and
 *               timeline, which without --state asks no state at all and carries nothing.
 *
 * Over a whole thread both add up to the same.
 */
#ifndef PYREC_ANALYZE_CARRY_H
#define PYREC_ANALYZE_CARRY_H

#include "state.h"

struct carry {
    uint64_t waiting; /* in the unit of what is put in */
};

/* The next sample: put in what the clock moved, get what the sample has of it. */
static inline uint64_t carry_take(struct carry *carry, enum state_class class, uint64_t moved)
{
    carry->waiting += moved;
    if (!state_gets_cpu(class))
        return 0;
    const uint64_t taken = carry->waiting;
    carry->waiting = 0;
    return taken;
}

#endif
