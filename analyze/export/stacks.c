/* SPDX-License-Identifier: MIT */
#include "stacks.h"

#include "analyze/base/memory.h"
#include "naming.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct stacks {
    struct view *view;
    const struct profile *profile;
    const struct metric *metric;
    bool by_function;
    const struct tree_node *tree; /* the profile's; by function, one whose places are functions */
    size_t n_tree, n_places;
    uint32_t *merged;       /* by node of the profile's tree: its node in that; NULL = the same */
    const char **labels;    /* by function */
    bool *shared;           /* by function: others in its file have its name; for trees of them */
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

static uint32_t function_of(const struct stacks *s, uint32_t place)
{
    return s->by_function ? place : s->profile->symbols.places[place].function;
}

static struct frame frame_of(const struct stacks *s, uint32_t place)
{
    const struct symbols *const symbols = &s->profile->symbols;
    if (!s->by_function)
        return symbols_frame(symbols, place);
    const struct symbol_function *const f = &symbols->functions[place];
    return (struct frame){f->name, f->file, s->shared[place] ? f->line : 0, f->native};
}

/* Frames of functions have no line, unless they could not be told apart without their first one. */
static void find_shared(struct stacks *s, const struct ranked *ranked)
{
    for (size_t i = 1; i < s->n_places; i++) {
        const struct frame *const a = &ranked[i - 1].frame, *const b = &ranked[i].frame;
        if (strcmp(a->function, b->function) == 0 && strcmp(a->file, b->file) == 0)
            s->shared[ranked[i - 1].place] = s->shared[ranked[i].place] = true;
    }
}

static void rank_places(struct stacks *s)
{
    struct ranked *const ranked = memory_get((s->n_places + 1) * sizeof *ranked);
    memset(s->shared, true, s->n_places); /* so that frame_of gives lines to be ranked by */
    for (uint32_t i = 0; i < s->n_places; i++)
        ranked[i] = (struct ranked){frame_of(s, i), i};
    if (s->n_places > 1)
        qsort(ranked, s->n_places, sizeof *ranked, compare_ranked);
    memset(s->shared, false, s->n_places);
    find_shared(s, ranked);
    for (uint32_t i = 0; i < s->n_places; i++)
        s->rank[ranked[i].place] = i;
    free(ranked);
}

/* Join the nodes of each function below the same parent. Parents come before their children. */
static void join_functions(struct stacks *s, struct tree *joined)
{
    const struct tree *const tree = &s->profile->tree;
    const struct symbol_place *const places = s->profile->symbols.places;
    tree_init(joined);
    s->merged = memory_get((tree->n + 1) * sizeof *s->merged);
    for (size_t i = TREE_ROOT + 1; i < tree->n; i++) {
        const struct tree_node *const node = &tree->nodes[i];
        s->merged[i] = tree_child(joined, s->merged[node->parent], places[node->place].function);
    }
    s->tree = joined->nodes;
    s->n_tree = joined->n;
    s->n_places = s->profile->symbols.n_functions;
}

static uint32_t merged_node(const struct stacks *s, uint32_t node)
{
    return s->merged != NULL ? s->merged[node] : node;
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
                const uint32_t node = merged_node(s, page.first + i);
                s->self[node] += s->metric->of(&w);
                struct weights **const own = &s->own[node];
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
    bool *const wanted = memory_get(s->n_tree);
    struct child *const children = memory_get(s->n_tree * sizeof *children);
    size_t n = 0;
    for (size_t i = s->n_tree; i-- > 1;) {
        wanted[i] |= s->self[i] > 0;
        if (!wanted[i])
            continue;
        const struct tree_node *const node = &s->tree[i];
        wanted[node->parent] = true;
        children[n++] = (struct child){node->parent, s->rank[node->place], (uint32_t)i};
    }
    if (n > 1)
        qsort(children, n, sizeof *children, compare_children);
    memset(s->first, 0, s->n_tree * sizeof *s->first);
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

/* What has no file is in none. */
static const char *package_of(const struct stacks *s, uint32_t function)
{
    const struct modules *const m = &s->profile->modules;
    if (s->profile->symbols.functions[function].file[0] == '\0')
        return "";
    return m->packages[m->modules[m->of_function[function]].package];
}

static uint32_t add_tree_node(struct stacks *s, uint32_t node)
{
    const struct tree_node *const t = &s->tree[node];
    const uint32_t function = function_of(s, t->place);
    return add_node(s, (struct stack_node){
                           .parent = s->node_of[t->parent],
                           .place = t->place,
                           .function = function,
                           .first_line = s->profile->symbols.functions[function].line,
                           .frame = frame_of(s, t->place),
                           .label = s->labels[function],
                           .package = package_of(s, function),
                           .self = s->self[node],
                           .weights = s->own[node],
                           .address = s->profile->symbols.functions[function].address,
                           .object = s->profile->symbols.functions[function].object,
                           .build_id = s->profile->symbols.functions[function].build_id,
                       });
}

static uint32_t add_thread_node(struct stacks *s, size_t i, const char *label)
{
    const size_t n_functions = s->profile->symbols.n_functions;
    return add_node(s, (struct stack_node){
                           .place = (uint32_t)(s->n_places + i),
                           .function = (uint32_t)(n_functions + i),
                           .frame = {.function = label, .file = ""},
                           .object = "",
                           .build_id = "",
                           .label = label,
                           .package = "",
                           .thread = s->profile->threads[i]->thread,
                       });
}

/* Put the linked tree below the view's node `top`, depth first. */
static void add_tree(struct stacks *s, uint32_t top)
{
    uint32_t node = s->first[TREE_ROOT];
    s->node_of[TREE_ROOT] = top;
    while (node != 0) {
        s->node_of[node] = add_tree_node(s, node);
        if (s->first[node] != 0) {
            node = s->first[node];
            continue;
        }
        while (node != TREE_ROOT && s->next[node] == 0)
            node = s->tree[node].parent;
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
    memset(s->self, 0, s->n_tree * sizeof *s->self);
    memset(s->own, 0, s->n_tree * sizeof(struct weights *));
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
        struct stretch_list kept = {.keeps_pace = list->keeps_pace};
        for (size_t k = 0; k < list->n; k++) {
            struct stretch stretch = list->items[k];
            const uint32_t node = merged_node(s, stretch.node);
            if (stretch.weight == 0 || s->self[node] == 0)
                continue;
            stretch.node = s->node_of[node];
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

/* What each thread has of the merged tree, when there are several; self is used up. */
static void add_parts(struct stacks *s)
{
    const struct profile *const profile = s->profile;
    struct view *const view = s->view;
    struct stack_part *parts = NULL;
    size_t size = 0;
    view->part_threads = arena_get(&view->arena, profile->n_threads * sizeof(const char *));
    for (size_t i = 0; i < profile->n_threads; i++) {
        const size_t n_before = view->n_parts;
        memset(s->self, 0, s->n_tree * sizeof *s->self);
        memset(s->own, 0, s->n_tree * sizeof(struct weights *));
        add_thread(s, profile->threads[i]);
        for (size_t node = 0; node < s->n_tree; node++) {
            if (s->self[node] == 0)
                continue;
            parts = memory_grow(parts, &size, view->n_parts + 1, sizeof *parts);
            parts[view->n_parts++] = (struct stack_part){
                s->node_of[node], (uint32_t)view->n_part_threads, s->self[node]};
        }
        if (view->n_parts > n_before)
            view->part_threads[view->n_part_threads++] =
                thread_label(s, profile->threads[i]->thread);
    }
    if (view->n_part_threads < 2)
        view->n_parts = view->n_part_threads = 0;
    struct stack_part *const kept = arena_get(&view->arena, (view->n_parts + 1) * sizeof *kept);
    if (view->n_parts > 0)
        memcpy(kept, parts, view->n_parts * sizeof *kept);
    view->parts = kept;
    free(parts);
}

/* Node 0, and all nodes below it. */
static void add_nodes(struct stacks *s, struct stacks_form form)
{
    const struct profile *const profile = s->profile;
    add_node(s, (struct stack_node){.frame = {.function = "", .file = ""},
                                    .label = "",
                                    .package = "",
                                    .object = "",
                                    .build_id = ""});
    if (form.root == STACKS_MERGED) {
        add_threads(s, 0, profile->n_threads);
        add_tree(s, 0);
        if (profile->stretches_by != NULL)
            add_courses(s);
        if (form.parts)
            add_parts(s);
    }
    for (size_t i = 0; form.root == STACKS_PER_THREAD && i < profile->n_threads; i++) {
        add_threads(s, i, 1);
        if (s->first[TREE_ROOT] == 0)
            continue;
        const char *const label = thread_label(s, profile->threads[i]->thread);
        add_tree(s, add_thread_node(s, i, label));
    }
    for (size_t i = s->n_nodes; i-- > 0;) {
        s->nodes[i].total += s->nodes[i].self;
        if (i > 0)
            s->nodes[s->nodes[i].parent].total += s->nodes[i].total;
    }
}

void stacks_build(struct view *view, const struct profile *profile, const struct metric *metric,
                  struct stacks_form form)
{
    struct tree joined = {0};
    struct stacks s = {.view = view,
                       .profile = profile,
                       .metric = metric,
                       .by_function = form.by_function,
                       .tree = profile->tree.nodes,
                       .n_tree = profile->tree.n,
                       .n_places = profile->symbols.n_places};
    if (form.by_function)
        join_functions(&s, &joined);
    s.labels = naming_make(&view->arena, &profile->symbols, &profile->modules);
    s.rank = memory_get((s.n_places + 1) * sizeof *s.rank);
    s.shared = memory_get(s.n_places + 1);
    s.self = memory_get(s.n_tree * sizeof *s.self);
    s.own = memory_get(s.n_tree * sizeof(struct weights *));
    s.node_of = memory_get(s.n_tree * sizeof *s.node_of);
    s.first = memory_get(s.n_tree * sizeof *s.first);
    s.next = memory_get(s.n_tree * sizeof *s.next);
    rank_places(&s);
    add_nodes(&s, form);
    view->shape = SHAPE_STACKS;
    view->metric = metric;
    view->by_function = form.by_function;
    view->n_places = (uint32_t)(s.n_places + profile->n_threads);
    view->n_functions = (uint32_t)(profile->symbols.n_functions + profile->n_threads);
    view->n_nodes = s.n_nodes;
    view->nodes = arena_get(&view->arena, s.n_nodes * sizeof *view->nodes);
    memcpy(view->nodes, s.nodes, s.n_nodes * sizeof *view->nodes);
    tree_clear(&joined);
    free(s.merged);
    free(s.rank);
    free(s.shared);
    free(s.self);
    free(s.own);
    free(s.node_of);
    free(s.first);
    free(s.next);
    free(s.nodes);
}
