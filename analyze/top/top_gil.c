/* SPDX-License-Identifier: MIT */
/* Who waited for whose GIL, as a square: who waited down, who held it across. */
#include "top.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CELL 8

/* Columns of the square: a thread's place in it, GIL_MATRIX_OTHERS or _NOBODY. */
struct columns {
    size_t at[GIL_MATRIX_CELLS];
    size_t n;
};

static struct columns choose_columns(const struct gil_matrix *matrix, int room)
{
    struct columns columns = {.n = 0};
    const size_t n_last = (size_t)matrix->others_held + matrix->nobody_held;
    const size_t room_for = room > CELL ? (size_t)(room / CELL) : 1;
    const size_t max = room_for > n_last ? room_for - n_last : 1; /* threads */
    for (size_t i = 0; i < matrix->n_shown && columns.n < max; i++)
        columns.at[columns.n++] = i;
    if (matrix->others_held && columns.n < room_for)
        columns.at[columns.n++] = GIL_MATRIX_OTHERS;
    if (matrix->nobody_held && columns.n < room_for)
        columns.at[columns.n++] = GIL_MATRIX_NOBODY;
    return columns;
}

static void put_number(struct canvas *canvas, int row, int col, int width, double number,
                       const char *format, bool is_known)
{
    char text[32] = "";
    if (is_known)
        snprintf(text, sizeof text, format, number);
    canvas_put_right(canvas, row, col, width, text, STYLE_PLAIN);
}

static void draw_line(const struct live_model *m, struct canvas *canvas, int row, int name,
                      const struct columns *columns, size_t number)
{
    const struct gil_line *const line = &m->gil.matrix.lines[number];
    int col = line->mark[0] != '\0' ? 3 : 0;
    canvas_put(canvas, row, 0, col, line->mark, STYLE_DIM);
    canvas_put(canvas, row, col, name - col, line->name, STYLE_PLAIN);
    col = name;
    put_number(canvas, row, col, 7, 100 * m->gil.held[line->thread != NULL ? number : 0], "%.1f",
               line->thread != NULL);
    put_number(canvas, row, col + 7, 9, (double)line->all.waited_ns / 1e9, "%.3f", true);
    put_number(canvas, row, col + 16, 7, 100 * (double)line->all.waited_ns / (double)line->wall_ns,
               "%.1f", line->wall_ns > 0);
    col += 24;
    for (size_t i = 0; i < columns->n; i++, col += CELL) {
        const uint64_t ns = line->cells[columns->at[i]].waited_ns;
        if (ns == 0)
            canvas_put_right(canvas, row, col, CELL, canvas->plain ? "." : "\u00b7", STYLE_DIM);
        else
            put_number(canvas, row, col, CELL, (double)ns / 1e9, "%.3f", true);
    }
}

void top_draw_gil(const struct top *top, struct canvas *canvas)
{
    const struct live_model *const m = &top->model;
    const struct gil_matrix *const matrix = &m->gil.matrix;
    const int name = canvas->cols >= 120 ? 30 : canvas->cols >= 60 ? 20 : 14;
    struct buffer line = {0};
    buffer_print(&line, "the GIL, last %" PRIu64 " s: ", m->to - m->from);
    if (!m->gil_known)
        buffer_add_text(&line, "not known who held it");
    else
        buffer_print(&line, "held %.0f %% of the time, %.1f threads waited", 100 * m->held,
                     m->waiting);
    if (m->gil.n_more > 0)
        buffer_print(&line, "; process %" PRIu32 ", where most was waited, of %zu",
                     m->gil.process->pid, m->gil.n_more + 1);
    canvas_put(canvas, 2, 0, canvas->cols, line.text, STYLE_BOLD);
    buffer_clear(&line);
    if (m->gil.process == NULL) {
        canvas_put(canvas, 4, 0, canvas->cols, "nobody waited for it", STYLE_DIM);
        return;
    }
    const struct columns columns = choose_columns(matrix, canvas->cols - name - 24);
    canvas_put(canvas, 4, 0, name, "down: who waited", STYLE_TITLE);
    canvas_put_right(canvas, 4, name, 7, "holds%", STYLE_TITLE);
    canvas_put_right(canvas, 4, name + 7, 9, "waited s", STYLE_TITLE);
    canvas_put_right(canvas, 4, name + 16, 7, "time%", STYLE_TITLE);
    for (size_t i = 0; i < columns.n; i++) {
        const size_t at = columns.at[i];
        canvas_put_right(canvas, 4, name + 24 + (int)i * CELL, CELL,
                         at == GIL_MATRIX_OTHERS   ? "others"
                         : at == GIL_MATRIX_NOBODY ? "nobody"
                                                   : matrix->lines[at].mark,
                         STYLE_TITLE);
    }
    for (size_t i = 0; i < matrix->n_lines && (int)i + 5 < canvas->rows - 1; i++)
        draw_line(m, canvas, (int)i + 5, name, &columns, i);
    const int below = (int)matrix->n_lines + 6;
    if (below < canvas->rows - 1)
        canvas_put(canvas, below, 0, canvas->cols,
                   "seconds; across: for whom, that is who held it meanwhile. holds%: of the time",
                   STYLE_DIM);
}
