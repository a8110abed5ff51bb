/* SPDX-License-Identifier: MIT */
/*
 * graph - who calls whom, of a tree of stacks.
 *
 * On the line:  stacks -> [graph] -> view (SHAPE_GRAPH) -> callgrind, pstats
 * Threads:      one at a time.
 * Memory:       everything is in the view's arena.
 *
 * Function 0 stands for what calls the roots of all stacks; it has no weight of its own. There are
 * two lists of calls, as programs count recursion in two ways:
 *   calls    by calling line. `cum` counts a stack for the outermost call of the function only, so
 *            that all calls of a function add up to its own `cum`. Calls from within the function
 *            itself weigh nothing.
 *   callers  by calling function. `cum` counts a stack once if it has such a call anywhere.
 *
 * Always true:  the `self` of all functions, of all lines and of all callers add up to the whole;
 *               the `cum` of a function is the weight of all stacks that contain it.
 */
#ifndef PYREC_ANALYZE_GRAPH_H
#define PYREC_ANALYZE_GRAPH_H

#include "analyze/view/view.h"

#define GRAPH_ROOT      0u
#define GRAPH_ROOT_NAME "<all stacks>"

struct graph_line {
    uint32_t line; /* 0 = not known */
    uint64_t self;
};

struct graph_call {
    uint32_t from, from_line, to; /* functions; the line is 0 in `callers` */
    uint64_t self, cum;
};

struct graph_function {
    const char *name, *file;
    const char *label; /* as no other one is called: naming.h */
    const char *package;
    uint32_t first_line;
    uint64_t self, cum;
    const struct graph_line *lines; /* where it was the leaf; in order of line */
    const struct graph_call *calls, *callers;
    size_t n_lines, n_calls, n_callers;
};

struct graph {
    const struct metric *metric;
    struct graph_function *functions;
    size_t n_functions;
};

/*
 * Make a graph of the view's tree; its shape becomes SHAPE_GRAPH. With `more` metrics there is a
 * graph for each of them behind it: the same functions, lines and calls in the same order, of the
 * same stacks.
 */
void graph_build(struct view *view, const struct metric *const *more, size_t n_more);

#endif
