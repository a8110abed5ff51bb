/* SPDX-License-Identifier: MIT */
/*
 * text - what people read: tables, stories, facts and logs, not wider than the terminal.
 *
 * Numbers of a column have the same number of decimals, columns that belong together stand close
 * (text_grid.c). Names are made harmless before they get near a terminal (text_cell.c), and so is
 * every line of words, as there may be names in it (text_line.c).
 */
#include "analyze/base/memory.h"
#include "analyze/cli/output.h"
#include "analyze/view/column.h"
#include "analyze/view/story.h"
#include "text_cell.h"
#include "text_curve.h"
#include "text_grid.h"
#include "text_line.h"

#include <stdlib.h>
#include <string.h>

#define RULER_WIDTH 72u

/* What happened is told in milliseconds. */
#define STORY_DECIMALS 3

/* A line of a log goes on behind so many blanks. */
#define LOG_INDENT 4

/* A table of a story with fewer rows is worth less than none. */
#define ROWS_WORTH 3u

/* What of a story's tables is written: so many rows of each, and so many of them. Of the leads: so
 * many lines. */
struct portion {
    size_t rows, parts, lines;
};

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

static void write_ruler(struct sink *to)
{
    const unsigned width = to->width > 0 && to->width < RULER_WIDTH ? to->width : RULER_WIDTH;
    for (unsigned i = 0; i < width; i++)
        putc('-', to->file);
    putc('\n', to->file);
}

static void write_heading(struct sink *to, const char *heading)
{
    text_line_write(to, heading, 2, TEXT_BOLD);
}

static void write_left_out(struct sink *to, const char *before, size_t n, const char *what)
{
    if (n > 0)
        sink_print(to, "%s(%zu more %s%s; --limit 0 shows all)\n", before, n, what,
                   n == 1 ? "" : "s");
}

/* Which numbers the terminal had no room for. */
static void write_hidden(struct sink *to, const struct grid_columns *columns, bool may_choose)
{
    struct buffer text = {0};
    if (columns->n_hidden == 0)
        return;
    buffer_add_text(&text, "Hidden: ");
    for (size_t i = 0; i < columns->n_hidden; i++)
        buffer_print(&text, "%s%s", i > 0 ? ", " : "", columns->hidden[i]->name);
    buffer_print(&text, "; a wider terminal%s shows them", may_choose ? " or --columns" : "");
    text_line_write(to, text.text, 0, TEXT_DIM);
    buffer_clear(&text);
}

/* The tables of a view, each as its own text. */
static void build_grids(struct grid *grids, const struct grid_columns *columns,
                        const struct view *view, int decimals, bool ascii)
{
    for (size_t g = 0; g < view->n_groups; g++) {
        const struct group *const group = &view->groups[g];
        grid_clear(&grids[g]);
        grids[g] = grid_build(columns, group->rows, group->n_rows, decimals, view->blank, ascii);
    }
}

static void write_group(struct sink *to, const struct group *group, struct grid *grid)
{
    if (group->heading != NULL) {
        write_heading(to, group->heading);
        write_ruler(to);
    }
    if (to->width > 0)
        (void)grid_fit(grid, to->width, to->ascii);
    grid_draw(to, grid, group->rows);
    write_left_out(to, "", group->n_left_out, "row");
    if (group->closing != NULL)
        text_line_write(to, group->closing, 0, TEXT_DIM);
}

static void write_table(struct sink *to, const struct view *view)
{
    const int decimals = choose_decimals(view);
    struct grid_columns columns = {
        .n = view->n_columns, .kept = view->ordered_by, .all = view->columns_given};
    struct grid *const grids = memory_get(view->n_groups * sizeof *grids);
    memcpy(columns.shown, view->columns, sizeof columns.shown);
    build_grids(grids, &columns, view, decimals, to->ascii);
    if (to->width > 0 && grid_choose(&columns, grids, view->n_groups, to->width))
        build_grids(grids, &columns, view, decimals, to->ascii);
    for (size_t g = 0; g < view->n_groups; g++) {
        if (g > 0)
            sink_text(to, "\n");
        write_group(to, &view->groups[g], &grids[g]);
        grid_clear(&grids[g]);
    }
    write_hidden(to, &columns, true);
    write_left_out(to, view->n_groups > 0 ? "\n" : "", view->n_groups_left_out, "table");
    free(grids);
}

/*
 * A part is drawn as the table of a view would be. False: nothing was written, as it is too wide
 * and may not be.
 */
static bool write_part(struct sink *to, const struct part *part, bool may_be_wide, size_t most)
{
    struct grid_columns columns = {0};
    const size_t n_rows = part->n_rows < most ? part->n_rows : most;
    for (size_t i = 0; i < part->n_shown; i++) {
        const struct column *const column = part->columns[i];
        if (!column->only_if_any || column_has_any(column, part->rows, part->n_rows))
            columns.shown[columns.n++] = column;
    }
    struct grid grid = grid_build(&columns, part->rows, n_rows, STORY_DECIMALS, false, to->ascii);
    if (to->width > 0 && may_be_wide && grid_choose(&columns, &grid, 1, to->width)) {
        grid_clear(&grid);
        grid = grid_build(&columns, part->rows, n_rows, STORY_DECIMALS, false, to->ascii);
    }
    const bool fits = to->width == 0 || grid_fit(&grid, to->width, to->ascii);
    if (fits || may_be_wide) {
        if (part->title != NULL) {
            sink_text(to, "\n");
            text_line_write(to, part->title, 2, TEXT_NORMAL);
        }
        grid_draw(to, &grid, part->rows);
        write_hidden(to, &columns, false);
        write_left_out(to, "", part->n_left_out + part->n_rows - n_rows, "row");
    }
    grid_clear(&grid);
    return fits || may_be_wide;
}

/* Of parts that can stand for each other the first one that is not too wide, else the last. */
static void write_parts(struct sink *to, const struct story *story, const struct portion *portion)
{
    bool written = false;
    const size_t n = story->n_parts < portion->parts ? story->n_parts : portion->parts;
    for (size_t i = 0; i < n; i++) {
        const struct part *const part = &story->parts[i];
        const bool is_last = i + 1 == story->n_parts || !story->parts[i + 1].instead;
        if (!part->instead || !written)
            written = write_part(to, part, is_last, portion->rows);
    }
    write_left_out(to, "\n", story->n_parts - n, "table");
}

static void write_story(struct sink *to, const struct story *story, const struct portion *portion)
{
    if (story->heading != NULL) {
        write_heading(to, story->heading);
        write_ruler(to);
    }
    for (size_t i = 0; i < story->n_lines; i++)
        text_line_write(to, story->lines[i], 6, TEXT_NORMAL);
    write_parts(to, story, portion);
}

static size_t count_lines(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += text[i] == '\n';
    return n;
}

/* The same terminal, but what is written goes to *text, until sink_part_end(). */
static struct sink sink_part(const struct sink *to, char **text, size_t *len)
{
    struct sink part = *to;
    part.file = open_memstream(text, len);
    if (part.file == NULL)
        memory_fail();
    return part;
}

static void sink_part_end(struct sink *part)
{
    if (fclose(part->file) != 0)
        memory_fail();
}

/* Lines that a text takes on that terminal. */
static size_t count_broken(const struct sink *to, const char *line, size_t indent)
{
    char *text = NULL;
    size_t len = 0;
    struct sink part = sink_part(to, &text, &len);
    text_line_write(&part, line, indent, TEXT_NORMAL);
    sink_part_end(&part);
    const size_t n = count_lines(text, len);
    free(text);
    return n;
}

/* Of the leads those that fit into so many lines, and how many do not. */
static void write_leads(struct sink *to, const struct view *view, size_t lines)
{
    const size_t kept = view->n_leads > 0 && view->last_lead_stays ? 1 : 0;
    const size_t n = view->n_leads - kept;
    size_t end = 0, used = kept ? count_broken(to, view->leads[n], 2) : 0;
    for (; end < n; end++) {
        used += count_broken(to, view->leads[end], 2);
        if (end > 0 && used + (end + 1 < n) > lines)
            break;
        text_line_write(to, view->leads[end], 2, TEXT_NORMAL);
    }
    if (end < n)
        write_left_out(to, "", n - end, "such line");
    if (kept)
        text_line_write(to, view->leads[n], 2, TEXT_NORMAL);
}

/* The leads, or that portion of story s - 1, as text of the heap. */
static char *render(const struct sink *to, const struct view *view, size_t s,
                    const struct portion *portion, size_t *n_lines)
{
    char *text = NULL;
    size_t len = 0;
    struct sink part = sink_part(to, &text, &len);
    if (s == 0)
        write_leads(&part, view, portion->lines);
    if (s > 1 || (s > 0 && view->n_leads > 0))
        sink_text(&part, "\n");
    if (s > 0)
        write_story(&part, &view->stories[s - 1], portion);
    sink_part_end(&part);
    *n_lines = count_lines(text, len);
    return text;
}

/* Fewer rows, fewer tables, and only then hardly any rows. False: it cannot be smaller. */
static bool make_smaller(struct portion *portion, size_t n_parts)
{
    if (portion->parts > n_parts)
        portion->parts = n_parts;
    if (portion->rows > ROWS_WORTH)
        portion->rows--;
    else if (portion->parts > 1)
        portion->parts--;
    else if (portion->rows > 1)
        portion->rows--;
    else
        return false;
    return true;
}

/*
 * Write the leads and stories that a screen has room for; one story at least, and its tables with
 * fewer rows where it alone is too long. On what is no screen all of it is written. Returns how
 * many stories were.
 */
static size_t write_fitting(struct sink *to, const struct view *view)
{
    const bool may_leave_out = view->n_stories > 1 || view->n_stories_left_out > 0;
    size_t used = may_leave_out ? 3 : 1; /* the prompt, an empty line and how many are left out */
    for (size_t i = 0; i < view->n_notes; i++)
        used += count_broken(to, view->notes[i], 0);
    used += view->n_notes > 0;                      /* an empty line before them */
    for (size_t s = 0; s <= view->n_stories; s++) { /* the leads are before the first */
        const size_t height = view->screen_lines;
        struct portion portion = {height > 0 ? height : SIZE_MAX, SIZE_MAX, SIZE_MAX};
        if (s == 0 && height > 0) /* a third of the screen, or what no story needs */
            portion.lines = view->n_stories > 0 ? height / 3 : height > used ? height - used : 1;
        size_t n_lines;
        char *text = render(to, view, s, &portion, &n_lines);
        while (s == 1 && height > 0 && used + n_lines > height &&
               make_smaller(&portion, view->stories[0].n_parts)) {
            free(text);
            text = render(to, view, s, &portion, &n_lines);
        }
        used += n_lines;
        const bool fits = view->screen_lines == 0 || s <= 1 || used <= view->screen_lines;
        if (fits)
            sink_text(to, text);
        free(text);
        if (!fits)
            return s - 1;
    }
    return view->n_stories;
}

static void write_stories(struct sink *to, const struct view *view)
{
    const size_t written = write_fitting(to, view);
    const size_t left_out = view->n_stories_left_out + view->n_stories - written;
    write_left_out(to, "\n", left_out, "table");
}

/* The name, and behind it value and note; where that is too long the rest stands below the value.
 */
static void write_fact(struct sink *to, const struct fact *fact, size_t name_width,
                       size_t value_width)
{
    char *const name = text_of_name(fact->name), *const value = text_of_fact(&fact->value);
    struct buffer line = {0};
    const bool has_note = fact->note != NULL && fact->note[0] != '\0';
    buffer_print(&line, "%s%*s %s", name, (int)(name_width - text_width(name)), "", value);
    const size_t fill = value_width > text_width(value) ? value_width - text_width(value) : 0;
    if (has_note)
        buffer_print(&line, "%*s %s", (int)fill, "", fact->note);
    text_line_write(to, line.text, name_width + 1, TEXT_NORMAL);
    buffer_clear(&line);
    free(name);
    free(value);
}

static void write_section(struct sink *to, const struct section *section)
{
    size_t name_width = 0, value_width = 0;
    for (size_t i = 0; i < section->n_facts; i++) {
        char *const name = text_of_name(section->facts[i].name);
        char *const value = text_of_fact(&section->facts[i].value);
        const size_t width = text_width(name), wide = text_width(value);
        name_width = width > name_width ? width : name_width;
        if (section->facts[i].note != NULL)
            value_width = wide > value_width ? wide : value_width;
        free(name);
        free(value);
    }
    write_heading(to, section->heading);
    for (size_t i = 0; i < section->n_facts; i++)
        write_fact(to, &section->facts[i], name_width, value_width);
}

/* Rows of a log are written as they come: columns keep a width, but the last grows. */
static void write_log(struct sink *to, const struct view *view)
{
    struct row row;
    struct buffer line = {0};
    while (view->next(view->closure, &row)) {
        buffer_reset(&line);
        for (size_t c = 0; c < view->n_columns; c++) {
            const struct cell cell = column_cell(view->columns[c], &row);
            char *const text =
                text_of_log_cell(&cell, view->columns[c]->unit, c + 1 == view->n_columns);
            buffer_print(&line, "%s%s", c > 0 ? "  " : "", text);
            free(text);
        }
        text_line_write(to, line.text, LOG_INDENT, TEXT_NORMAL);
    }
    buffer_clear(&line);
}

static enum status text_write(struct sink *to, const struct view *view, struct problem *why)
{
    (void)why;
    if (view->headline != NULL)
        text_line_write(to, view->headline, 2, TEXT_NORMAL);
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
        text_line_write(to, view->notes[i], 0, TEXT_NORMAL);
    }
    return STATUS_OK;
}

const struct output output_text = {
    .name = "text",
    .help = "a table for people",
    .accepts = SHAPE_TABLE | SHAPE_LOG | SHAPE_FACTS | SHAPE_STORY | SHAPE_CURVES,
    .write = text_write,
};
