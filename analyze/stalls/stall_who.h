/* SPDX-License-Identifier: MIT */
/*
 * stall_who - who held what a stalled thread waited for, in words.
 *
 * On the line:  stall -> [stall_who] -> stall_tell
 * Threads:      one at a time.
 * Memory:       the words are in the view's arena.
 */
#ifndef PYREC_ANALYZE_STALL_WHO_H
#define PYREC_ANALYZE_STALL_WHO_H

#include "analyze/view/story.h"
#include "stall.h"

/*
 * Add lines: who held what it waited for, how sure that is, and where it cannot be told, why.
 * Returns of which kinds of entries they speak: 1 << STALL_GIL, STALL_WORLD, STALL_HELD.
 */
unsigned stall_tell_who(struct view *view, const struct stalls *stalls, const struct stall *stall,
                        struct story *story);

#endif
