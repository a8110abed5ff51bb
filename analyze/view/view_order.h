/* SPDX-License-Identifier: MIT */
/*
 * view_order - the rows of a view in the order of columns, and not more of them than asked for.
 *
 * On the line:  view, as a command left it -> [view_order] -> the same view
 * Threads:      one at a time.
 * Memory:       what is left out stays in the view's arena.
 */
#ifndef PYREC_ANALYZE_VIEW_ORDER_H
#define PYREC_ANALYZE_VIEW_ORDER_H

#include "view.h"

/*
 * Sort groups and their rows by the columns, the first one deciding, the next ones between equals;
 * rows that are equal in all of them keep their order.
 */
void view_sort(struct view *view, const struct column *const *by, size_t n_by);

/* Keep the first `limit` rows of a group, of a tree the heaviest; 0 = all. */
void group_limit(struct group *group, size_t limit);

/* Keep the first `limit` groups and of each group the first `limit` rows; 0 = all. */
void view_limit(struct view *view, size_t limit);

#endif
