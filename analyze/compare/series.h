/* SPDX-License-Identifier: MIT */
/*
 * series - what every row of a recording weighs, block of time by block of time.
 *
 * On the line:  trace -> select -> [series] -> diff
 * Threads:      one at a time.
 * Memory:       series_read gives one struct series per recording, series_clear takes it. 8 bytes
 *               per row and block; a sample leaves nothing else behind.
 *
 * A row has a number, the same in all recordings that are read with the same names. A function is
 * known by its file and qualified name, a line also by how far it is below the first line of its
 * function: so a row is found again where code above the function has come or gone. Several
 * functions of one name in a file (lambdas) are one row. Digits in names of threads are alike:
 * which worker of a pool takes a task is chance. A path is a function and how one comes to it, from
 * function to function: its number is a node of a tree whose places are numbers of functions.
 *
 * Always true:  per block, the self weights of all rows add up to `whole`; CPU goes where a
 *               profile of the same trace puts it.
 */
#ifndef PYREC_ANALYZE_SERIES_H
#define PYREC_ANALYZE_SERIES_H

#include "analyze/model/metric.h"
#include "analyze/model/select.h"
#include "analyze/model/symbols.h"
#include "analyze/model/tree.h"
#include "analyze/read/trace.h"

enum series_key {
    SERIES_FUNCTION,
    SERIES_LINE,
    SERIES_FILE,
    SERIES_THREAD,
    SERIES_PATH, /* always cumulative: a path contains all that are longer */
};

struct series_row {
    double *blocks; /* in the metric's unit; seconds in ns */
    double total;
    uint64_t samples; /* that weigh something */
    uint32_t line;    /* first of the function, or the line; the smallest seen, 0 = not known */
};

/* One recording. */
struct series {
    struct arena arena;
    const struct recording *recording;
    size_t n_blocks;
    uint64_t start_ns, block_ns; /* on the recording's own clock */
    double *whole;               /* per block: of all rows */
    double *cpu;                 /* per block: all CPU, in ns */
    double total, elapsed_ns, cpu_ns;
    uint64_t samples;
    struct series_row **rows; /* by number; NULL = never seen */
    size_t n_rows, rows_size;
};

/* Files below the folder `from` are taken for the same files below `to`. */
struct series_map {
    const char *from, *to;
    size_t from_len;
};

struct series_plan {
    const struct metric *metric;
    enum series_key key;
    bool cumulative; /* weight of all stacks that contain the row, once per stack */
    const struct select *select;
    size_t n_blocks; /* at most */
    const struct series_map *maps;
    size_t n_maps;
    struct tree *paths; /* of SERIES_PATH: the same for all that are compared, tree_init made it */
};

/* How often it reads the trace. */
size_t series_passes(const struct series_plan *plan);

/*
 * Read a trace. All that is asked of it is answered by one reading. Blocks are SERIES_INTERVALS
 * sampling intervals long, or more so that there are at most plan->n_blocks of them, but at least
 * two. *n is how many recordings there are.
 */
#define SERIES_INTERVALS 20u
struct series_question {
    const struct series_plan *plan; /* of one selection all: what is read is the same */
    struct symbols *names;
    struct series *series; /* the answer, .. */
    size_t n;              /* .. one per recording */
};
void series_read_all(struct trace *trace, struct series_question *questions, size_t n);

/* From when to when there are samples of a recording, on its own clock; first > last = none. */
void series_extent(const struct trace *trace, const struct recording *recording, uint64_t *first_ns,
                   uint64_t *last_ns);

/* The same of one. */
struct series *series_read(struct trace *trace, const struct series_plan *plan,
                           struct symbols *names, size_t *n);
void series_clear(struct series *series, size_t n);

/* What a row is called; its line is 0. Of a path the row is the place of its node. */
struct frame series_frame(const struct symbols *names, enum series_key key, uint32_t row);

#endif
