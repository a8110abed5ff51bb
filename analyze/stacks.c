/* SPDX-License-Identifier: MIT */
#include "stacks.h"

#include "memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct stacks {
    struct view *view;
    const struct profile *profile;
    const struct metric *metric;
    uint32_t *rank;         /* of places, by name */
    uint64_t *self;         /* per tree node */
    uint32_t *node_of;      /* per tree node: where it is in the view, + 1 while it is wanted */
    uint32_t *first, *next; /* per tree node: its first child, its next brother, 0 = none */
    size_t nodes_size;
    struct stack_node *nodes; /* grown on the heap, copied at the end */
    size_t n_nodes;
};

struct ranked {
    struct frame frame;
    uint32_t place;
};

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *const a = left, *const b = right;
    int order = strcmp(a->frame.function, b->frame.function);
    if (order == 0)
        order = strcmp(a->frame.file, b->frame.file);
    if (order == 0)
        order = (a->frame.line > b->frame.line) - (a->frame.line < b->frame.line);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

static void rank_places(struct stacks *s)
{
    const struct symbols *const symbols = &s->profile->symbols;
    struct ranked *const ranked = memory_get(symbols->n_places * sizeof *ranked);
    for (uint32_t i = 0; i < symbols->n_places; i++)
        ranked[i] = (struct ranked){symbols_frame(symbols, i), i};
    if (symbols->n_places > 1)
        qsort(ranked, symbols->n_places, sizeof *ranked, compare_ranked);
    for (uint32_t i = 0; i < symbols->n_places; i++)
        s->rank[ranked[i].place] = i;
    free(ranked);
}

/* Add up a thread's weights under the metric. */
static void add_thread(struct stacks *s, const struct profile_thread *t)
{
    for (int c = 0; c < CLASS_COUNT; c++) {
        struct sheet_page page = {0};
        while (sheet_next_page(&t->sheets[c], &page)) {
            for (uint32_t i = 0; i < SHEET_PAGE; i++) {
                struct weights w = {0};
                if (page.weights[i].samples == 0)
                    continue;
                w.by[c] = page.weights[i];
                s->self[page.first + i] += s->metric->of(&w);
            }
        }
    }
}

/* A child among its brothers, in order of rank. */
struct child {
    uint32_t parent, rank, node;
};

static int compare_children(const void *left, const void *right)
{
    const struct child *const a = left, *const b = right;
    if (a->parent != b->parent)
        return a->parent < b->parent ? -1 : 1;
    return (a->rank > b->rank) - (a->rank < b->rank);
}

/* Link the nodes that have weight at or below them. */
static void link_children(struct stacks *s)
{
    const struct tree *const tree = &s->profile->tree;
    bool *const wanted = memory_get(tree->n);
    struct child *const children = memory_get(tree->n * sizeof *children);
    size_t n = 0;
    for (size_t i = tree->n; i-- > 1;) {
        wanted[i] |= s->self[i] > 0;
        if (!wanted[i])
            continue;
        const struct tree_node *const node = &tree->nodes[i];
        wanted[node->parent] = true;
        children[n++] = (struct child){node->parent, s->rank[node->place], (uint32_t)i};
    }
    if (n > 1)
        qsort(children, n, sizeof *children, compare_children);
    memset(s->first, 0, tree->n * sizeof *s->first);
    for (size_t i = n; i-- > 0;) {
        const struct child *const c = &children[i];
        s->next[c->node] = s->first[c->parent];
        s->first[c->parent] = c->node;
    }
    free(children);
    free(wanted);
}

static uint32_t add_node(struct stacks *s, uint32_t parent, struct frame frame, uint64_t self)
{
    s->nodes = memory_grow(s->nodes, &s->nodes_size, s->n_nodes + 1, sizeof *s->nodes);
    const uint32_t depth = s->n_nodes > 0 ? s->nodes[parent].depth + 1 : 0;
    s->nodes[s->n_nodes] = (struct stack_node){parent, depth, frame, self};
    return (uint32_t)s->n_nodes++;
}

/* Put the linked tree below the view's node `top`, depth first. */
static void add_tree(struct stacks *s, uint32_t top)
{
    const struct tree *const tree = &s->profile->tree;
    uint32_t node = s->first[TREE_ROOT];
    s->node_of[TREE_ROOT] = top;
    while (node != 0) {
        const struct tree_node *const t = &tree->nodes[node];
        s->node_of[node] = add_node(s, s->node_of[t->parent],
                                    symbols_frame(&s->profile->symbols, t->place), s->self[node]);
        if (s->first[node] != 0) {
            node = s->first[node];
            continue;
        }
        while (node != TREE_ROOT && s->next[node] == 0)
            node = tree->nodes[node].parent;
        if (node != TREE_ROOT)
            node = s->next[node];
    }
}

static const char *thread_label(const struct stacks *s, const struct thread *thread)
{
    const struct profile *const profile = s->profile;
    const struct process *const process = thread->process;
    const bool several = process != profile->threads[0]->thread->process ||
                         process != profile->threads[profile->n_threads - 1]->thread->process;
    if (!several)
        return thread->name;
    return arena_print(&s->view->arena, "%s of process %" PRIu32, thread->name, process->pid);
}

static void add_threads(struct stacks *s, size_t first, size_t n)
{
    memset(s->self, 0, s->profile->tree.n * sizeof *s->self);
    for (size_t i = first; i < first + n; i++)
        add_thread(s, s->profile->threads[i]);
    link_children(s);
}

void stacks_build(struct view *view, const struct profile *profile, const struct metric *metric,
                  enum stacks_root root)
{
    const size_t n = profile->tree.n;
    struct stacks s = {.view = view, .profile = profile, .metric = metric};
    s.rank = memory_get(profile->symbols.n_places * sizeof *s.rank);
    s.self = memory_get(n * sizeof *s.self);
    s.node_of = memory_get(n * sizeof *s.node_of);
    s.first = memory_get(n * sizeof *s.first);
    s.next = memory_get(n * sizeof *s.next);
    rank_places(&s);
    add_node(&s, 0, (struct frame){"", "", 0}, 0);
    if (root == STACKS_MERGED) {
        add_threads(&s, 0, profile->n_threads);
        add_tree(&s, 0);
    }
    for (size_t i = 0; root == STACKS_PER_THREAD && i < profile->n_threads; i++) {
        add_threads(&s, i, 1);
        if (s.first[TREE_ROOT] == 0)
            continue;
        const char *const label = thread_label(&s, profile->threads[i]->thread);
        add_tree(&s, add_node(&s, 0, (struct frame){label, "", 0}, 0));
    }
    view->shape = SHAPE_STACKS;
    view->metric = metric;
    view->n_nodes = s.n_nodes;
    view->nodes = arena_get(&view->arena, s.n_nodes * sizeof *view->nodes);
    memcpy(view->nodes, s.nodes, s.n_nodes * sizeof *view->nodes);
    free(s.rank);
    free(s.self);
    free(s.node_of);
    free(s.first);
    free(s.next);
    free(s.nodes);
}
