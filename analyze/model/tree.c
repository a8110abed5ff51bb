/* SPDX-License-Identifier: MIT */
#include "tree.h"

#include "analyze/base/memory.h"

#include <stdlib.h>

static uint64_t node_hash(const void *owner, uint32_t n)
{
    const struct tree_node *const node = &((const struct tree *)owner)->nodes[n];
    return hash_pair(node->parent, node->place);
}

void tree_init(struct tree *tree)
{
    *tree = (struct tree){0};
    tree->nodes = memory_grow(tree->nodes, &tree->size, 1, sizeof *tree->nodes);
    tree->nodes[tree->n++] = (struct tree_node){TREE_ROOT, UINT32_MAX};
}

/* The child, or HASH_NONE; *at is then where it goes. The table has room. */
static uint32_t find(const struct tree *tree, uint32_t parent, uint32_t place, uint64_t *at)
{
    *at = hash_pair(parent, place);
    uint32_t n = hash_slot(&tree->hash, *at);
    while (n != HASH_NONE && (tree->nodes[n].parent != parent || tree->nodes[n].place != place))
        n = hash_slot(&tree->hash, ++*at);
    return n;
}

uint32_t tree_find(const struct tree *tree, uint32_t parent, uint32_t place)
{
    uint64_t at;
    const uint32_t n = tree->hash.n > 0 ? find(tree, parent, place, &at) : HASH_NONE;
    return n != HASH_NONE ? n : TREE_ROOT;
}

uint32_t tree_child(struct tree *tree, uint32_t parent, uint32_t place)
{
    uint64_t at;
    hash_reserve(&tree->hash, node_hash, tree);
    const uint32_t n = find(tree, parent, place, &at);
    if (n != HASH_NONE)
        return n;
    tree->nodes = memory_grow(tree->nodes, &tree->size, tree->n + 1, sizeof *tree->nodes);
    hash_put(&tree->hash, at, (uint32_t)tree->n);
    tree->nodes[tree->n] = (struct tree_node){parent, place};
    return (uint32_t)tree->n++;
}

void tree_clear(struct tree *tree)
{
    free(tree->nodes);
    hash_clear(&tree->hash);
    *tree = (struct tree){0};
}

/*
 * A node's subtree has `below` nodes; so the node's children start at its own position + 1 and
 * each next one is as far behind as the one before is large.
 */
uint32_t *tree_preorder(const struct tree *tree)
{
    uint32_t *const below = memory_get(tree->n * sizeof *below);
    uint32_t *const next = memory_get(tree->n * sizeof *next); /* where its next child goes */
    uint32_t *const order = memory_get(tree->n * sizeof *order);
    for (size_t i = tree->n; i-- > 1;)
        below[tree->nodes[i].parent] += below[i] + 1;
    for (uint32_t i = 0; i < tree->n; i++) {
        const uint32_t parent = tree->nodes[i].parent;
        const uint32_t position = i == TREE_ROOT ? 0 : next[parent];
        if (i != TREE_ROOT)
            next[parent] += below[i] + 1;
        order[position] = i;
        next[i] = position + 1;
    }
    free(below);
    free(next);
    return order;
}
