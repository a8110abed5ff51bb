/* SPDX-License-Identifier: MIT */
#include "view_order.h"

#include "analyze/base/memory.h"
#include "column.h"
#include "view_tree.h"

#include <stdlib.h>
#include <string.h>

/* What qsort needs to know about a row: its cells, and where it was. */
struct sort_entry {
    const struct row *row;
    const struct column *const *by;
    size_t n_by, index;
};

static int compare_entries(const void *left, const void *right)
{
    const struct sort_entry *const a = left, *const b = right;
    for (size_t i = 0; i < a->n_by; i++) {
        const struct cell x = column_cell(a->by[i], a->row), y = column_cell(a->by[i], b->row);
        const int order = cell_compare(&x, &y);
        if (order != 0)
            return order;
    }
    return (a->index > b->index) - (a->index < b->index);
}

static void sort_entries(struct sort_entry *entries, size_t n, const struct column *const *by,
                         size_t n_by)
{
    for (size_t i = 0; i < n; i++) {
        entries[i].by = by;
        entries[i].n_by = n_by;
        entries[i].index = i;
    }
    if (n > 1)
        qsort(entries, n, sizeof *entries, compare_entries);
}

static void sort_rows(struct group *group, const struct column *const *by, size_t n_by)
{
    struct row *const before = memory_get(group->n_rows * sizeof *before);
    struct sort_entry *const entries = memory_get(group->n_rows * sizeof *entries);
    if (group->n_rows > 0)
        memcpy(before, group->rows, group->n_rows * sizeof *before);
    for (size_t i = 0; i < group->n_rows; i++)
        entries[i].row = &before[i];
    sort_entries(entries, group->n_rows, by, n_by);
    for (size_t i = 0; i < group->n_rows; i++)
        group->rows[i] = *entries[i].row;
    free(entries);
    free(before);
}

static void sort_groups(struct view *view, const struct column *const *by, size_t n_by)
{
    struct group *const before = memory_get(view->n_groups * sizeof *before);
    struct sort_entry *const entries = memory_get(view->n_groups * sizeof *entries);
    if (view->n_groups > 0)
        memcpy(before, view->groups, view->n_groups * sizeof *before);
    for (size_t i = 0; i < view->n_groups; i++)
        entries[i].row = &before[i].total;
    sort_entries(entries, view->n_groups, by, n_by);
    for (size_t i = 0; i < view->n_groups; i++)
        view->groups[i] = before[entries[i].index];
    free(entries);
    free(before);
}

void view_sort(struct view *view, const struct column *const *by, size_t n_by)
{
    for (size_t i = 0; i < view->n_groups; i++) {
        if (!view->groups[i].is_tree)
            sort_rows(&view->groups[i], by, n_by);
    }
    sort_groups(view, by, n_by);
}

void group_limit(struct group *group, size_t limit)
{
    if (limit == 0)
        return;
    if (group->is_tree)
        tree_limit(group, limit);
    if (group->n_rows > limit && !group->whole) {
        group->n_left_out += group->n_rows - limit;
        group->n_rows = limit;
    }
}

void view_limit(struct view *view, size_t limit)
{
    if (limit == 0)
        return;
    for (size_t i = 0; i < view->n_groups; i++)
        group_limit(&view->groups[i], limit);
    if (view->n_groups > limit) {
        view->n_groups_left_out += view->n_groups - limit;
        view->n_groups = limit;
    }
}
