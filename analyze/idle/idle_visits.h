/* SPDX-License-Identifier: MIT */
/*
 * idle_visits - where a thread was blocked, how it came back there, and what it did between.
 *
 * On the line:  scene -> [idle_visits] -> idle_evidence, idle_choose
 * Threads:      one at a time.
 * Memory:       some 100 bytes per place in which a thread was blocked and 16 per stack that it
 *               was seen in, however long the recording is: it is read as a stream.
 *
 * A function that has called others and is seen again with the same callers is taken for the same
 * call of it, unless a caller was seen in another line, or elsewhere, in between. So between two
 * visits of a place some frames stayed on the stack: the innermost of them is what came back to
 * the place: a loop around it, as far as can be told.
 *
 * A blocked thread whose clock moved was awake between two ticks and has come back: a visit too,
 * of which no more is known.
 */
#ifndef PYREC_ANALYZE_IDLE_VISITS_H
#define PYREC_ANALYZE_IDLE_VISITS_H

#include "idle_model.h"

/* Has it no frames that say where it went: none of Python's, or none that could be read? */
bool idle_is_lost(const struct scene *scene, uint32_t node);

/* One more span of the thread, of the range that the scene is at. */
void idle_visits_add(struct idle *idle, struct idle_thread *t, const struct span *span);

/* Nothing more comes: what is on the stack counts as it is. */
void idle_visits_end(struct idle *idle, struct idle_thread *t);
void idle_visits_clear(struct idle_thread *t);

#endif
