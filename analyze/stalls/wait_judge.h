/* SPDX-License-Identifier: MIT */
/*
 * wait_judge - who must have held what a thread waited for, or ended its wait.
 *
 * On the line:  wait_log -> [wait_judge] -> entries of a stall (STALL_HELD)
 * Threads:      one at a time.
 * Memory:       what it finds is added to the stall.
 *
 * The trace has no word of locks, so this is evidence and never certain. Letting go is something
 * that a thread does: it ran as the wait ended. Whoever did not, the other waiters above all, is
 * out. Of those that ran one was past the line in which the waiter stands, in the same function;
 * or it stood in one place all the while and moved only then; or it went on from where it had been
 * all the while, be it that it ran there. If exactly one thread fits best it is likely the one; if
 * several do, or none, nobody is claimed.
 *
 * Who waited for a lock itself until some moment in that time has held this one only since then, or
 * has itself been held up: what was before goes to whoever let go at that moment, and so on back
 * to the beginning of the wait.
 */
#ifndef PYREC_ANALYZE_WAIT_JUDGE_H
#define PYREC_ANALYZE_WAIT_JUDGE_H

#include "analyze/waits/wait_log.h"
#include "stall.h"

/* Add to the stall who held it, and for how long that cannot be told. */
void wait_judge(struct stalls *stalls, struct stall *stall, const struct wait_log *log,
                const struct wait *wait);

/* Of those in a log the one that let go at the end of a wait, whose ticks are the log's. */
struct wait_found {
    const struct thread *thread;
    uint32_t from, end; /* ticks: it likely had it */
    enum stall_evidence evidence;
};

/*
 * Look for it; where several are as good `n` says how many, and `maybe` who. The wait may have
 * ended up to `slack` ticks before it was seen to end. Threads of other processes are judged by the
 * same evidence, but only for what they hold themselves: not who had it before them.
 */
void wait_judge_best(struct stalls *stalls, const struct stall *stall, const struct wait_log *log,
                     const struct wait *wait, uint32_t slack, struct wait_found *found, size_t *n,
                     const struct thread *maybe[2]);

/* Add to the stall that it was this one. */
void wait_add_found(struct stalls *stalls, struct stall *stall, const struct wait_log *log,
                    const struct wait *wait, const struct wait_found *found);

/* "it went on as the wait ended" */
const char *wait_evidence_text(enum stall_evidence evidence);

#endif
