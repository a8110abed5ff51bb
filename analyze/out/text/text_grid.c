/* SPDX-License-Identifier: MIT */
#include "text_grid.h"

#include "analyze/base/memory.h"
#include "text_cell.h"
#include "text_line.h"

#include <stdlib.h>
#include <string.h>

/* Seconds of a close column are at least so wide: the heading is "cpu_time   (cum)". */
#define CLOSE_SECONDS_WIDTH 7

/* Texts are not cut shorter than the first, unless nothing else is left; and then than the second.
 */
#define TEXT_WIDTH_MIN  16
#define TEXT_WIDTH_LAST 4

/* In this order columns are given up. One with (cum) goes before the one it belongs to. */
static const char *const given_up[] = {
    "ticks_cum",
    "ticks",
    "error_cum",
    "error",
    "blocked_error",
    "gil_wait_error",
    "cpu_time_error",
    "samples_cum",
    "unattributed",
    "traced_cum_share",
    "sampled_cum_share",
    "call_cost",
    "change",
    "parent",
    "thread_id",
    "longest",
    "waited_share",
    "samples",
    "sampled_margin",
    "b",
    "a",
    "threads",
    "calls",
    "recorded",
    "other_cpu",
    "held",
    "part",
    "cpu_time_cum",
    "share",
    "gil_wait",
    "blocked",
    "unknown",
    "ready_share",
    "gil_wait_share",
    "blocked_share",
    "on_cpu_share",
    "unknown_share",
    "wall",
    "end_time",
    "process",
    "cpu_share",
    "cpu_time",
};

/* How wide a column of texts should be to be of use. */
static size_t useful_width(const struct column *column)
{
    static const struct {
        const char *name;
        size_t width;
    } widths[] = {
        {"path", 56}, {"source", 56},  {"tree", 32},      {"place", 24},
        {"file", 24}, {"command", 24}, {"function", 18},  {"stdname", 40},
        {"name", 40}, {"chain", 40},   {"waits_for", 16},
    };
    for (size_t i = 0; i < ARRAY_LEN(widths); i++) {
        if (strcmp(widths[i].name, column->name) == 0)
            return widths[i].width;
    }
    return TEXT_WIDTH_MIN;
}

static char **grid_at(const struct grid *grid, size_t row, size_t column)
{
    return &grid->cells[row * grid->n_columns + column];
}

void grid_clear(struct grid *grid)
{
    for (size_t i = 0; i < grid->n_rows * grid->n_columns; i++)
        free(grid->cells[i]);
    free(grid->cells);
    *grid = (struct grid){0};
}

/* "(cum)" belongs to the column on its left; where that is another one, it has a name of its own.
 */
static bool has_own_title(const struct grid_columns *columns, size_t c)
{
    const struct column *const column = columns->shown[c];
    const struct column *const left = c > 0 ? columns->shown[c - 1] : NULL;
    return column->part == PART_CUM &&
           (left == NULL || left->part != PART_SELF || left->metric != column->metric);
}

static char *cell_of(const struct column *column, const struct row *row, int decimals, bool apart,
                     bool blank)
{
    const struct cell cell = column_cell(column, row);
    const bool none = cell.unit == UNIT_NONE || (cell.unit == UNIT_TEXT && cell.text[0] == '\0');
    return blank && none ? text_padded("", apart, 0) : text_of_cell(&cell, decimals, apart, 0);
}

struct grid grid_build(const struct grid_columns *columns, const struct row *rows, size_t n_rows,
                       int decimals, bool blank, bool ascii)
{
    struct grid grid = {columns, NULL, n_rows + 1, columns->n};
    grid.cells = memory_get(grid.n_rows * grid.n_columns * sizeof(char *));
    for (size_t c = 0; c < grid.n_columns; c++) {
        const struct column *const column = columns->shown[c];
        const bool own_title = has_own_title(columns, c);
        const bool close = column->close && !own_title, apart = c > 0 && !close;
        const size_t least = close && column->unit == UNIT_SECONDS ? CLOSE_SECONDS_WIDTH : 0;
        *grid_at(&grid, 0, c) = text_padded(own_title ? column->name : column->title, apart, least);
        for (size_t r = 1; r < grid.n_rows; r++)
            *grid_at(&grid, r, c) = cell_of(column, &rows[r - 1], decimals, apart, blank);
        for (size_t r = 0; r < grid.n_rows && ascii; r++)
            *grid_at(&grid, r, c) = text_line_plain(*grid_at(&grid, r, c));
    }
    return grid;
}

static size_t grid_width(const struct grid *grid, size_t column)
{
    size_t widest = 0;
    for (size_t r = 0; r < grid->n_rows; r++) {
        const size_t width = text_width(*grid_at(grid, r, column));
        if (width > widest)
            widest = width;
    }
    return widest;
}

/* ---- which columns ---- */

/* What the columns need: texts not more than is of use. */
static size_t needed(const struct grid_columns *columns, const size_t *widths, const bool *hidden)
{
    size_t sum = 0, n = 0;
    for (size_t c = 0; c < columns->n; c++) {
        const size_t useful = useful_width(columns->shown[c]);
        if (hidden[c])
            continue;
        sum += unit_is_text(columns->shown[c]->unit) && widths[c] > useful ? useful : widths[c];
        n++;
    }
    return sum + (n > 0 ? n - 1 : 0);
}

static bool may_go(const struct grid_columns *columns, size_t c, const char *name)
{
    const struct column *const column = columns->shown[c], *const kept = columns->kept;
    if (unit_is_text(column->unit) || strcmp(column->name, name) != 0)
        return false;
    return kept == NULL ||
           (column != kept && (column->part == PART_NONE || kept->part == PART_NONE ||
                               column->metric != kept->metric));
}

/* Give up the first that may go. */
static bool give_one_up(const struct grid_columns *columns, bool *hidden)
{
    size_t left = 0;
    for (size_t c = 0; c < columns->n; c++)
        left += !hidden[c] && !unit_is_text(columns->shown[c]->unit);
    for (size_t i = 0; i < ARRAY_LEN(given_up) && left > 1; i++) {
        for (size_t c = 0; c < columns->n; c++) {
            if (hidden[c] || !may_go(columns, c, given_up[i]))
                continue;
            hidden[c] = true;
            return true;
        }
    }
    return false;
}

bool grid_choose(struct grid_columns *columns, const struct grid *grids, size_t n_grids,
                 size_t room)
{
    size_t widths[VIEW_COLUMNS_MAX] = {0}, n = 0;
    bool hidden[VIEW_COLUMNS_MAX] = {false};
    if (columns->all || columns->n == 0)
        return false;
    for (size_t g = 0; g < n_grids; g++) {
        for (size_t c = 0; c < columns->n; c++) {
            const size_t width = grid_width(&grids[g], c);
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    while (needed(columns, widths, hidden) > room && give_one_up(columns, hidden))
        continue;
    for (size_t c = 0; c < columns->n; c++) {
        if (hidden[c])
            columns->hidden[columns->n_hidden++] = columns->shown[c];
        else
            columns->shown[n++] = columns->shown[c];
    }
    const bool any = n < columns->n;
    columns->n = n;
    return any;
}

/* ---- how wide ---- */

static bool is_path(const struct column *column)
{
    return column->unit == UNIT_PLACE || column->unit == UNIT_PSTATS ||
           column->unit == UNIT_YAPPI || strcmp(column->name, "file") == 0;
}

/* What tells the threads of a pool apart is at the end, that of others at the beginning; of a
 * command the interpreter and its script are. */
static enum text_part lost_part(const struct column *column)
{
    static const char *const middles[] = {"thread", "waiter", "holder", "other", "command"};
    for (size_t i = 0; i < ARRAY_LEN(middles); i++) {
        if (strcmp(column->name, middles[i]) == 0)
            return TEXT_MIDDLE;
    }
    if (strcmp(column->name, "path") == 0)
        return TEXT_FRAMES;
    return is_path(column) ? TEXT_BEGIN : TEXT_END;
}

/* `least` 0: as wide as is useful. Titles stay whole as long as anything else can give way. */
static size_t least_width(const struct grid *grid, size_t c, size_t least)
{
    const size_t title = text_width(*grid_at(grid, 0, c));
    const size_t wanted = least > 0 ? least : useful_width(grid->columns->shown[c]);
    return least != TEXT_WIDTH_LAST && wanted < title ? title : wanted;
}

/*
 * Take `over` columns from texts that are wider than they must be; from the one that is most above
 * that first, down to the next. Returns what is still too much.
 */
static size_t take_width(const struct grid *grid, size_t *widths, size_t over, size_t least)
{
    const struct grid_columns *const columns = grid->columns;
    while (over > 0) {
        size_t at = 0, most = 0, next = 0;
        for (size_t c = 0; c < columns->n; c++) {
            const struct column *const column = columns->shown[c];
            const size_t width = widths[c], min = least_width(grid, c, least);
            const size_t above = unit_is_text(column->unit) && width > min ? width - min : 0;
            if (above > most) {
                next = most;
                most = above;
                at = c;
            } else if (above > next) {
                next = above;
            }
        }
        if (most == 0)
            return over;
        const size_t step = most > next ? most - next : 1;
        const size_t taken = step < over ? step : over;
        widths[at] -= taken;
        over -= taken;
    }
    return 0;
}

bool grid_fit(struct grid *grid, size_t room, bool ascii)
{
    size_t widths[VIEW_COLUMNS_MAX], total = grid->n_columns > 0 ? grid->n_columns - 1 : 0;
    for (size_t c = 0; c < grid->n_columns; c++) {
        widths[c] = grid_width(grid, c);
        total += widths[c];
    }
    if (total <= room)
        return true;
    size_t over = total - room;
    over = take_width(grid, widths, over, 0);
    over = take_width(grid, widths, over, TEXT_WIDTH_MIN);
    const bool fits = over == 0;
    over = take_width(grid, widths, over, TEXT_WIDTH_LAST);
    for (size_t c = 0; c < grid->n_columns; c++) {
        for (size_t r = 0; r < grid->n_rows; r++)
            text_cut(grid_at(grid, r, c), widths[c],
                     r == 0 ? TEXT_END : lost_part(grid->columns->shown[c]), ascii);
    }
    return fits;
}

/* ---- drawing ---- */

static void draw_row(struct sink *to, const struct grid *grid, size_t r, const size_t *widths,
                     bool dim)
{
    struct buffer line = {0};
    size_t blanks = 0; /* due before the next text: a line has none at its end */
    buffer_add(&line, "", 0);
    for (size_t c = 0; c < grid->n_columns; c++) {
        const char *const text = *grid_at(grid, r, c);
        const size_t first = strspn(text, " "), fill = widths[c] - text_width(text);
        const bool right = !unit_is_text(grid->columns->shown[c]->unit);
        const bool dimmed = to->color && (dim || (r > 0 && text_is_nothing(text)));
        blanks += (c > 0) + (right ? fill : 0) + first;
        if (text[first] != '\0') {
            buffer_add_blanks(&line, blanks);
            buffer_add_text(&line, dimmed ? "\033[2m" : "");
            buffer_add_text(&line, text + first);
            buffer_add_text(&line, dimmed ? "\033[0m" : "");
        }
        blanks = (text[first] != '\0' ? 0 : blanks) + (right ? 0 : fill);
    }
    sink_print(to, "%s\n", line.text);
    buffer_clear(&line);
}

void grid_draw(struct sink *to, const struct grid *grid, const struct row *rows)
{
    size_t widths[VIEW_COLUMNS_MAX];
    for (size_t c = 0; c < grid->n_columns; c++)
        widths[c] = grid_width(grid, c);
    for (size_t r = 0; r < grid->n_rows; r++)
        draw_row(to, grid, r, widths, r > 0 && rows[r - 1].noise);
}
