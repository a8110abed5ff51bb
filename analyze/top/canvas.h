/* SPDX-License-Identifier: MIT */
/*
 * canvas - a screen as cells, before a terminal or a file gets it.
 *
 * On the line:  top_draw -> [canvas] -> a terminal (top_terminal), text (--batch), tests
 * Threads:      one.
 * Memory:       struct canvas is the caller's, zeroed; canvas_size makes room, canvas_clear takes
 *               it.
 *
 * Always true:  nothing on it can do anything to a terminal: control characters and marks that turn
 *               text round are escapes by then, and a plain canvas is all ASCII. What does not fit
 *               is cut, never in the middle of a wide character.
 */
#ifndef PYREC_ANALYZE_CANVAS_H
#define PYREC_ANALYZE_CANVAS_H

#include "analyze/base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

enum canvas_style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_TITLE, /* of a table, and the first line */
    STYLE_CPU,
    STYLE_GIL,
    STYLE_ALARM,
    STYLE_CHOSEN, /* the row that the cursor is on */
    STYLE_COUNT
};

struct canvas_cell {
    char text[8]; /* a character; "" = the right half of a wide one */
    uint8_t style;
};

struct canvas {
    int rows, cols;
    bool plain; /* ASCII only */
    struct canvas_cell *cells;
    struct buffer scratch;
};

/* Make it so large, and empty. */
void canvas_size(struct canvas *canvas, int rows, int cols);
void canvas_clear(struct canvas *canvas);

/*
 * Put text at a place, at most `width` columns of it; what is cut ends with a mark. The result is
 * the column behind it. Outside of the canvas nothing happens.
 */
int canvas_put(struct canvas *canvas, int row, int col, int width, const char *text,
               enum canvas_style style);

/* Likewise, against the right end of the `width` columns. */
int canvas_put_right(struct canvas *canvas, int row, int col, int width, const char *text,
                     enum canvas_style style);

/* Give a whole row a style. */
void canvas_style_row(struct canvas *canvas, int row, enum canvas_style style);

/* The rows as text, without blanks at their ends. */
void canvas_print(const struct canvas *canvas, struct buffer *text);

#endif
