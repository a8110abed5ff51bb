/* SPDX-License-Identifier: MIT */
/*
 * column - what can stand in a table, and how it is found in a row.
 *
 * On the line:  view rows -> [column] -> cell -> output
 *
 * To add one: a row in column.c's table (a metric's two columns come from metric.h by themselves).
 * --columns, --sort, their checks, "did you mean", help and man page come from the table. The
 * names are what csv and json say: they never change.
 */
#ifndef PYREC_ANALYZE_COLUMN_H
#define PYREC_ANALYZE_COLUMN_H

#include "format/status.h"
#include "view.h"

/* What a row can be; a column says for which it knows a value. */
enum row_kind {
    ROW_PLACE = 1 << 0,
    ROW_THREAD = 1 << 1,
    ROW_SAMPLE = 1 << 2,
    ROW_PROCESS = 1 << 3,
    ROW_STACK = 1 << 4, /* of a thread, with all its frames */
    ROW_DIFF = 1 << 5,
    ROW_GIL = 1 << 6,
    ROW_STALL = 1 << 7,
    ROW_STALL_LINE = 1 << 8,
    ROW_TREE = 1 << 9,    /* a place in a tree */
    ROW_PATH = 1 << 10,   /* a path through it */
    ROW_SOURCE = 1 << 11, /* a line of a source file */
    ROW_COMPARE = 1 << 12,
    ROW_BIN = 1 << 13,
    ROW_IDLE = 1 << 14,      /* a thread whose stalls were asked for */
    ROW_IDLE_LINE = 1 << 15, /* where it may wait for work */
    ROW_PHASE = 1 << 16,     /* of a program; or a label */
    ROW_OBJECT = 1 << 18,    /* a file with C functions */
    ROW_AWAIT = 1 << 19,     /* tasks that wait alike */
    ROW_TASK = 1 << 17,      /* what a thread did in tasks of one name; its place: where most */
};

enum column_part {
    PART_NONE, /* has a get() */
    PART_SELF, /* the metric where the place is the leaf */
    PART_CUM,  /* .. of stacks that contain it, once per stack */
};

struct column {
    const char *name;  /* for programs */
    const char *title; /* above the column, for humans */
    const char *help;
    unsigned rows; /* enum row_kind */
    enum cell_unit unit;
    bool close;       /* belongs to the column on its left and stands close to it */
    bool only_if_any; /* a number; not shown to humans, unless asked for, where all rows have 0 */
    enum column_part part;
    enum metric_id metric;
    struct cell (*get)(const struct row *row);

    /* Of columns that a command makes for one table: their number in it, asked for with that. */
    struct cell (*get_nth)(const struct row *row, const struct column *column);
    size_t nth;
};

struct cell column_cell(const struct column *column, const struct row *row);

/* Whether one of these rows has a number other than 0 there. */
bool column_has_any(const struct column *column, const struct row *rows, size_t n_rows);

/* By name; NULL when there is none that knows rows of this kind. */
const struct column *column_find(const char *name, enum row_kind kind);

/* The i-th name of all; NULL behind the last. */
const char *column_name(size_t i);
const struct column *column_get(size_t i);

/* Likewise of the tables of other files; column_get() goes through all. */
const struct column *column_tree_get(size_t i);
const struct column *column_source_get(size_t i);
const struct column *column_diff_get(size_t i);
const struct column *column_time_get(size_t i);
const struct column *column_phase_get(size_t i);
const struct column *column_await_get(size_t i);
const struct column *column_compare_get(size_t i);
const struct column *column_debug_get(size_t i);
const struct column *column_style_get(size_t i); /* those of other tools' tables */

/*
 * Turn a list of names "a,b,c" into columns. STATUS_USAGE names the one that is wrong and, if it
 * can, the one that was meant; `option` is what the list belongs to.
 */
MUST_CHECK enum status columns_parse(const char *list, enum row_kind kind, const char *option,
                                     const struct column *columns[VIEW_COLUMNS_MAX],
                                     size_t *n_columns, struct problem *why);

#endif
