/* SPDX-License-Identifier: MIT */
/*
 * text - tables for people, drawn by libsmartcols.
 *
 * The library aligns and colours. What it cannot do is here: numbers of a column with the same
 * number of decimals, columns that belong together standing close, paths cut from the left to
 * fit a terminal. Names are made harmless before they get near a terminal (text_cell.c), and so is
 * every line of words, as there may be names in it.
 */
#include "../column.h"
#include "../memory.h"
#include "../output.h"
#include "../story.h"
#include "text_cell.h"
#include "text_curve.h"

#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#define RULER_WIDTH 72u

/* Seconds of a close column are at least so wide: the heading is "cpu_time   (cum)". */
#define CLOSE_SECONDS_WIDTH 7

/* What happened is told in milliseconds. */
#define STORY_DECIMALS 3

/* Texts are not cut shorter than this. */
#define TEXT_WIDTH_MIN 16

/* The cells of a group as text; row 0 is the header. */
struct grid {
    char **cells;
    size_t n_rows, n_columns;
};

static char **grid_at(const struct grid *grid, size_t row, size_t column)
{
    return &grid->cells[row * grid->n_columns + column];
}

static void grid_clear(struct grid *grid)
{
    for (size_t i = 0; i < grid->n_rows * grid->n_columns; i++)
        free(grid->cells[i]);
    free(grid->cells);
}

/* "(cum)" belongs to the column on its left; where that is another one, it has a name of its own.
 */
static bool has_own_title(const struct view *view, size_t c)
{
    const struct column *const column = view->columns[c];
    return column->part == PART_CUM && (c == 0 || view->columns[c - 1]->part != PART_SELF ||
                                        view->columns[c - 1]->metric != column->metric);
}

static struct grid grid_build(const struct view *view, const struct group *group, int decimals)
{
    struct grid grid = {NULL, group->n_rows + 1, view->n_columns};
    grid.cells = memory_get(grid.n_rows * grid.n_columns * sizeof(char *));
    for (size_t c = 0; c < grid.n_columns; c++) {
        const struct column *const column = view->columns[c];
        const bool own_title = has_own_title(view, c);
        const bool close = column->close && !own_title, apart = c > 0 && !close;
        const size_t least = close && column->unit == UNIT_SECONDS ? CLOSE_SECONDS_WIDTH : 0;
        *grid_at(&grid, 0, c) = text_padded(own_title ? column->name : column->title, apart, least);
        for (size_t r = 1; r < grid.n_rows; r++) {
            const struct cell cell = column_cell(column, &group->rows[r - 1]);
            if (view->blank &&
                (cell.unit == UNIT_NONE || (cell.unit == UNIT_TEXT && cell.text[0] == '\0'))) {
                *grid_at(&grid, r, c) = text_padded("", apart, 0);
                continue;
            }
            *grid_at(&grid, r, c) = text_of_cell(&cell, decimals, apart, 0);
        }
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

/* Cut the cells of a column by `over` columns, as far as that is allowed; returns by how many. */
static size_t grid_cut(struct grid *grid, size_t column, size_t over, enum text_part part)
{
    const size_t width = grid_width(grid, column);
    const size_t wanted = width > TEXT_WIDTH_MIN + over ? width - over : TEXT_WIDTH_MIN;
    for (size_t r = 1; r < grid->n_rows && width > wanted; r++)
        text_cut(grid_at(grid, r, column), wanted, part);
    return width - grid_width(grid, column);
}

static bool is_path(const struct column *column)
{
    return column->unit == UNIT_PLACE || column->unit == UNIT_PSTATS ||
           column->unit == UNIT_YAPPI || strcmp(column->name, "file") == 0 ||
           strcmp(column->name, "path") == 0;
}

/* What tells the threads of a pool apart is at the end, that of others at the beginning. */
static enum text_part lost_part(const struct column *column)
{
    static const char *const threads[] = {"thread", "waiter", "holder", "other"};
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        if (strcmp(column->name, threads[i]) == 0)
            return TEXT_MIDDLE;
    }
    return is_path(column) ? TEXT_BEGIN : TEXT_END;
}

/*
 * Make the table at most `room` wide: paths lose their beginning, then other texts their end, and
 * names of threads their middle. Numbers are never cut. False when it is still too wide.
 */
static bool grid_fit(struct grid *grid, const struct view *view, size_t room)
{
    size_t total = grid->n_columns - 1;
    for (size_t c = 0; c < grid->n_columns; c++)
        total += grid_width(grid, c);
    for (int paths = 1; paths >= 0; paths--) {
        for (size_t c = 0; c < grid->n_columns && total > room; c++) {
            const struct column *const column = view->columns[c];
            if (unit_is_text(column->unit) && is_path(column) == (paths == 1))
                total -= grid_cut(grid, c, total - room, lost_part(column));
        }
    }
    return total <= room;
}

static void check(bool good)
{
    if (!good) /* libsmartcols fails only without memory */
        memory_fail();
}

static struct libscols_table *table_new(const struct sink *to)
{
    struct libscols_table *const table = scols_new_table();
    check(table != NULL);
    scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
    scols_table_enable_noencoding(table, 1);
    scols_table_enable_colors(table, to->color);
    scols_table_enable_nowrap(table, 1);
    check(scols_table_set_column_separator(table, " ") == 0);
    return table;
}

static void color_cell(struct libscols_line *line, size_t column, const char *color)
{
    struct libscols_cell *const cell = scols_line_get_cell(line, column);
    check(cell != NULL && scols_cell_set_color(cell, color) == 0);
}

/* Print a table without the blanks that fill up its lines, and give it back. */
static void table_print(struct sink *to, struct libscols_table *table)
{
    char *text = NULL;
    check(scols_print_table_to_string(table, &text) == 0);
    for (const char *line = text; line != NULL && *line != '\0';) {
        size_t len = strcspn(line, "\n");
        const size_t whole = len + (line[len] == '\n');
        while (len > 0 && line[len - 1] == ' ')
            len--;
        sink_print(to, "%.*s\n", (int)len, line);
        line += whole;
    }
    free(text);
    scols_unref_table(table);
}

static void draw_grid(struct sink *to, const struct view *view, const struct group *group,
                      const struct grid *grid)
{
    struct libscols_table *const table = table_new(to);
    for (size_t c = 0; c < grid->n_columns; c++) {
        const int flags = unit_is_text(view->columns[c]->unit) ? 0 : SCOLS_FL_RIGHT;
        check(scols_table_new_column(table, *grid_at(grid, 0, c), 0, flags) != NULL);
    }
    for (size_t r = 1; r < grid->n_rows; r++) {
        struct libscols_line *const line = scols_table_new_line(table, NULL);
        check(line != NULL);
        if (to->color && group->rows[r - 1].noise)
            check(scols_line_set_color(line, "halfbright") == 0);
        for (size_t c = 0; c < grid->n_columns; c++) {
            const char *const text = *grid_at(grid, r, c);
            check(scols_line_set_data(line, c, text) == 0);
            if (to->color && text_is_nothing(text))
                color_cell(line, c, "halfbright");
        }
    }
    table_print(to, table);
}

/* As many decimals for the whole view as its largest time leaves room for in seven characters. */
static int choose_decimals(const struct view *view)
{
    int64_t largest_ns = 0, limit_ns = INT64_C(10000000000);
    int decimals = 5;
    for (size_t g = 0; g < view->n_groups; g++) {
        for (size_t r = 0; r < view->groups[g].n_rows; r++) {
            for (size_t c = 0; c < view->n_columns; c++) {
                const struct cell cell = column_cell(view->columns[c], &view->groups[g].rows[r]);
                if (cell.unit == UNIT_SECONDS && cell.n > largest_ns)
                    largest_ns = cell.n;
            }
        }
    }
    for (; decimals > 1 && largest_ns >= limit_ns; limit_ns *= 10)
        decimals--;
    return decimals;
}

static void write_heading(struct sink *to, const char *heading)
{
    struct buffer visible = {0};
    buffer_add_visible(&visible, heading);
    sink_print(to, to->color ? "\033[1m%s\033[0m\n" : "%s\n", visible.text);
    buffer_clear(&visible);
}

static void write_ruler(struct sink *to)
{
    const unsigned width = to->width > 0 && to->width < RULER_WIDTH ? to->width : RULER_WIDTH;
    for (unsigned i = 0; i < width; i++)
        putc('-', to->file);
    putc('\n', to->file);
}

static void write_left_out(struct sink *to, const char *before, size_t n, const char *what)
{
    if (n > 0)
        sink_print(to, "%s(%zu more %s%s; --limit 0 shows all)\n", before, n, what,
                   n == 1 ? "" : "s");
}

static void write_closing(struct sink *to, const char *closing)
{
    if (closing != NULL)
        sink_print(to, to->color ? "\033[2m%s\033[0m\n" : "%s\n", closing);
}

static void write_table(struct sink *to, const struct view *view)
{
    const int decimals = choose_decimals(view);
    for (size_t g = 0; g < view->n_groups; g++) {
        const struct group *const group = &view->groups[g];
        if (g > 0)
            sink_text(to, "\n");
        if (group->heading != NULL) {
            write_heading(to, group->heading);
            write_ruler(to);
        }
        struct grid grid = grid_build(view, group, decimals);
        if (to->width > 0)
            (void)grid_fit(&grid, view, to->width);
        draw_grid(to, view, group, &grid);
        grid_clear(&grid);
        write_left_out(to, "", group->n_left_out, "row");
        write_closing(to, group->closing);
    }
    write_left_out(to, "\n", view->n_groups_left_out, "table");
}

/*
 * A part is drawn as the table of a view would be. False: nothing was written, as it is too wide
 * and may not be.
 */
static bool write_part(struct sink *to, const struct part *part, bool may_be_wide, int decimals)
{
    struct view view = {.n_columns = part->n_shown};
    const struct group group = {.rows = part->rows, .n_rows = part->n_rows};
    for (size_t i = 0; i < part->n_shown; i++)
        view.columns[i] = part->columns[i];
    struct grid grid = grid_build(&view, &group, decimals);
    const bool fits = to->width == 0 || grid_fit(&grid, &view, to->width);
    if (fits || may_be_wide) {
        if (part->title != NULL)
            sink_print(to, "\n%s\n", part->title);
        draw_grid(to, &view, &group, &grid);
        write_left_out(to, "", part->n_left_out, "row");
    }
    grid_clear(&grid);
    return fits || may_be_wide;
}

/* Of parts that can stand for each other the first one that is not too wide, else the last. */
static void write_parts(struct sink *to, const struct story *story)
{
    bool written = false;
    for (size_t i = 0; i < story->n_parts; i++) {
        const struct part *const part = &story->parts[i];
        const bool is_last = i + 1 == story->n_parts || !story->parts[i + 1].instead;
        if (!part->instead || !written)
            written = write_part(to, part, is_last, STORY_DECIMALS);
    }
}

static void write_line(struct sink *to, const char *text)
{
    struct buffer visible = {0};
    buffer_add_visible(&visible, text);
    sink_print(to, "%s\n", visible.text);
    buffer_clear(&visible);
}

static void write_stories(struct sink *to, const struct view *view)
{
    for (size_t i = 0; i < view->n_leads; i++)
        write_line(to, view->leads[i]);
    for (size_t s = 0; s < view->n_stories; s++) {
        const struct story *const story = &view->stories[s];
        if (s > 0 || view->n_leads > 0)
            sink_text(to, "\n");
        if (story->heading != NULL) {
            write_heading(to, story->heading);
            write_ruler(to);
        }
        for (size_t i = 0; i < story->n_lines; i++)
            write_line(to, story->lines[i]);
        write_parts(to, story);
    }
    if (view->n_stories_left_out > 0)
        sink_print(to, "\n(%zu more; --limit 0 shows all)\n", view->n_stories_left_out);
}

static void write_section(struct sink *to, const struct section *section)
{
    struct libscols_table *const table = table_new(to);
    write_heading(to, section->heading);
    scols_table_enable_noheadings(table, 1);
    for (int c = 0; c < 3; c++)
        check(scols_table_new_column(table, "", 0, 0) != NULL);
    for (size_t i = 0; i < section->n_facts; i++) {
        const struct fact *const fact = &section->facts[i];
        struct libscols_line *const line = scols_table_new_line(table, NULL);
        char *const name = text_of_name(fact->name), *const value = text_of_fact(&fact->value);
        struct buffer note = {0};
        buffer_add_visible(&note, fact->note != NULL ? fact->note : "");
        check(line != NULL && scols_line_set_data(line, 0, name) == 0 &&
              scols_line_set_data(line, 1, value) == 0 &&
              scols_line_set_data(line, 2, note.text) == 0);
        if (to->color)
            color_cell(line, 2, "halfbright");
        free(name);
        free(value);
        buffer_clear(&note);
    }
    table_print(to, table);
}

/* Rows of a log are written as they come: columns keep a width, but the last grows. */
static void write_log(struct sink *to, const struct view *view)
{
    struct row row;
    while (view->next(view->closure, &row)) {
        for (size_t c = 0; c < view->n_columns; c++) {
            const struct cell cell = column_cell(view->columns[c], &row);
            char *const text =
                text_of_log_cell(&cell, view->columns[c]->unit, c + 1 == view->n_columns);
            sink_print(to, "%s%s", c > 0 ? "  " : "", text);
            free(text);
        }
        sink_text(to, "\n");
    }
}

static enum status text_write(struct sink *to, const struct view *view, struct problem *why)
{
    (void)why;
    if (view->shape == SHAPE_TABLE)
        write_table(to, view);
    else if (view->shape == SHAPE_LOG)
        write_log(to, view);
    else if (view->shape == SHAPE_STORY)
        write_stories(to, view);
    else if (view->shape == SHAPE_CURVES)
        text_write_curves(to, view);
    for (size_t i = 0; i < view->n_sections; i++) {
        if (i > 0)
            sink_text(to, "\n");
        write_section(to, &view->sections[i]);
    }
    for (size_t i = 0; i < view->n_notes; i++) {
        if (i == 0 && view->n_groups + view->n_stories > 0)
            sink_text(to, "\n");
        write_line(to, view->notes[i]);
    }
    return STATUS_OK;
}

const struct output output_text = {
    .name = "text",
    .help = "a table for people",
    .accepts = SHAPE_TABLE | SHAPE_LOG | SHAPE_FACTS | SHAPE_STORY | SHAPE_CURVES,
    .write = text_write,
};
