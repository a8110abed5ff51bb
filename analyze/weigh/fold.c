/* SPDX-License-Identifier: MIT */
#include "fold.h"

#include "analyze/base/memory.h"

#include <stdlib.h>
#include <string.h>

#define BITS 64u

struct fold {
    const struct profile *profile;
    size_t n_values;
    uint32_t *value_of;     /* per node: its key's value */
    uint64_t *topmost;      /* bit per node: no node of the same value above it */
    uint64_t *below_python; /* bit per node: known C that counts for who called it */
    uint64_t *touched;      /* bit per node: it or something below has weight */
    struct weight *below;   /* per node: its own weight and that of all below */
    uint32_t *row_of;       /* per value: its row + 1, 0 = none yet */
    struct fold_row *rows;
    size_t n_rows, rows_size;
};

static bool bit_get(const uint64_t *bits, size_t i)
{
    return bits[i / BITS] >> (i % BITS) & 1;
}

static void bit_set(uint64_t *bits, size_t i)
{
    bits[i / BITS] |= UINT64_C(1) << (i % BITS);
}

/* Walk the tree depth first and count how often each value is on the path. */
static void find_topmost(struct fold *fold)
{
    const struct tree *const tree = &fold->profile->tree;
    uint32_t *const on_path = memory_get(fold->n_values * sizeof *on_path);
    uint32_t *const path = memory_get(tree->n * sizeof *path);
    uint32_t *const order = tree_preorder(tree);
    size_t depth = 0;
    for (size_t i = 1; i < tree->n; i++) {
        const uint32_t node = order[i];
        while (depth > 0 && path[depth - 1] != tree->nodes[node].parent)
            on_path[fold->value_of[path[--depth]]]--;
        if (on_path[fold->value_of[node]]++ == 0)
            bit_set(fold->topmost, node);
        path[depth++] = node;
    }
    free(order);
    free(path);
    free(on_path);
}

/*
 * Parents have smaller numbers than their children. What nobody in Python called is its own: of
 * a thread of C where it is, and not how all of them begin. C frames that are not known, and were
 * called by none that are, may be none at all.
 */
static void give_to_callers(struct fold *fold)
{
    const struct profile *const profile = fold->profile;
    const struct symbols *const symbols = &profile->symbols;
    uint64_t *const under_python = memory_get((profile->tree.n / BITS + 1) * sizeof *under_python);
    for (size_t i = 1; i < profile->tree.n; i++) {
        const struct tree_node *const node = &profile->tree.nodes[i];
        const struct symbol_function *const f =
            &symbols->functions[symbols->places[node->place].function];
        if (!f->native)
            bit_set(under_python, i);
        if (node->parent == TREE_ROOT || !f->native)
            continue;
        if (bit_get(under_python, node->parent)) {
            fold->value_of[i] = fold->value_of[node->parent];
            bit_set(under_python, i);
        }
        if (f->file[0] != '\0' || bit_get(fold->below_python, node->parent))
            bit_set(fold->below_python, i);
    }
    free(under_python);
}

static struct fold *open_values(const struct profile *profile, const uint32_t *value_of_place,
                                size_t n_values, bool python)
{
    struct fold *const fold = memory_get(sizeof *fold);
    const struct tree *const tree = &profile->tree;
    const size_t n_words = tree->n / BITS + 1;
    fold->profile = profile;
    fold->n_values = n_values;
    fold->value_of = memory_get(tree->n * sizeof *fold->value_of);
    fold->topmost = memory_get(n_words * sizeof *fold->topmost);
    fold->below_python = memory_get(n_words * sizeof *fold->below_python);
    fold->touched = memory_get(n_words * sizeof *fold->touched);
    fold->below = memory_get(tree->n * sizeof *fold->below);
    fold->row_of = memory_get(n_values * sizeof *fold->row_of);
    for (size_t i = 1; i < tree->n; i++)
        fold->value_of[i] = value_of_place[tree->nodes[i].place];
    if (python)
        give_to_callers(fold);
    find_topmost(fold);
    return fold;
}

struct fold *fold_open_values(const struct profile *profile, const uint32_t *value_of_place,
                              size_t n_values)
{
    return open_values(profile, value_of_place, n_values, false);
}

static struct fold *open_key(const struct profile *profile, const struct key *key, bool python)
{
    const struct symbols *const symbols = &profile->symbols;
    uint32_t *const values = memory_get(symbols->n_places * sizeof *values);
    for (uint32_t i = 0; i < symbols->n_places; i++)
        values[i] = key->of(symbols, i);
    struct fold *const fold = open_values(profile, values, key->count(symbols), python);
    free(values);
    return fold;
}

struct fold *fold_open(const struct profile *profile, const struct key *key)
{
    return open_key(profile, key, false);
}

struct fold *fold_open_python(const struct profile *profile, const struct key *key)
{
    return open_key(profile, key, true);
}

void fold_close(struct fold *fold)
{
    if (fold == NULL)
        return;
    free(fold->value_of);
    free(fold->topmost);
    free(fold->below_python);
    free(fold->touched);
    free(fold->below);
    free(fold->row_of);
    free(fold->rows);
    free(fold);
}

static struct fold_row *row_at(struct fold *fold, uint32_t value)
{
    if (fold->row_of[value] == 0) {
        fold->rows =
            memory_grow(fold->rows, &fold->rows_size, fold->n_rows + 1, sizeof *fold->rows);
        fold->rows[fold->n_rows++] = (struct fold_row){.value = value};
        fold->row_of[value] = (uint32_t)fold->n_rows;
    }
    return &fold->rows[fold->row_of[value] - 1];
}

/* Self weights, and what has to be summed upwards. */
static void take_self(struct fold *fold, const struct sheet *sheet, enum state_class class)
{
    struct sheet_page page = {0};
    const size_t n_nodes = fold->profile->tree.n;
    while (sheet_next_page(sheet, &page)) {
        for (uint32_t i = 0; i < SHEET_PAGE && page.first + i < n_nodes; i++) {
            const uint32_t node = page.first + i;
            if (page.weights[i].samples == 0)
                continue;
            weight_add(&fold->below[node], &page.weights[i]);
            struct fold_row *const row = row_at(fold, fold->value_of[node]);
            weight_add(&row->self.by[class], &page.weights[i]);
            if (bit_get(fold->below_python, node))
                weight_add(&row->c.by[class], &page.weights[i]);
            bit_set(fold->touched, node);
        }
    }
}

/*
 * From the last node to the first: children have larger numbers than their parents, so a node's
 * sum is whole when it is reached. Bits and sums are zero again afterwards.
 */
static void sum_upwards(struct fold *fold, enum state_class class)
{
    const struct tree_node *const nodes = fold->profile->tree.nodes;
    for (size_t word = fold->profile->tree.n / BITS + 1; word-- > 0;) {
        while (fold->touched[word] != 0) {
            const size_t bit = BITS - 1 - (size_t)__builtin_clzll(fold->touched[word]);
            const uint32_t node = (uint32_t)(word * BITS + bit);
            fold->touched[word] &= ~(UINT64_C(1) << bit);
            const uint32_t parent = nodes[node].parent;
            if (bit_get(fold->topmost, node))
                weight_add(&row_at(fold, fold->value_of[node])->cum.by[class], &fold->below[node]);
            if (parent != TREE_ROOT) {
                weight_add(&fold->below[parent], &fold->below[node]);
                bit_set(fold->touched, parent);
            }
            fold->below[node] = (struct weight){0};
        }
    }
}

static int compare_rows(const void *left, const void *right)
{
    const struct fold_row *const a = left, *const b = right;
    return (a->value > b->value) - (a->value < b->value);
}

struct fold_row *fold_threads(struct fold *fold, struct profile_thread *const *threads,
                              size_t n_threads, struct arena *arena, size_t *n_rows)
{
    fold->n_rows = 0;
    for (enum state_class c = 0; c < CLASS_COUNT; c++) {
        for (size_t i = 0; i < n_threads; i++)
            take_self(fold, &threads[i]->sheets[c], c);
        sum_upwards(fold, c);
    }
    for (size_t i = 0; i < fold->n_rows; i++)
        fold->row_of[fold->rows[i].value] = 0;
    *n_rows = fold->n_rows;
    if (fold->n_rows > 1)
        qsort(fold->rows, fold->n_rows, sizeof *fold->rows, compare_rows);
    struct fold_row *const rows = arena_get(arena, fold->n_rows * sizeof *rows);
    if (fold->n_rows > 0)
        memcpy(rows, fold->rows, fold->n_rows * sizeof *rows);
    return rows;
}
