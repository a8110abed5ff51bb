/* SPDX-License-Identifier: MIT */
#include "view_tree.h"

#include "analyze/base/memory.h"

#include <stdlib.h>
#include <string.h>

int tree_heavy_compare(const void *left, const void *right)
{
    const struct tree_heavy *const a = left, *const b = right;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    if (a->samples != b->samples)
        return a->samples > b->samples ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index); /* what is above comes first */
}

void tree_limit(struct group *group, size_t limit)
{
    if (limit == 0 || group->n_rows <= limit)
        return;
    struct tree_heavy *const heavy = memory_get(group->n_rows * sizeof *heavy);
    bool *const kept = memory_get(group->n_rows);
    for (size_t i = 0; i < group->n_rows; i++) {
        const struct row *const row = &group->rows[i];
        heavy[i] =
            (struct tree_heavy){row->basis->metric->of(row->cum), weights_sum(row->cum).samples, i};
    }
    qsort(heavy, group->n_rows, sizeof *heavy, tree_heavy_compare);
    for (size_t i = 0; i < limit; i++)
        kept[heavy[i].index] = true;
    size_t n = 0;
    for (size_t i = 0; i < group->n_rows; i++) {
        if (kept[i])
            group->rows[n++] = group->rows[i];
    }
    group->n_left_out += group->n_rows - n;
    group->n_rows = n;
    free(heavy);
    free(kept);
}

/* ---- chains ---- */

/* A row that only leads to another: nearly all that is below it is below that one. */
#define LEADS_TO  0.95
#define OWN_SHARE 0.01

/* A chain keeps its first row and its last one; what is between is worth folding from here on. */
#define FOLD_LEAST 3u

struct chain {
    size_t *heavy;  /* by row: the one that it leads to, its number + 1; 0 = it does not */
    bool *has_lead; /* the row above it leads to it */
};

static void find_chains(const struct group *group, struct chain *chain)
{
    for (size_t i = 0; i < group->n_rows; i++) { /* the first below a row is the heaviest */
        const struct row *const row = &group->rows[i];
        const size_t up = row->tree->up;
        if (up == 0 || group->rows[up - 1].tree->up == 0 || chain->heavy[up - 1] != 0)
            continue;
        const struct row *const above = &group->rows[up - 1];
        uint64_t (*const of)(const struct weights *w) = row->basis->metric->of;
        const double whole = (double)of(above->cum);
        if ((double)of(row->cum) >= LEADS_TO * whole &&
            (double)of(above->self) <= OWN_SHARE * whole)
            chain->heavy[up - 1] = i + 1;
        else
            chain->heavy[up - 1] = SIZE_MAX;
    }
    for (size_t i = 0; i < group->n_rows; i++) {
        if (chain->heavy[i] == SIZE_MAX)
            chain->heavy[i] = 0;
        else if (chain->heavy[i] != 0)
            chain->has_lead[chain->heavy[i] - 1] = true;
    }
}

/* Let row `first` stand for itself and those that it leads to; they are marked as gone. */
static void fold_rows(struct view *view, struct group *group, const struct chain *chain,
                      size_t first, size_t n, uint32_t *into)
{
    struct row *const row = &group->rows[first];
    struct weights *const self = arena_get(&view->arena, sizeof *self);
    const size_t number = first + 1;
    for (size_t i = 0, at = number; i < n; i++, at = chain->heavy[at - 1]) {
        weights_add(self, group->rows[at - 1].self);
        into[at - 1] = (uint32_t)number;
    }
    row->self = self;
    row->frame =
        (struct frame){.function = arena_print(&view->arena, "\u2026 %zu frames", n), .file = ""};
    row->tree->folded = (uint32_t)n;
}

static void drop_folded(struct group *group, const uint32_t *into)
{
    size_t n = 0;
    for (size_t i = 0; i < group->n_rows; i++) {
        struct tree_row *const tree = group->rows[i].tree;
        if (into[i] != 0 && into[i] != i + 1)
            continue;
        if (tree->up > 0 && into[tree->up - 1] != 0)
            tree->up = into[tree->up - 1];
        group->rows[n++] = group->rows[i];
    }
    group->n_rows = n;
}

void tree_fold(struct view *view, struct group *group)
{
    const size_t n_rows = group->n_rows;
    struct chain chain = {memory_get(n_rows * sizeof *chain.heavy), memory_get(n_rows)};
    uint32_t *const into = memory_get(n_rows * sizeof *into);
    find_chains(group, &chain);
    for (size_t i = 0; i < n_rows; i++) {
        if (chain.heavy[i] == 0 || chain.has_lead[i])
            continue;
        size_t n = 0; /* rows that lead on, the first one included */
        for (size_t at = i + 1; at != 0; at = chain.heavy[at - 1])
            n += chain.heavy[at - 1] != 0;
        if (n >= FOLD_LEAST + 2)
            fold_rows(view, group, &chain, chain.heavy[i] - 1, n - 2, into);
    }
    drop_folded(group, into);
    free(chain.heavy);
    free(chain.has_lead);
    free(into);
}

/* ---- drawing ---- */

/* A row while it is drawn; numbers of rows count from 1 here, 0 is above all. */
struct drawn {
    size_t up, n_below, left; /* rows directly below it; of these, those not drawn yet */
    char *lead;               /* what stands before the rows below it */
};

/* The lines before a row, and those that the rows below it will have. */
static void draw_row(struct view *view, struct row *row, struct drawn *all, size_t number)
{
    struct drawn *const drawn = &all[number], *const up = &all[drawn->up];
    const bool top = drawn->up == 0, below_top = !top && up->up == 0;
    const bool alone = !below_top && up->n_below == 1;
    const bool last = --up->left == 0;
    const char *const lead = top ? "" : up->lead;
    const char *const mark = top || alone ? "" : last ? "\u2514 " : "\u251c ";
    const char *const rest = top || alone ? "" : last ? "  " : "\u2502 ";
    row->tree->outline = arena_print(&view->arena, "%s%s%s", lead, mark, row->frame.function);
    drawn->lead = arena_print(&view->arena, "%s%s", lead, rest);
}

void tree_draw(struct view *view, struct group *group)
{
    struct drawn *const drawn = memory_get((group->n_rows + 1) * sizeof *drawn);
    size_t above = 0; /* the row before, or one above it */
    for (size_t i = 1; i <= group->n_rows; i++) {
        const struct tree_row *const row = group->rows[i - 1].tree;
        while (above > 0 && group->rows[above - 1].tree->node != row->up)
            above = drawn[above].up;
        drawn[i].up = above;
        drawn[above].n_below++;
        drawn[above].left++;
        above = i;
    }
    for (size_t i = 1; i <= group->n_rows; i++)
        draw_row(view, &group->rows[i - 1], drawn, i);
    free(drawn);
}
