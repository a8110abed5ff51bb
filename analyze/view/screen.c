/* SPDX-License-Identifier: MIT */
#include "screen.h"

#include "analyze/base/memory.h"
#include "column.h"
#include "view_order.h"
#include "view_tree.h"

#include <stdlib.h>
#include <string.h>

/* The prompt behind it, and an empty line before notes. */
#define LINES_BELOW 2u

/* Titles of columns, and how many rows are left out. */
#define LINES_OF_TABLE 2u

/* An empty line, and how many tables are left out. */
#define LINES_LEFT_OUT 2u

/* How long the line below a table may become, and the one about hidden columns. */
#define CLOSING_LENGTH 105u
#define HIDDEN_LENGTH  90u

/* A table with fewer rows is not worth its heading; the only one always has some. */
#define ROWS_WORTH 3u
#define ROWS_LEAST 5u

/* How many lines a text takes; breaking it at blanks costs a little. */
static size_t lines_of(size_t length, const struct screen *screen)
{
    const size_t width = screen->width > 12 ? screen->width - 8 : 4;
    return length <= screen->width ? 1 : 1 + (length - 1) / width;
}

static size_t lines_around(const struct group *group, const struct screen *screen)
{
    size_t n = LINES_OF_TABLE;
    if (group->heading != NULL)
        n += lines_of(strlen(group->heading), screen) + 1;
    if (group->n_rows > 0 && group->rows[0].basis != NULL)
        n += lines_of(CLOSING_LENGTH, screen);
    return n;
}

static size_t lines_beside(const struct view *view, const struct screen *screen)
{
    size_t n = LINES_BELOW;
    for (size_t i = 0; i < view->n_notes; i++)
        n += lines_of(strlen(view->notes[i]), screen);
    if (view->headline != NULL)
        n += lines_of(strlen(view->headline), screen);
    if (!view->columns_given && screen->width < 120)
        n += lines_of(HIDDEN_LENGTH, screen);
    return n;
}

/* What every table has at least. */
static size_t least_rows(const struct group *group)
{
    return group->n_rows < ROWS_WORTH ? group->n_rows : ROWS_WORTH;
}

struct ranked {
    struct cell weight;
    size_t group;
};

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *const a = left, *const b = right;
    const int order = cell_compare(&a->weight, &b->weight);
    return order != 0 ? order : (a->group > b->group) - (a->group < b->group);
}

/* Of a tree, whose rows are not in the order of weight, what tree_limit keeps rows by. */
static struct cell weight_of(const struct group *group, const struct row *row,
                             const struct column *by)
{
    if (group->is_tree)
        return cell_number(UNIT_COUNT, (int64_t)row->basis->metric->of(row->cum));
    return by != NULL ? column_cell(by, row) : cell_none();
}

/* Give `room` more rows to the tables that have the heaviest ones left. */
static void share_rows(const struct view *view, size_t room, const struct column *by,
                       size_t *limits)
{
    size_t n = 0;
    for (size_t g = 0; g < view->n_groups; g++)
        n += view->groups[g].n_rows;
    struct ranked *const ranked = memory_get((n + 1) * sizeof *ranked);
    n = 0;
    for (size_t g = 0; g < view->n_groups; g++) {
        const struct group *const group = &view->groups[g];
        for (size_t r = limits[g]; r < group->n_rows; r++)
            ranked[n++] = (struct ranked){weight_of(group, &group->rows[r], by), g};
    }
    if (n > 1)
        qsort(ranked, n, sizeof *ranked, compare_ranked);
    for (size_t i = 0; i < n && i < room; i++)
        limits[ranked[i].group]++;
    free(ranked);
}

/* How many tables the screen holds with few rows each, and how many more rows it has room for. */
static size_t count_groups(const struct view *view, const struct screen *screen, size_t *room)
{
    const size_t beside = lines_beside(view, screen);
    const size_t lines = screen->height > beside ? screen->height - beside : 0;
    size_t n = 0, used = 0;
    for (; n < view->n_groups; n++) {
        const struct group *const group = &view->groups[n];
        const size_t more = n + 1 < view->n_groups ? LINES_LEFT_OUT : 0;
        const size_t own = lines_around(group, screen) + (n > 0) + least_rows(group);
        if (n > 0 && used + own + more > lines)
            break;
        used += own;
    }
    used += n < view->n_groups ? LINES_LEFT_OUT : 0;
    *room = lines > used ? lines - used : 0;
    if (n == 1 && *room < ROWS_LEAST - ROWS_WORTH)
        *room = ROWS_LEAST - ROWS_WORTH;
    return n;
}

void screen_limit(struct view *view, const struct screen *screen, const struct column *by)
{
    size_t room;
    const size_t n = count_groups(view, screen, &room);
    size_t *const limits = memory_get((n + 1) * sizeof *limits);
    view->n_groups_left_out += view->n_groups - n;
    view->n_groups = n;
    for (size_t g = 0; g < n; g++)
        limits[g] = least_rows(&view->groups[g]);
    share_rows(view, room, by, limits);
    for (size_t g = 0; g < n; g++)
        group_limit(&view->groups[g], limits[g]);
    free(limits);
}
