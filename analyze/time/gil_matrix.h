/* SPDX-License-Identifier: MIT */
/*
 * gil_matrix - who waited for whom as a square: waiting threads down, holding threads across.
 *
 * On the line:  gil -> [gil_matrix] -> cmd_gil
 * Threads:      one at a time.
 * Memory:       everything is in the arena that is given; names are the census's.
 *
 * The heaviest threads, by what they waited and what was waited for them, have a row and a column
 * each; what is left is in one of each, "others". A last column is for the time in which nobody
 * held the GIL: it was being handed over, or the holder is not known.
 *
 * Always true:  the cells of a line add up to its `all`, the lines but the last to the last.
 */
#ifndef PYREC_ANALYZE_GIL_MATRIX_H
#define PYREC_ANALYZE_GIL_MATRIX_H

#include "analyze/base/arena.h"
#include "gil.h"

#define GIL_MATRIX_MAX 8 /* threads with a row and a column of their own */

enum {
    GIL_MATRIX_OTHERS = GIL_MATRIX_MAX,
    GIL_MATRIX_NOBODY,
    GIL_MATRIX_CELLS,
};

struct gil_line {
    const char *mark; /* "#3", which stands above its column where the name is too long for that */
    const char *name; /* of its thread; "others", "all" */
    const struct thread *thread; /* NULL: of several */
    struct gil_amount all, cells[GIL_MATRIX_CELLS];
    uint64_t wall_ns; /* its time altogether, where it was seen waiting */
};

struct gil_matrix {
    size_t n_shown;  /* threads with a row of their own */
    size_t n_others; /* the rest */
    struct gil_line *lines;
    size_t n_lines;   /* of those shown, of others (when they waited), of all */
    bool others_held; /* is the column worth showing? */
    bool nobody_held;
};

/* Of a process's entries of the kind GIL_PAIRS, with at most `max` threads by what they weigh under
 * `metric` (gil_amount_by). */
void gil_matrix_build(struct gil_matrix *matrix, struct arena *arena,
                      const struct gil_entry *const *pairs, size_t n_pairs,
                      const struct metric *metric, size_t max);

#endif
