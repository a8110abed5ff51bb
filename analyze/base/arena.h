/* SPDX-License-Identifier: MIT */
/*
 * arena - memory that is given piece by piece and taken back at once.
 *
 * On the line:  one per stage: the dictionary of a generation, the census, the profile, the view.
 * Threads:      one at a time.
 * Memory:       struct arena is the caller's, zeroed before the first use. What it gives is good
 *               until arena_reset or arena_clear; nobody frees a row, a cell or a string.
 */
#ifndef PYREC_ANALYZE_ARENA_H
#define PYREC_ANALYZE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *block; /* the one that is being given from; older ones behind it */
    struct arena_block *spare; /* kept by arena_reset */
    size_t used_bytes;         /* given since the last reset */
};

/* Zeroed, aligned for everything; never NULL. */
void *arena_get(struct arena *arena, size_t bytes);

/* Copies with a NUL behind them. */
char *arena_copy(struct arena *arena, const char *text, size_t len);
char *arena_print(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Take everything back but keep the blocks for the next round. */
void arena_reset(struct arena *arena);

/* Take everything back and give the blocks to the heap. */
void arena_clear(struct arena *arena);

#endif
