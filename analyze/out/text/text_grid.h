/* SPDX-License-Identifier: MIT */
/*
 * text_grid - a table as text: cells, how wide they may be, and their lines.
 *
 * On the line:  rows + columns -> [text_grid] -> sink
 * Memory:       struct grid is the caller's; grid_build fills it, grid_clear takes it back.
 *
 * Where a terminal is too narrow, numbers are given up whole, in one order for all commands
 * (grid_choose), and texts lose a part (grid_fit): a number is never cut.
 */
#ifndef PYREC_ANALYZE_TEXT_GRID_H
#define PYREC_ANALYZE_TEXT_GRID_H

#include "analyze/base/sink.h"
#include "analyze/view/column.h"

/* The columns of a table, as many as are shown. */
struct grid_columns {
    const struct column *shown[VIEW_COLUMNS_MAX];
    size_t n;
    const struct column *hidden[VIEW_COLUMNS_MAX];
    size_t n_hidden;
    const struct column *kept; /* never given up: what decides the order; NULL = none */
    bool all;                  /* nothing is given up: the user chose them */
};

/* The cells of some rows as text; row 0 is the header. */
struct grid {
    const struct grid_columns *columns;
    char **cells;
    size_t n_rows, n_columns;
};

/* `blank`: what has no value is left blank. */
struct grid grid_build(const struct grid_columns *columns, const struct row *rows, size_t n_rows,
                       int decimals, bool blank, bool ascii);
void grid_clear(struct grid *grid);

/*
 * Give up columns until these grids, which are tables below each other, leave their texts the room
 * that makes them useful in `room` columns. Returns whether any was; then the grids are to be built
 * anew.
 */
bool grid_choose(struct grid_columns *columns, const struct grid *grids, size_t n_grids,
                 size_t room);

/*
 * Make the table at most `room` wide: paths lose their beginning, other texts their end, and names
 * of threads their middle, the widest first. False when so little was left of them that another
 * table had better stand for it, or when it is still too wide.
 */
bool grid_fit(struct grid *grid, size_t room, bool ascii);

/* Write it; rows that are noise are dim. */
void grid_draw(struct sink *to, const struct grid *grid, const struct row *rows);

#endif
