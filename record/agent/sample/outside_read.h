/* SPDX-License-Identifier: MIT */
/*
 * outside_read - read a thread's stack without its doing, and know whether it stood still
 * meanwhile.
 *
 * On the line:  memory of CPython, C stacks, /proc -> [outside_read] -> an observation
 * Threads:      the sampler only.
 * Memory:       the thread's slot, or the sampler's scratch one.
 * Loss:         a thread that moves meanwhile gives no stack; one that runs gives one that is
 *               likely, and marked.
 */
#ifndef PYREC_AGENT_OUTSIDE_READ_H
#define PYREC_AGENT_OUTSIDE_READ_H

#include "sampler.h"

#define OUTSIDE_TRIES   3
#define OUTSIDE_WAIT_NS 30000 /* for a thread that stood still in the middle of linking a frame */

enum reading { READING_OK, READING_MOVED, READING_TORN };

/* The slot to read a thread's stack into from outside: its own, unless that is waiting for a late
 * answer or the thread has none. A look at the thread begins, which capture_outside() ends; where
 * its tstate is 0, it is over. */
struct slot *outside_slot(struct sampler *sampler, const struct thread *thread);

/* What else was read with the stack: into the state. */
void outside_bits(struct observation *seen);

/*
 * Read a thread whose clock stood at `cpu_ns`. OK only if it still stands there afterwards: then
 * nothing can have changed in between. The slot is DONE before the clock is read again, so an
 * object of this stack that dies from now on is noticed (codes.h).
 */
enum reading outside_still(struct sampler *sampler, struct thread *thread, uint64_t cpu_ns,
                           struct observation *seen);

/*
 * Read a thread that is running, without asking it: several times, and only what is there each time
 * counts. Likely, not proven; marked OUTSIDE. With two readings, one sample in 30,000 of a program
 * that does nothing but call was a mixture of two stacks. So a thread that should have answered has
 * to be as it is for longer; one that cannot be asked would hardly ever be. The later readings also
 * prove that the code objects were alive when the slot was already DONE.
 */
enum reading outside_running(struct sampler *sampler, struct thread *thread, uint64_t cpu_ns,
                             int readings, struct observation *seen);

/*
 * Read a thread that is running and cannot be asked by taking its CPU: then it stands still.
 * Proven, as far as it goes; false when it does not come to that.
 */
bool outside_beside(struct sampler *sampler, struct thread *thread, struct observation *seen);

#endif
