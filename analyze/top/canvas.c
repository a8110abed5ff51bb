/* SPDX-License-Identifier: MIT */
#include "canvas.h"

#include "analyze/base/memory.h"
#include "analyze/base/unicode.h"
#include "analyze/out/text/text_line.h"

#include <stdlib.h>
#include <string.h>

void canvas_size(struct canvas *canvas, int rows, int cols)
{
    const size_t n = (size_t)rows * (size_t)cols;
    if (rows != canvas->rows || cols != canvas->cols) {
        free(canvas->cells);
        canvas->cells = memory_get((n + 1) * sizeof *canvas->cells);
        canvas->rows = rows;
        canvas->cols = cols;
    }
    for (size_t i = 0; i < n; i++)
        canvas->cells[i] = (struct canvas_cell){.text = " "};
}

void canvas_clear(struct canvas *canvas)
{
    free(canvas->cells);
    buffer_clear(&canvas->scratch);
    *canvas = (struct canvas){0};
}

static struct canvas_cell *cell_at(struct canvas *canvas, int row, int col)
{
    return &canvas->cells[(size_t)row * (size_t)canvas->cols + (size_t)col];
}

/* The text as it may be shown, in canvas->scratch, and how many columns it takes. */
static int make_visible(struct canvas *canvas, const char *text)
{
    int width = 0;
    buffer_reset(&canvas->scratch);
    buffer_add_visible(&canvas->scratch, text);
    buffer_add_text(&canvas->scratch, "");
    if (canvas->plain)
        text_line_make_plain(&canvas->scratch);
    uint32_t character;
    for (const char *at = canvas->scratch.text; *at != '\0';) {
        at += unicode_next(at, &character);
        width += (int)unicode_width(character);
    }
    return width;
}

int canvas_put(struct canvas *canvas, int row, int col, int width, const char *text,
               enum canvas_style style)
{
    if (row < 0 || row >= canvas->rows || col < 0 || col >= canvas->cols || width <= 0)
        return col;
    width = width < canvas->cols - col ? width : canvas->cols - col;
    const bool is_cut = make_visible(canvas, text) > width;
    const int end = col + width - is_cut;
    const char *at = canvas->scratch.text;
    while (*at != '\0') {
        uint32_t character;
        const size_t len = unicode_next(at, &character);
        const int wide = (int)unicode_width(character);
        if (wide == 0 ||
            len >= sizeof cell_at(canvas, row, col)->text) { /* it joins the one before */
            at += len;
            continue;
        }
        if (col + wide > end)
            break;
        struct canvas_cell *const cell = cell_at(canvas, row, col);
        memcpy(cell->text, at, len);
        cell->text[len] = '\0';
        cell->style = (uint8_t)style;
        if (wide == 2)
            *cell_at(canvas, row, col + 1) = (struct canvas_cell){.style = (uint8_t)style};
        col += wide;
        at += len;
    }
    if (is_cut && col <= end) {
        struct canvas_cell *const cell = cell_at(canvas, row, col++);
        strcpy(cell->text, canvas->plain ? "~" : "\u2026");
        cell->style = (uint8_t)style;
    }
    return col;
}

int canvas_put_right(struct canvas *canvas, int row, int col, int width, const char *text,
                     enum canvas_style style)
{
    const int wide = make_visible(canvas, text);
    const int skip = wide < width ? width - wide : 0;
    return canvas_put(canvas, row, col + skip, width - skip, text, style);
}

void canvas_style_row(struct canvas *canvas, int row, enum canvas_style style)
{
    for (int col = 0; row >= 0 && row < canvas->rows && col < canvas->cols; col++)
        cell_at(canvas, row, col)->style = (uint8_t)style;
}

void canvas_print(const struct canvas *canvas, struct buffer *text)
{
    for (int row = 0; row < canvas->rows; row++) {
        const size_t begin = text->len;
        for (int col = 0; col < canvas->cols; col++)
            buffer_add_text(text, canvas->cells[row * canvas->cols + col].text);
        while (text->len > begin && text->text[text->len - 1] == ' ')
            text->text[--text->len] = '\0';
        buffer_add_text(text, "\n");
    }
}
