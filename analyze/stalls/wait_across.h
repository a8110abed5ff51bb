/* SPDX-License-Identifier: MIT */
/*
 * wait_across - who of another process let go of what a stalled thread waited for.
 *
 * On the line:  stall_detail -> [wait_across] -> entries of a stall (STALL_HELD)
 * Threads:      one at a time.
 * Memory:       a log of each process for each wait that is looked at, until it is judged.
 * Loss:         of more than a thousand such waits the later ones are not looked at.
 *
 * Locks of files, of multiprocessing and of databases may be held by another process. Where no
 * thread of its own fits, those of all others in the trace are judged by the same evidence
 * (wait_judge.h), each at the ticks of its own process. Of an acquire() that may be either kind
 * only who was past it all the while and went on at the end counts. Who sleeps again and again in
 * one place may be asking for a lock, as sqlite does: it notices late that it is free, by up to a
 * sleep.
 */
#ifndef PYREC_ANALYZE_WAIT_ACROSS_H
#define PYREC_ANALYZE_WAIT_ACROSS_H

#include "stall.h"

/* Read once more if the first n have such waits: who held it, or that it cannot be told. */
void wait_across(struct stalls *stalls, struct trace *trace, size_t n);

/* Did it sleep again and again in one place, as who asks for a lock until it is free does? */
bool wait_asks(const struct stalls *stalls, const struct stall *stall);

#endif
