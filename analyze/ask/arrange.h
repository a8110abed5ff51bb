/* SPDX-License-Identifier: MIT */
/*
 * arrange - columns, order and number of rows, as the user wants them.
 *
 * On the line:  view -> [arrange] -> the same view, ready for an output
 * Memory:       borrows from args and the tables.
 *
 * What was asked for is checked before the trace is read, which can take a while.
 */
#ifndef PYREC_ANALYZE_ARRANGE_H
#define PYREC_ANALYZE_ARRANGE_H

#include "analyze/cli/args.h"
#include "analyze/cli/command.h"
#include "analyze/cli/output.h"
#include "analyze/view/screen.h"

#define ARRANGE_SORT_MAX 16

struct arrangement {
    const struct output *output;
    const struct column *columns[VIEW_COLUMNS_MAX];
    size_t n_columns;
    const struct column *sort[ARRANGE_SORT_MAX];
    size_t n_sort;
    bool limit_given, columns_given;
    size_t limit;
    bool full_paths;
    bool keeps_empty;           /* columns that were asked for */
    const struct metric *asked; /* by --by: its columns are kept, too */
    bool folded;                /* chains of calls in trees are folded */
};

/* STATUS_USAGE for a column or output that the command does not have. */
MUST_CHECK enum status arrangement_make(struct arrangement *arrangement, const struct args *args,
                                        struct problem *why);

/* For a screen of that size; where there is none (height 0) for one that can be scrolled. */
void arrangement_apply(const struct arrangement *arrangement, struct view *view,
                       const struct screen *screen);

#endif
