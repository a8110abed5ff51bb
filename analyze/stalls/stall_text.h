/* SPDX-License-Identifier: MIT */
/*
 * stall_text - times and places as the words about stalls and idle places have them.
 *
 * On the line:  scene -> [stall_text] -> stall_tell, stall_who, idle_tell
 * Threads:      one at a time.
 * Memory:       the texts are in the view's arena.
 */
#ifndef PYREC_ANALYZE_STALL_TEXT_H
#define PYREC_ANALYZE_STALL_TEXT_H

#include "analyze/read/scene.h"
#include "analyze/view/view.h"

/* A node's leaf as "function (file:line)", the file shortened. */
const char *stall_place_text(struct view *view, const struct scene *scene, uint32_t node);

/* What it was blocked in, behind "blocked": "in futex", or "waiting for an object's lock". */
const char *stall_call_text(struct view *view, const char *call);

/* "12.345 s" */
const char *stall_seconds_text(struct view *view, uint64_t ns);

#endif
