/* SPDX-License-Identifier: MIT */
/*
 * debug_look - find the debug information of a file by its build-id, and read it in a process of
 * its own.
 *
 * On the line:  a wish -> [debug_look] -> Symbols, and in words where they are from or why not
 * Threads:      one.
 * Memory:       struct debug_found is the caller's; debug_found_clear.
 * Loss:         a file that makes its reader crash, or that takes too long, is said to do so.
 */
#ifndef PYREC_ANALYZE_DEBUG_LOOK_H
#define PYREC_ANALYZE_DEBUG_LOOK_H

#include "debug_find.h"

/* STATUS_NO_MEMORY or STATUS_IO: no process could be made. */
MUST_CHECK enum status debug_look(struct debug_found *found, const struct wish_object *wish,
                                  const struct debug_places *places, struct problem *why);
void debug_found_clear(struct debug_found *found);

#endif
