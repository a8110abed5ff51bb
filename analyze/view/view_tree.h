/* SPDX-License-Identifier: MIT */
/*
 * view_tree - rows of a table that form a tree.
 *
 * On the line:  a command fills struct tree_row -> [view_tree] cuts and draws -> columns
 * Memory:       in the view's arena.
 *
 * Rows are in order, everything below a row directly behind it. Each has cum weights that are not
 * larger than those of the row above it.
 */
#ifndef PYREC_ANALYZE_VIEW_TREE_H
#define PYREC_ANALYZE_VIEW_TREE_H

#include "view.h"

struct tree_row {
    uint32_t node, up;   /* numbers from 1; up is that of the row above it, 0 = none */
    uint32_t folded;     /* it stands for so many rows of a chain; 0 = for itself */
    const char *outline; /* the function behind the lines that lead to it; set by tree_draw */
};

/*
 * Fold chains of calls: rows that only lead to the next one become one row that says how many it
 * stands for. The first of a chain and the last stay, and whatever else is called on the way stands
 * below the folded row. To be called before tree_limit.
 */
void tree_fold(struct view *view, struct group *group);

/* Keep the `limit` heaviest rows, which are never without those above them; 0 = all. */
void tree_limit(struct group *group, size_t limit);

/*
 * Draw the lines. A row that is the only one below another stands under it without being indented,
 * so that long chains of calls stay on the screen; only what is below a top row always is, so that
 * one sees where the next one begins.
 */
void tree_draw(struct view *view, struct group *group);

/* Row or thread number `index` and what it weighs: qsort has no closure to ask a metric. */
struct tree_heavy {
    uint64_t weight, samples;
    size_t index;
};

/* For qsort: the heaviest first, then what was above. */
int tree_heavy_compare(const void *left, const void *right);

#endif
