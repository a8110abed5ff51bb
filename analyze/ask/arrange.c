/* SPDX-License-Identifier: MIT */
#include "arrange.h"

#include "analyze/view/story.h"
#include "analyze/view/view_order.h"
#include "analyze/view/view_tree.h"

#include <string.h>

/* Rows of a table where no screen is: somebody will scroll. */
#define ROWS_SCROLLED 44u

/* What the name of the file to be written says. */
static const char *output_of_file(const struct args *args)
{
    const char *const path = args_output(args);
    const char *const ending = path != NULL ? strrchr(path, '.') : NULL;
    const struct output *output;
    for (size_t i = 0; ending != NULL && (output = output_get(i)) != NULL; i++) {
        if (output->ending != NULL && (output->accepts & args->command->shape) &&
            strcmp(ending, output->ending) == 0)
            return output->name;
    }
    return NULL;
}

static enum status choose_output(struct arrangement *a, const struct args *args,
                                 struct problem *why)
{
    const struct command *const command = args->command;
    const char *wanted = args_text(args, "format");
    if (wanted == NULL)
        wanted = output_of_file(args);
    if (wanted == NULL)
        wanted = command->output;
    a->output = output_find(wanted);
    if (a->output != NULL && a->output->accepts & command->shape)
        return STATUS_OK;
    char names[SUGGEST_LIST_SIZE] = "";
    for (size_t i = 0, len = 0; output_get(i) != NULL && len < sizeof names; i++) {
        if (output_get(i)->accepts & command->shape)
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", len > 0 ? ", " : "",
                                    output_get(i)->name);
    }
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                       "--format: %s cannot be written as %s; it can as: %s", command->name, wanted,
                       names);
}

static const char *style_name(const struct args *args)
{
    return args->command->styles != NULL ? args_text(args, "style") : NULL;
}

/* NULL: none, or --by asks for something else. */
static const struct metric *metric_asked(const struct args *args)
{
    const char *const by = args_text(args, "by");
    return by != NULL ? metric_find(by) : NULL;
}

static enum status choose_sort(struct arrangement *a, const struct args *args, struct problem *why)
{
    const struct command *const command = args->command;
    const struct command_style *const style = command_style(command, style_name(args));
    const struct column *sort[VIEW_COLUMNS_MAX];
    const char *const wanted = args_text(args, "sort");
    size_t n;
    if (wanted != NULL) {
        TRY(columns_parse(wanted, command->rows, "sort", sort, &n, why));
        for (size_t i = 0; i < n && a->n_sort < ARRANGE_SORT_MAX; i++)
            a->sort[a->n_sort++] = sort[i];
    }
    if (command->sort == NULL)
        return STATUS_OK;
    const struct metric *const by = style == NULL ? metric_asked(args) : NULL;
    const struct column *const first = by != NULL ? column_find(by->name, command->rows) : NULL;
    if (first != NULL && a->n_sort < ARRANGE_SORT_MAX)
        a->sort[a->n_sort++] = first;
    TRY(columns_parse(style != NULL ? style->sort : command->sort, command->rows, "sort", sort, &n,
                      why));
    for (size_t i = 0; i < n && a->n_sort < ARRANGE_SORT_MAX; i++)
        a->sort[a->n_sort++] = sort[i];
    return STATUS_OK;
}

/* Show these columns, as far as they are not shown, before the first one of a metric. */
static void show_columns(struct arrangement *a, const struct column *const *wanted, size_t n_wanted)
{
    const struct column *added[2];
    size_t n = 0, at = 0;
    for (size_t i = 0; i < n_wanted; i++) {
        bool shown = wanted[i] == NULL;
        for (size_t k = 0; k < a->n_columns; k++)
            shown = shown || a->columns[k] == wanted[i];
        if (!shown)
            added[n++] = wanted[i];
    }
    while (at < a->n_columns && a->columns[at]->part == PART_NONE)
        at++;
    if (n == 0 || a->n_columns + n > VIEW_COLUMNS_MAX)
        return;
    memmove(a->columns + at + n, a->columns + at, (a->n_columns - at) * sizeof *a->columns);
    memcpy(a->columns + at, added, n * sizeof *added);
    a->n_columns += n;
}

/* What --by orders by, and how many threads --group has put together, must be seen. */
static void show_asked(struct arrangement *a, const struct args *args)
{
    const enum row_kind rows = args->command->rows;
    const struct metric *const by = metric_asked(args);
    if (by != NULL) {
        char cum[64];
        snprintf(cum, sizeof cum, "%s_cum", by->name);
        const struct column *const columns[] = {column_find(by->name, rows),
                                                column_find(cum, rows)};
        show_columns(a, columns, 2);
    }
    if (args_flag(args, "group")) {
        const struct column *const columns[] = {column_find("threads", rows)};
        show_columns(a, columns, 1);
    }
}

enum status arrangement_make(struct arrangement *a, const struct args *args, struct problem *why)
{
    const struct command *const command = args->command;
    *a = (struct arrangement){0};
    TRY(choose_output(a, args, why));
    a->limit_given = args_text(args, "limit") != NULL;
    a->limit = args_count(args, "limit", 0);
    a->columns_given = args_text(args, "columns") != NULL;
    a->folded = !a->output->machine && command->folds && !args_flag(args, "full");
    a->full_paths = a->output->machine || args_flag(args, "full-paths");
    if (!(command->shape & (SHAPE_TABLE | SHAPE_LOG | SHAPE_LIST | SHAPE_STORY | SHAPE_CURVES)))
        return STATUS_OK;
    const char *columns = args_text(args, "columns");
    const struct command_style *const style = command_style(command, style_name(args));
    if (columns == NULL && style != NULL)
        columns = style->columns;
    if (columns == NULL)
        columns = a->output->machine ? command->machine_columns : command->columns;
    TRY(columns_parse(columns, command->rows, "columns", a->columns, &a->n_columns, why));
    a->keeps_empty = a->output->machine || args_text(args, "columns") != NULL || style != NULL;
    a->asked = metric_asked(args);
    if (args_text(args, "columns") == NULL && style == NULL)
        show_asked(a, args);
    return choose_sort(a, args, why);
}

static bool has_any(const struct view *view, const struct column *column)
{
    for (size_t g = 0; g < view->n_groups; g++)
        if (column_has_any(column, view->groups[g].rows, view->groups[g].n_rows))
            return true;
    return false;
}

/* What is seldom there has a column only where it is, or was asked for. */
static void drop_empty(struct view *view, const struct metric *asked)
{
    size_t n = 0;
    for (size_t i = 0; i < view->n_columns; i++) {
        const struct column *const column = view->columns[i];
        const bool is_asked =
            asked != NULL && column->part != PART_NONE && asked == &metrics[column->metric];
        if (!column->only_if_any || is_asked || has_any(view, column))
            view->columns[n++] = column;
    }
    view->n_columns = n;
}

/* What is left for a human reader, who has no place for everything. */
static void limit_rows(const struct arrangement *a, struct view *view, const struct screen *screen)
{
    if (a->limit_given)
        view_limit(view, a->limit);
    else if (screen->height > 0)
        screen_limit(view, screen, view->ordered_by);
    else
        view_limit(view, ROWS_SCROLLED);
}

void arrangement_apply(const struct arrangement *a, struct view *view, const struct screen *screen)
{
    for (size_t i = 0; i < a->n_columns; i++)
        view->columns[i] = a->columns[i];
    view->n_columns = a->n_columns;
    view->ordered_by = a->n_sort > 0 ? a->sort[0] : NULL;
    view->columns_given = a->columns_given;
    view->screen_lines = a->limit_given ? 0 : screen->height;
    if (view->shape == SHAPE_STORY) {
        if (!a->full_paths)
            view_shorten_stories(view);
        return;
    }
    if (view->shape != SHAPE_TABLE)
        return;
    if (!a->keeps_empty)
        drop_empty(view, a->asked);
    view_sort(view, a->sort, a->n_sort);
    for (size_t i = 0; i < view->n_groups && a->folded; i++) {
        if (view->groups[i].is_tree)
            tree_fold(view, &view->groups[i]);
    }
    if (a->limit_given || !a->output->machine)
        limit_rows(a, view, screen);
    if (!a->output->machine)
        view_footer(view);
    for (size_t i = 0; i < view->n_groups && !a->output->machine; i++) {
        if (view->groups[i].is_tree)
            tree_draw(view, &view->groups[i]);
    }
    if (!a->full_paths)
        view_shorten_paths(view);
}
