/* SPDX-License-Identifier: MIT */
/*
 * bump - arrays that live until the chunk they are for has been packed.
 *
 * On the line:  under encode.
 * Threads:      one at a time.
 * Memory:       caller's storage, zeroed; bump_clear takes it back. bump_reset forgets all arrays
 *               and keeps one block as large as all of them were.
 *
 * Always true:  an array is aligned for any of its items and zeroed.
 */
#ifndef PYREC_RECORD_BUMP_H
#define PYREC_RECORD_BUMP_H

#include <stdbool.h>
#include <stddef.h>

struct bump_block;

struct bump {
    struct bump_block *block; /* the newest; the others hang behind it */
    size_t used;              /* bytes of it */
    size_t total;             /* of all arrays since the last reset */
    bool has_failed;          /* some array could not be had */
};

/*
 * An array of n items; NULL when there is no memory. has_failed stays set until the next reset, so
 * a caller that takes many arrays may check it once at the end, before it writes to any of them.
 */
void *bump_take(struct bump *bump, size_t n, size_t item_bytes);

void bump_reset(struct bump *bump);
void bump_clear(struct bump *bump);

#endif
