/* SPDX-License-Identifier: MIT */
#include "calltree.h"

#include "analyze/base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Stands for the function asked for where nodes are lines. */
#define MARK (UINT32_MAX - 1)

/* Stands for frames of the import system. */
#define IMPORTS (UINT32_MAX - 2)

/* A profile's node that no node stands for. */
#define NOWHERE UINT32_MAX

void calltree_clear(struct calltree *t)
{
    tree_clear(&t->tree);
    free(t->self);
    free(t->cum);
    *t = (struct calltree){0};
}

static uint32_t function_of(const struct calltree *t, uint32_t node)
{
    return t->profile->symbols.places[t->profile->tree.nodes[node].place].function;
}

/* Of the import system, and to be left out? */
static bool is_import(const struct calltree *t, uint32_t node)
{
    return t->is_import != NULL && node != TREE_ROOT && t->is_import[function_of(t, node)];
}

static bool *find_imports(const struct calltree *t)
{
    static const char *const files[] = {"<frozen importlib", "<frozen zipimport>"};
    const struct symbols *const symbols = &t->profile->symbols;
    bool *const imports = memory_get(symbols->n_functions + 1);
    for (size_t i = 0; i < symbols->n_functions; i++) {
        for (size_t k = 0; k < ARRAY_LEN(files); k++)
            imports[i] |= strncmp(symbols->functions[i].file, files[k], strlen(files[k])) == 0;
    }
    return imports;
}

/* What the calltree calls a node of the profile. */
static uint32_t value_of(const struct calltree *t, uint32_t node)
{
    if (is_import(t, node))
        return IMPORTS;
    return t->wish.lines ? t->profile->tree.nodes[node].place : function_of(t, node);
}

/* One step down from `at`. A call of the same again is the same node. */
static uint32_t step(struct calltree *t, uint32_t at, uint32_t value)
{
    if (!t->wish.levels && at != TREE_ROOT && t->tree.nodes[at].place == value)
        return at;
    return tree_child(&t->tree, at, value);
}

/* The node of the function asked for. */
static uint32_t top_node(struct calltree *t)
{
    return tree_child(&t->tree, TREE_ROOT, t->wish.lines ? MARK : t->wish.function);
}

/* The profile's nodes at or below which these threads have samples; the caller's to free. */
static bool *seen_nodes(const struct profile *profile, struct profile_thread *const *threads,
                        size_t n_threads)
{
    const struct tree *const tree = &profile->tree;
    bool *const seen = memory_get(tree->n);
    for (size_t k = 0; k < n_threads; k++) {
        for (int c = 0; c < CLASS_COUNT; c++) {
            struct sheet_page page = {0};
            while (sheet_next_page(&threads[k]->sheets[c], &page)) {
                for (uint32_t i = 0; i < SHEET_PAGE && page.first + i < tree->n; i++)
                    seen[page.first + i] |= page.weights[i].samples > 0;
            }
        }
    }
    for (size_t i = tree->n; i-- > 1;)
        seen[tree->nodes[i].parent] |= seen[i];
    return seen;
}

/*
 * `outer` has the node below which callees of a node belong: its own, or where that is of the
 * import system, that of the last caller which is not.
 */
static void map_all(struct calltree *t, const bool *seen, uint32_t *to, uint32_t *outer)
{
    const struct tree *const tree = &t->profile->tree;
    for (uint32_t i = 1; i < tree->n; i++) {
        const uint32_t above = outer[tree->nodes[i].parent];
        to[i] = seen[i] ? step(t, above, value_of(t, i)) : NOWHERE;
        outer[i] = is_import(t, i) ? above : to[i];
    }
}

static void map_callees(struct calltree *t, const bool *seen, uint32_t *to, uint32_t *outer)
{
    const struct tree *const tree = &t->profile->tree;
    const uint32_t top = top_node(t);
    to[TREE_ROOT] = outer[TREE_ROOT] = NOWHERE;
    for (uint32_t i = 1; i < tree->n; i++) {
        const uint32_t above = outer[tree->nodes[i].parent];
        if (!seen[i])
            to[i] = NOWHERE;
        else if (above != NOWHERE)
            to[i] = step(t, above, value_of(t, i));
        else if (function_of(t, i) != t->wish.function)
            to[i] = NOWHERE;
        else
            to[i] = t->wish.lines ? step(t, top, value_of(t, i)) : top;
        outer[i] = is_import(t, i) && above != NOWHERE ? above : to[i];
    }
}

/* Is there such a node from `at` up to the top? */
static bool was_passed(const struct calltree *t, uint32_t top, uint32_t at, uint32_t value)
{
    for (; at != top; at = t->tree.nodes[at].parent) {
        if (t->tree.nodes[at].place == value)
            return true;
    }
    return false;
}

/* Where the way outwards from the function's node `i` ends. */
static uint32_t climb(struct calltree *t, uint32_t top, uint32_t i)
{
    uint32_t at = top;
    for (i = t->profile->tree.nodes[i].parent; i != TREE_ROOT;
         i = t->profile->tree.nodes[i].parent) {
        const uint32_t value = value_of(t, i);
        const bool again = !t->wish.levels &&
                           (function_of(t, i) == t->wish.function || was_passed(t, top, at, value));
        at = is_import(t, i) || again ? at : step(t, at, value);
    }
    return at;
}

static void map_callers(struct calltree *t, const bool *seen, uint32_t *to)
{
    const struct tree *const tree = &t->profile->tree;
    const uint32_t top = top_node(t);
    to[TREE_ROOT] = NOWHERE;
    for (uint32_t i = 1; i < tree->n; i++) {
        to[i] = to[tree->nodes[i].parent];
        if (seen[i] && function_of(t, i) == t->wish.function)
            to[i] = climb(t, top, i);
    }
}

static void add_thread(struct calltree *t, const struct profile_thread *thread, const uint32_t *to)
{
    const size_t n_nodes = t->profile->tree.n;
    for (int c = 0; c < CLASS_COUNT; c++) {
        struct sheet_page page = {0};
        while (sheet_next_page(&thread->sheets[c], &page)) {
            for (uint32_t i = 0; i < SHEET_PAGE && page.first + i < n_nodes; i++) {
                const uint32_t node = to[page.first + i];
                if (node != NOWHERE)
                    weight_add(&t->self[node].by[c], &page.weights[i]);
            }
        }
    }
}

void calltree_build(struct calltree *t, const struct profile *profile,
                    struct profile_thread *const *threads, size_t n_threads,
                    const struct calltree_wish *wish)
{
    uint32_t *const to = memory_get(profile->tree.n * sizeof *to);
    uint32_t *const outer = memory_get(profile->tree.n * sizeof *outer);
    bool *const seen = seen_nodes(profile, threads, n_threads);
    t->profile = profile;
    t->wish = *wish;
    tree_init(&t->tree);
    if (wish->fold_imports)
        t->is_import = find_imports(t);
    if (t->is_import != NULL && wish->kind != CALLTREE_ALL && t->is_import[wish->function]) {
        free(t->is_import);
        t->is_import = NULL;
    }
    if (wish->kind == CALLTREE_ALL)
        map_all(t, seen, to, outer);
    else if (wish->kind == CALLTREE_CALLEES)
        map_callees(t, seen, to, outer);
    else
        map_callers(t, seen, to);
    t->self = memory_get(t->tree.n * sizeof *t->self);
    t->cum = memory_get(t->tree.n * sizeof *t->cum);
    for (size_t i = 0; i < n_threads; i++)
        add_thread(t, threads[i], to);
    for (size_t i = t->tree.n; i-- > 0;) {
        weights_add(&t->cum[i], &t->self[i]);
        if (i != TREE_ROOT)
            weights_add(&t->cum[t->tree.nodes[i].parent], &t->cum[i]);
    }
    free(t->is_import);
    t->is_import = NULL;
    free(outer);
    free(to);
    free(seen);
}

struct frame calltree_frame(const struct calltree *t, uint32_t node)
{
    const struct symbols *const symbols = &t->profile->symbols;
    const uint32_t value = t->tree.nodes[node].place;
    if (value == IMPORTS)
        return (struct frame){.function = CALLTREE_IMPORTS, .file = ""};
    if (t->wish.lines && value != MARK)
        return keys[KEY_LINE].frame(symbols, value);
    return keys[KEY_FUNCTION].frame(symbols, t->wish.lines ? t->wish.function : value);
}

uint32_t calltree_depth(const struct calltree *t, uint32_t node)
{
    uint32_t depth = 0;
    for (node = t->tree.nodes[node].parent; node != TREE_ROOT; node = t->tree.nodes[node].parent)
        depth++;
    return depth;
}

/* ---- order ---- */

struct child {
    uint32_t node, parent;
    uint64_t weight, samples;
    struct frame frame;
};

static int compare_children(const void *left, const void *right)
{
    const struct child *const a = left, *const b = right;
    if (a->parent != b->parent)
        return a->parent < b->parent ? -1 : 1;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    if (a->samples != b->samples)
        return a->samples > b->samples ? -1 : 1;
    const int order = frame_compare(&a->frame, &b->frame);
    return order != 0 ? order : (a->node > b->node) - (a->node < b->node);
}

uint32_t *calltree_order(const struct calltree *t, const struct metric *metric, size_t *n)
{
    struct child *const children = memory_get(t->tree.n * sizeof *children);
    uint32_t *const first = memory_get(t->tree.n * sizeof *first); /* child, 0 = none */
    uint32_t *const next = memory_get(t->tree.n * sizeof *next);   /* brother, 0 = none */
    uint32_t *const order = memory_get(t->tree.n * sizeof *order);
    size_t n_children = 0;
    for (uint32_t i = 1; i < t->tree.n; i++) {
        const uint64_t samples = weights_sum(&t->cum[i]).samples;
        if (samples > 0)
            children[n_children++] = (struct child){
                i, t->tree.nodes[i].parent, metric->of(&t->cum[i]), samples, calltree_frame(t, i)};
    }
    if (n_children > 1)
        qsort(children, n_children, sizeof *children, compare_children);
    for (size_t i = n_children; i-- > 0;) {
        next[children[i].node] = first[children[i].parent];
        first[children[i].parent] = children[i].node;
    }
    *n = 0;
    for (uint32_t node = first[TREE_ROOT]; node != TREE_ROOT;) {
        order[(*n)++] = node;
        if (first[node] != 0) {
            node = first[node];
            continue;
        }
        while (node != TREE_ROOT && next[node] == 0)
            node = t->tree.nodes[node].parent;
        node = next[node]; /* of the root: none */
    }
    free(children);
    free(first);
    free(next);
    return order;
}
