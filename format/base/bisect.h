/* SPDX-License-Identifier: MIT */
/*
 * bisect - where something is, or would be, in a list that is in order.
 *
 * On the line:  under both programs: threads, processes, contexts, ticks by number or time.
 * Threads:      any.
 * Memory:       none.
 */
#ifndef PYREC_BISECT_H
#define PYREC_BISECT_H

#include <stdbool.h>
#include <stddef.h>

/* Does entry i of the list stand before the place that the key has in it? */
typedef bool bisect_fn(const void *list, size_t i, const void *key);

/* The first of n entries that does not; n when all do. */
static inline size_t bisect(const void *list, size_t n, bisect_fn *is_before, const void *key)
{
    size_t low = 0, high = n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (is_before(list, middle, key))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

#endif
