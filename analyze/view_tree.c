/* SPDX-License-Identifier: MIT */
#include "view_tree.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

struct heavy {
    uint64_t weight, samples;
    size_t index;
};

static int compare_heavy(const void *left, const void *right)
{
    const struct heavy *const a = left, *const b = right;
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
    struct heavy *const heavy = memory_get(group->n_rows * sizeof *heavy);
    bool *const kept = memory_get(group->n_rows);
    for (size_t i = 0; i < group->n_rows; i++) {
        const struct row *const row = &group->rows[i];
        heavy[i] =
            (struct heavy){row->basis->metric->of(row->cum), weights_sum(row->cum).samples, i};
    }
    qsort(heavy, group->n_rows, sizeof *heavy, compare_heavy);
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
