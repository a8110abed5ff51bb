/* SPDX-License-Identifier: MIT */
/*
 * stall_find - the times in which a thread did not come back to its idle place.
 *
 * On the line:  scene + idle_place, stall_pieces -> [stall_find] -> stall
 * Threads:      one at a time.
 * Memory:       what it finds is in struct stalls, the caller's, zeroed.
 */
#ifndef PYREC_ANALYZE_STALL_FIND_H
#define PYREC_ANALYZE_STALL_FIND_H

#include "stall.h"

/*
 * Find those of at least over_ns, in all threads that idle_learn has looked at. Their order is by
 * `metric`, by length when it is NULL and no state was asked for.
 */
void stalls_find(struct stalls *stalls, struct idle *idle, struct trace *trace,
                 const struct select *select, uint64_t over_ns, const struct metric *metric);

/*
 * Of a thread that is too busy (idle_busy.h): how many times as long as a stall there were besides,
 * which may each be one piece of work or many in a row, and how long they are together.
 */
uint64_t stalls_unsure(const struct stalls *stalls, const struct thread *thread, uint64_t *ns);

#endif
