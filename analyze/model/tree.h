/* SPDX-License-Identifier: MIT */
/*
 * tree - the stacks of all generations as a tree of places.
 *
 * On the line:  dict of a unit -> [tree] -> profile, fold
 * Threads:      one at a time (joined under the lock of trace_run).
 * Memory:       struct tree is the caller's, tree_init makes it ready, tree_clear takes it
 *               back. 16 to 24 bytes per node.
 *
 * Always true:  node 0 is the root and has no place; a parent's number is smaller than its
 *               children's; the children of a node have different places.
 */
#ifndef PYREC_ANALYZE_TREE_H
#define PYREC_ANALYZE_TREE_H

#include "analyze/base/hash.h"

#define TREE_ROOT 0u

struct tree_node {
    uint32_t parent, place;
};

struct tree {
    struct tree_node *nodes;
    size_t n, size;
    struct hash hash;
};

/* Make the root. */
void tree_init(struct tree *tree);

/* The child of `parent` at `place`, made when it is new. */
uint32_t tree_child(struct tree *tree, uint32_t parent, uint32_t place);

/* That child if there is one, else TREE_ROOT. */
uint32_t tree_find(const struct tree *tree, uint32_t parent, uint32_t place);
void tree_clear(struct tree *tree);

/*
 * The nodes in an order in which everything below a node follows it directly; n entries, the
 * caller's to free. Children come in order of number.
 */
uint32_t *tree_preorder(const struct tree *tree);

#endif
