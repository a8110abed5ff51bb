/* SPDX-License-Identifier: MIT */
#include "report_sort.h"

#include <string.h>

#define FEW 12u /* so many are put in order by insertion */

static void insert(struct sort_key *keys, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const struct sort_key key = keys[i];
        size_t k = i;
        for (; k > 0 && keys[k - 1].key > key.key; k--)
            keys[k] = keys[k - 1];
        keys[k] = key;
    }
}

/* Two runs that are in order, one behind the other, into one. */
static void merge(struct sort_key *to, const struct sort_key *from, size_t n_first, size_t n)
{
    size_t a = 0, b = n_first;
    for (size_t i = 0; i < n; i++) {
        const int second = a == n_first || (b < n && from[b].key < from[a].key);
        to[i] = from[second ? b : a];
        a += !second;
        b += second != 0;
    }
}

void report_sort(struct sort_key *keys, struct sort_key *room, size_t n)
{
    struct sort_key *from = keys, *to = room;
    for (size_t at = 0; at < n; at += FEW)
        insert(keys + at, n - at < FEW ? n - at : FEW);
    for (size_t width = FEW; width < n; width *= 2) {
        for (size_t at = 0; at < n; at += 2 * width) {
            const size_t left = n - at, both = left < 2 * width ? left : 2 * width;
            merge(to + at, from + at, left < width ? left : width, both);
        }
        struct sort_key *const other = from;
        from = to;
        to = other;
    }
    if (from != keys)
        memcpy(keys, from, n * sizeof *keys);
}
