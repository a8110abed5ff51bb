/* SPDX-License-Identifier: MIT */
/*
 * sheet - weights by number, sparse: memory only where there is weight.
 *
 * On the line:  spans -> [sheet per thread and class, by stack] -> [the same by tree node]
 * Threads:      one at a time.
 * Memory:       struct sheet is the owner's, zeroed before the first use; its pages come from an
 *               arena and die with it. A page holds 4 weights (128 bytes), a shelf 64 pages.
 *
 * A busy thread touches most stacks and gets nearly a dense array; an idle one touches three and
 * gets three pages. Finding a weight is three loads, of which the first two stay in the cache.
 */
#ifndef PYREC_ANALYZE_SHEET_H
#define PYREC_ANALYZE_SHEET_H

#include "analyze/base/arena.h"
#include "analyze/model/state.h"

#define SHEET_PAGE  4u
#define SHEET_SHELF 64u

struct sheet_shelf {
    struct weight *pages[SHEET_SHELF];
};

struct sheet {
    struct sheet_shelf **shelves;
    size_t n_shelves;
};

/* Make room for weight i; only sheet_at calls it. */
struct weight *sheet_grow(struct sheet *sheet, struct arena *arena, uint32_t i);

/* The weight of number i, zero when it is new. */
static inline struct weight *sheet_at(struct sheet *sheet, struct arena *arena, uint32_t i)
{
    const size_t shelf = i / (SHEET_PAGE * SHEET_SHELF);
    if (__builtin_expect(shelf < sheet->n_shelves && sheet->shelves[shelf] != NULL, 1)) {
        struct weight *const page = sheet->shelves[shelf]->pages[i / SHEET_PAGE % SHEET_SHELF];
        if (__builtin_expect(page != NULL, 1))
            return page + i % SHEET_PAGE;
    }
    return sheet_grow(sheet, arena, i);
}

/* The same of one that may not be there: NULL. */
static inline const struct weight *sheet_get(const struct sheet *sheet, uint32_t i)
{
    const size_t shelf = i / (SHEET_PAGE * SHEET_SHELF);
    if (shelf >= sheet->n_shelves || sheet->shelves[shelf] == NULL)
        return NULL;
    const struct weight *const page = sheet->shelves[shelf]->pages[i / SHEET_PAGE % SHEET_SHELF];
    return page != NULL ? page + i % SHEET_PAGE : NULL;
}

/* Have the weight of number i, if there is one, in the cache soon. */
static inline void sheet_prefetch(const struct sheet *sheet, uint32_t i)
{
    const struct weight *const weight = sheet_get(sheet, i);
    if (weight != NULL)
        __builtin_prefetch(weight, 1);
}

/* A copy in another arena. */
struct sheet sheet_copy(const struct sheet *sheet, struct arena *arena);

/* Its pages in order: {0} to begin with; page->weights[0] has number page->first. */
struct sheet_page {
    struct weight *weights;
    uint32_t first;
    size_t next; /* page to look at */
};
bool sheet_next_page(const struct sheet *sheet, struct sheet_page *page);

#endif
