/* SPDX-License-Identifier: MIT */
/*
 * memory - heap that either comes or ends the tool.
 *
 * On the line:  under everything in analyze/.
 * Threads:      any.
 * Memory:       what memory_get and memory_grow give is the caller's, free() takes it.
 * Loss:         when the machine has no memory left there is nothing to be saved in a tool that
 *               only reads: one line on stderr, exit status 1. Sizes that come from a file are
 *               checked against the limits in format/chunk.h before they get here.
 */
#ifndef PYREC_ANALYZE_MEMORY_H
#define PYREC_ANALYZE_MEMORY_H

#include <stddef.h>

/* Zeroed; never NULL. */
void *memory_get(size_t bytes);

/*
 * Make room for at least `needed` items of `item_bytes` each; *capacity is in items. New room is
 * zeroed. Returns the array, moved perhaps.
 */
void *memory_grow(void *items, size_t *capacity, size_t needed, size_t item_bytes);

/* Give the machine back what was freed, where libc keeps it. */
void memory_trim(void);

_Noreturn void memory_fail(void);

#endif
