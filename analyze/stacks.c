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
    struct weights **own;   /* per tree node: of which self is a part, NULL where there is none */
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
                struct weights **const own = &s->own[page.first + i];
                if (*own == NULL)
                    *own = arena_get(&s->view->arena, sizeof **own);
                weight_add(&(*own)->by[c], &w.by[c]);
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

static uint32_t add_node(struct stacks *s, struct stack_node node)
{
    s->nodes = memory_grow(s->nodes, &s->nodes_size, s->n_nodes + 1, sizeof *s->nodes);
    node.depth = s->n_nodes > 0 ? s->nodes[node.parent].depth + 1 : 0;
    s->nodes[s->n_nodes] = node;
    return (uint32_t)s->n_nodes++;
}

static uint32_t add_tree_node(struct stacks *s, uint32_t node)
{
    const struct symbols *const symbols = &s->profile->symbols;
    const struct tree_node *const t = &s->profile->tree.nodes[node];
    const uint32_t function = symbols->places[t->place].function;
    return add_node(s, (struct stack_node){
                           .parent = s->node_of[t->parent],
                           .place = t->place,
                           .function = function,
                           .first_line = symbols->functions[function].line,
                           .frame = symbols_frame(symbols, t->place),
                           .self = s->self[node],
                           .weights = s->own[node],
                       });
}

static uint32_t add_thread_node(struct stacks *s, size_t i, const char *label)
{
    const struct symbols *const symbols = &s->profile->symbols;
    return add_node(s, (struct stack_node){
                           .place = (uint32_t)(symbols->n_places + i),
                           .function = (uint32_t)(symbols->n_functions + i),
                           .frame = {label, "", 0},
                           .thread = s->profile->threads[i]->thread,
                       });
}

/* Put the linked tree below the view's node `top`, depth first. */
static void add_tree(struct stacks *s, uint32_t top)
{
    const struct tree *const tree = &s->profile->tree;
    uint32_t node = s->first[TREE_ROOT];
    s->node_of[TREE_ROOT] = top;
    while (node != 0) {
        s->node_of[node] = add_tree_node(s, node);
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

/* Its name; with its number where others have the same, and its process where there are several. */
static const char *thread_label(const struct stacks *s, const struct thread *thread)
{
    const struct profile *const profile = s->profile;
    const struct process *const process = thread->process;
    const bool several = process != profile->threads[0]->thread->process ||
                         process != profile->threads[profile->n_threads - 1]->thread->process;
    const char *name = thread->name;
    for (size_t i = 0; i < profile->n_threads; i++) {
        const struct thread *const other = profile->threads[i]->thread;
        if (other == thread || other->process != process || strcmp(other->name, name) != 0)
            continue;
        name = arena_print(&s->view->arena, "%s (%" PRIu32 ")", name,
                           thread->os_tid != 0 ? thread->os_tid : thread->id);
        break;
    }
    if (!several)
        return name;
    return arena_print(&s->view->arena, "%s of process %" PRIu32, name, process->pid);
}

static void add_threads(struct stacks *s, size_t first, size_t n)
{
    memset(s->self, 0, s->profile->tree.n * sizeof *s->self);
    memset(s->own, 0, s->profile->tree.n * sizeof(struct weights *));
    for (size_t i = first; i < first + n; i++)
        add_thread(s, s->profile->threads[i]);
    link_children(s);
}

/* What the threads did when, at nodes of the view. What weighs nothing is not in it. */
static void add_courses(struct stacks *s)
{
    const struct profile *const profile = s->profile;
    struct view *const view = s->view;
    view->courses = arena_get(&view->arena, profile->n_threads * sizeof *view->courses);
    for (size_t i = 0; i < profile->n_threads; i++) {
        const struct stretch_list *const list = &profile->threads[i]->stretches;
        struct stretch_list kept = {0};
        for (size_t k = 0; k < list->n; k++) {
            struct stretch stretch = list->items[k];
            if (stretch.weight == 0 || s->self[stretch.node] == 0)
                continue;
            stretch.node = s->node_of[stretch.node];
            stretch_add(&kept, &stretch);
        }
        if (kept.n == 0)
            continue;
        struct course *const course = &view->courses[view->n_courses++];
        course->thread = profile->threads[i]->thread;
        course->label = thread_label(s, course->thread);
        course->n_stretches = kept.n;
        course->stretches = arena_get(&view->arena, kept.n * sizeof *kept.items);
        memcpy(course->stretches, kept.items, kept.n * sizeof *kept.items);
        stretch_clear(&kept);
    }
}

void stacks_build(struct view *view, const struct profile *profile, const struct metric *metric,
                  enum stacks_root root)
{
    const size_t n = profile->tree.n;
    struct stacks s = {.view = view, .profile = profile, .metric = metric};
    s.rank = memory_get(profile->symbols.n_places * sizeof *s.rank);
    s.self = memory_get(n * sizeof *s.self);
    s.own = memory_get(n * sizeof(struct weights *));
    s.node_of = memory_get(n * sizeof *s.node_of);
    s.first = memory_get(n * sizeof *s.first);
    s.next = memory_get(n * sizeof *s.next);
    rank_places(&s);
    add_node(&s, (struct stack_node){.frame = {"", "", 0}});
    if (root == STACKS_MERGED) {
        add_threads(&s, 0, profile->n_threads);
        add_tree(&s, 0);
        if (profile->stretches_by != NULL)
            add_courses(&s);
    }
    for (size_t i = 0; root == STACKS_PER_THREAD && i < profile->n_threads; i++) {
        add_threads(&s, i, 1);
        if (s.first[TREE_ROOT] == 0)
            continue;
        const char *const label = thread_label(&s, profile->threads[i]->thread);
        add_tree(&s, add_thread_node(&s, i, label));
    }
    for (size_t i = s.n_nodes; i-- > 0;) {
        s.nodes[i].total += s.nodes[i].self;
        if (i > 0)
            s.nodes[s.nodes[i].parent].total += s.nodes[i].total;
    }
    view->shape = SHAPE_STACKS;
    view->metric = metric;
    view->n_places = (uint32_t)(profile->symbols.n_places + profile->n_threads);
    view->n_functions = (uint32_t)(profile->symbols.n_functions + profile->n_threads);
    view->n_nodes = s.n_nodes;
    view->nodes = arena_get(&view->arena, s.n_nodes * sizeof *view->nodes);
    memcpy(view->nodes, s.nodes, s.n_nodes * sizeof *view->nodes);
    free(s.rank);
    free(s.self);
    free(s.own);
    free(s.node_of);
    free(s.first);
    free(s.next);
    free(s.nodes);
}
