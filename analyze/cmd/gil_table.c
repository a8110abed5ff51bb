/* SPDX-License-Identifier: MIT */
#include "gil_table.h"

#include "analyze/view/column.h"

#include <string.h>

/* A longer name does not stand above a column of numbers. */
#define TITLE_MAX 10

/* Where a text that is empty would be shown as something that is missing. */
#define BLANK " "

static const struct part_kind matrix_kind = {
    NULL, "who waited for whom (down: who waited, and the share of its time; across: who held it)",
    NULL, NULL, ROW_GIL};

static struct cell get_mark(const struct row *row)
{
    return cell_text(row->gil_line->mark[0] != '\0' ? row->gil_line->mark : BLANK);
}

static struct cell get_name(const struct row *row)
{
    return cell_text(row->gil_line->name);
}

static struct cell get_share(const struct row *row)
{
    return cell_ratio((double)row->gil_line->all.waited_ns, (double)row->gil_line->wall_ns);
}

static struct cell amount_cell(const struct gil_amount *amount, const struct column *column)
{
    if (amount->samples == 0)
        return cell_none();
    return cell_number(column->unit, (int64_t)gil_amount_by(amount, &metrics[column->metric]));
}

static struct cell get_all(const struct row *row, const struct column *column)
{
    return amount_cell(&row->gil_line->all, column);
}

static struct cell get_amount(const struct row *row, const struct column *column)
{
    return amount_cell(&row->gil_line->cells[column->nth], column);
}

static struct cell get_amount_share(const struct row *row, const struct column *column)
{
    const struct gil_amount *const amount = &row->gil_line->cells[column->nth];
    if (amount->samples == 0)
        return cell_text(BLANK);
    return cell_ratio((double)amount->waited_ns, (double)row->gil_line->wall_ns);
}

static const struct column mark_column = {
    .name = "mark", .title = "", .unit = UNIT_TEXT, .get = get_mark};
static const struct column name_column = {
    .name = "thread", .title = "waiting thread", .unit = UNIT_TEXT, .get = get_name};
static const struct column share_column = {
    .name = "share", .title = "share", .unit = UNIT_RATIO, .get = get_share};

/* Names stand above the columns where all are short and none is there twice, else the marks. */
static bool has_names(const struct gil_matrix *matrix)
{
    for (size_t i = 0; i < matrix->n_shown; i++) {
        const char *const name = matrix->lines[i].name;
        if (name[0] == '\0' || strlen(name) > TITLE_MAX)
            return false;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(matrix->lines[k].name, name) == 0)
                return false;
        }
    }
    return true;
}

static const char *visible_text(struct view *view, const char *name)
{
    struct buffer visible = {0};
    buffer_add_visible(&visible, name);
    const char *const title = arena_copy(&view->arena, visible.text, visible.len);
    buffer_clear(&visible);
    return title;
}

static struct column *column_new(struct view *view, const char *title, const struct metric *metric,
                                 size_t nth)
{
    struct column *const column = arena_get(&view->arena, sizeof *column);
    const bool counts = metric == &metrics[METRIC_SAMPLES] || metric == &metrics[METRIC_TICKS];
    *column = (struct column){
        .name = "waited",
        .title = title,
        .unit = counts ? UNIT_COUNT : UNIT_SECONDS,
        .metric = (enum metric_id)(metric - metrics),
        .get_nth = get_amount,
        .nth = nth,
    };
    return column;
}

static void add_holder(struct view *view, struct part *part, const char *title,
                       const struct metric *metric, size_t nth, bool with_shares)
{
    part_add_column(part, column_new(view, title, metric, nth));
    if (!with_shares)
        return;
    struct column *const share = column_new(view, "", metric, nth);
    share->unit = UNIT_RATIO;
    share->close = true;
    share->get_nth = get_amount_share;
    part_add_column(part, share);
}

struct part *gil_table_add(struct view *view, struct story *story, const struct gil_matrix *matrix,
                           const struct metric *metric, bool with_shares)
{
    struct part *const part = story_add_part(view, story, &matrix_kind, matrix->n_lines);
    struct column *const all = column_new(view, "waited", metric, 0);
    const bool names = has_names(matrix);
    all->get_nth = get_all;
    for (size_t i = 0; i < matrix->n_lines; i++)
        part->rows[i].gil_line = &matrix->lines[i];
    if (!names)
        part_add_column(part, &mark_column);
    part_add_column(part, &name_column);
    part_add_column(part, all);
    part_add_column(part, &share_column);
    for (size_t i = 0; i < matrix->n_shown; i++)
        add_holder(view, part,
                   names ? visible_text(view, matrix->lines[i].name) : matrix->lines[i].mark,
                   metric, i, with_shares);
    if (matrix->others_held)
        add_holder(view, part, "others", metric, GIL_MATRIX_OTHERS, with_shares);
    if (matrix->nobody_held)
        add_holder(view, part, "nobody", metric, GIL_MATRIX_NOBODY, with_shares);
    part->n_left_out = matrix->n_others;
    return part;
}
