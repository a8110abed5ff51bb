/* SPDX-License-Identifier: MIT */
/*
 * stall_look - what the tasks of an asyncio loop waited for while its thread stalled.
 *
 * On the line:  stall_detail + looks -> [stall_look] -> stall_tell, stall_tables
 * Threads:      one at a time.
 * Memory:       the stall's, taken back by stalls_clear.
 *
 * A recorder looks only when the thread is blocked in a call. If it was so in the stall, the last
 * of these looks counts: no task leaves while the loop is held up. Else the last one before it, or
 * the first one behind it, where one is near enough; how far away that was is told with it. Of a
 * phase all looks in it count, if they tell which tasks were in it; else it is as a stall.
 */
#ifndef PYREC_ANALYZE_STALL_LOOK_H
#define PYREC_ANALYZE_STALL_LOOK_H

#include "stall.h"

/* For the first n stalls: what the scene's open range has of them. Behind all that reads spans. */
void stall_look_range(struct stalls *stalls, size_t n);

/* Does a task that waits so wait for nothing but its loop? */
bool stall_is_ready(const char *wait);

/* Once all is read: names and order. */
void stall_look_settle(struct stalls *stalls, struct stall *stall);

#endif
