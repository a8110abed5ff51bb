/* SPDX-License-Identifier: MIT */
/*
 * idle_tell - in words, what was taken for idleness and how sure that is, or what it may be.
 *
 * On the line:  idle_place -> [idle_tell] -> the first lines of a view
 * Threads:      one at a time.
 * Memory:       everything is in the view's arena.
 */
#ifndef PYREC_ANALYZE_IDLE_TELL_H
#define PYREC_ANALYZE_IDLE_TELL_H

#include "analyze/view/view.h"
#include "idle_place.h"

/* "poll in main (app.py:3)" */
const char *idle_place_text(struct view *view, const struct scene *scene,
                            const struct idle_place *p);

/* Lines for the places of a thread that has some. */
void idle_tell_places(struct view *view, struct idle *idle, const struct idle_thread *t);

/* Lines for a thread that has none: why, and what to type for each that it may be. */
void idle_tell_doubt(struct view *view, struct idle *idle, const struct idle_thread *t,
                     const char *who);

/* Why the names that the user gave are in no thread's idle place. */
const char *idle_doubt_text(struct view *view, const struct idle_thread *t);

#endif
