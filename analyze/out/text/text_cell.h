/* SPDX-License-Identifier: MIT */
/*
 * text_cell - a cell as people read it.
 *
 * On the line:  inside the text output.
 * Memory:       every char * that is returned is the caller's to free.
 *
 * Always true:  no text contains a character that a terminal acts upon.
 */
#ifndef PYREC_ANALYZE_TEXT_CELL_H
#define PYREC_ANALYZE_TEXT_CELL_H

#include "analyze/model/cell.h"

/* Columns of a terminal that a text takes. */
size_t text_width(const char *text);

/* A text with a blank before it when it shall stand apart, and at least `least` wide. */
char *text_padded(const char *text, bool apart, size_t least);

/* Of a table: seconds with that many decimals. */
char *text_of_cell(const struct cell *cell, int decimals, bool apart, size_t least);

/* Of a log; the last one of a line is not filled up. */
char *text_of_log_cell(const struct cell *cell, enum cell_unit unit, bool last);

/* A named value, with its unit behind it; and the name, with blanks for underscores. */
char *text_of_fact(const struct cell *cell);
char *text_of_name(const char *name);

/* Where a text loses something. */
enum text_part {
    TEXT_BEGIN,
    TEXT_MIDDLE,
    TEXT_END,
    TEXT_FRAMES, /* "a > b > c": the outer ones, and how many they are is told */
};

/* Shorten *text to `width` columns and show where. */
void text_cut(char **text, size_t width, enum text_part part, bool ascii);

/* Is it "-" or a zero, to be shown dimly? */
bool text_is_nothing(const char *text);

#endif
