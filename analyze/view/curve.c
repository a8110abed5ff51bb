/* SPDX-License-Identifier: MIT */
#include "curve.h"

#include "analyze/base/arena.h"
#include "analyze/base/memory.h"

struct curve *curve_add(struct curve_set *set, struct arena *arena, const char *panel,
                        const char *name)
{
    set->items = memory_grow(set->items, &set->size, set->n + 1, sizeof *set->items);
    struct curve *const curve = &set->items[set->n++];
    *curve = (struct curve){
        .panel = panel,
        .name = name,
        .values = arena_get(arena, set->n_bins * sizeof(double)),
        .top = 1,
    };
    return curve;
}
