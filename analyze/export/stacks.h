/* SPDX-License-Identifier: MIT */
/*
 * stacks - a profile as a tree for outputs: one metric, names instead of numbers.
 *
 * On the line:  profile -> [stacks] -> view (SHAPE_STACKS) -> folded, ...
 * Threads:      one at a time.
 * Memory:       the nodes are in the view's arena.
 *
 * Always true:  the self weights of all nodes add up to those of the threads; a node is there only
 *               when it or something below it has weight; brothers are in order of their names, so
 *               the same profile always gives the same tree.
 */
#ifndef PYREC_ANALYZE_STACKS_H
#define PYREC_ANALYZE_STACKS_H

#include "analyze/model/metric.h"
#include "analyze/view/view.h"
#include "analyze/weigh/profile.h"

enum stacks_root {
    STACKS_MERGED,     /* all threads in one */
    STACKS_PER_THREAD, /* a node for each thread above its stacks */
};

struct stacks_form {
    enum stacks_root root;
    bool by_function; /* frames of a function are one, whatever line they are at */
    bool parts;       /* say what each thread has of a merged tree */
};

void stacks_build(struct view *view, const struct profile *profile, const struct metric *metric,
                  struct stacks_form form);

#endif
