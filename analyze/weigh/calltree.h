/* SPDX-License-Identifier: MIT */
/*
 * calltree - a profile as a tree of functions or lines: all of it, or what calls or is called by
 * one function.
 *
 * On the line:  profile -> [calltree] -> rows of tree, callers, callees, hot
 * Threads:      one at a time.
 * Memory:       struct calltree is the caller's, zeroed before calltree_build; calltree_clear
 *               takes it back. It borrows names from the profile.
 *
 * Recursion: a function that calls itself is one node, not one per level, unless every level is
 * asked for. A stack counts once however often the function is in it: callees are those of its
 * outermost call, callers those of its innermost one, so that of two functions that call each
 * other each has the other as a caller. On the way out from there a function that was passed, or
 * the one asked for, does not come again, unless every level is asked for.
 *
 * Imports: between a module and one that it imports are six frames of importlib. With fold_imports
 * the one stands directly below the other, and what is spent in these frames themselves is one node
 * below the module that imports. Not where one of them is the function asked for.
 *
 * Always true:  a parent's number is smaller than its children's; cum of a node is its self and
 *               the cum of its children; node 0 is above all and has no frame. Of callers the tree
 *               grows outwards, and self are the stacks that begin there.
 */
#ifndef PYREC_ANALYZE_CALLTREE_H
#define PYREC_ANALYZE_CALLTREE_H

#include "analyze/model/key.h"
#include "profile.h"

enum calltree_kind {
    CALLTREE_ALL,
    CALLTREE_CALLEES, /* node 1 is the function */
    CALLTREE_CALLERS, /* likewise */
};

struct calltree_wish {
    enum calltree_kind kind;
    uint32_t function; /* number in symbols; of callees and callers */
    bool lines;        /* nodes are lines, else functions */
    bool levels;       /* a node for every level of recursion */
    bool fold_imports; /* the import system's frames are left out, as CPython's tracebacks do it */
};

struct calltree {
    const struct profile *profile;
    struct calltree_wish wish;
    struct tree tree; /* `place` is a place, a function, or the mark of the function asked for */
    struct weights *self, *cum;
    bool *is_import; /* by function; only while it is built */
};

/* What stands for all frames of the import system at the end of a stack. */
#define CALLTREE_IMPORTS "<import machinery>"

void calltree_build(struct calltree *calltree, const struct profile *profile,
                    struct profile_thread *const *threads, size_t n_threads,
                    const struct calltree_wish *wish);
void calltree_clear(struct calltree *calltree);

struct frame calltree_frame(const struct calltree *calltree, uint32_t node);

/*
 * The nodes below 0 that have samples, everything below a node directly behind it, brothers with
 * the heaviest first; the caller's to free.
 */
uint32_t *calltree_order(const struct calltree *calltree, const struct metric *metric, size_t *n);

/* How far below node 0: its children are at 0. */
uint32_t calltree_depth(const struct calltree *calltree, uint32_t node);

#endif
