/* SPDX-License-Identifier: MIT */
#include "graph.h"

#include "analyze/base/memory.h"

#include <stdlib.h>
#include <string.h>

/* A key of two numbers of a node; equal keys get the same number, in order of the keys. */
struct keyed {
    uint32_t a, b, node;
};

struct numbering {
    struct keyed *keys; /* by number: the key, and the first node that has it */
    uint32_t *of_node;
    size_t n;
};

struct graph_builder {
    const struct stack_node *nodes;
    size_t n_nodes;
    uint64_t *self, *total; /* of each node, by the graph's metric */
    uint32_t *function;     /* per node: in the graph */
    struct graph *graph;
    struct arena *arena;
};

static int compare_keyed(const void *left, const void *right)
{
    const struct keyed *const x = left, *const y = right;
    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    if (x->b != y->b)
        return x->b < y->b ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

/* Number the keys of nodes 1 .. n - 1; keys[0] is not used and is taken over. */
static struct numbering number_keys(struct keyed *keys, size_t n_nodes)
{
    struct numbering out = {.keys = keys, .of_node = memory_get(n_nodes * sizeof(uint32_t))};
    if (n_nodes > 2)
        qsort(keys + 1, n_nodes - 1, sizeof *keys, compare_keyed);
    for (size_t i = 1; i < n_nodes; i++) {
        const struct keyed key = keys[i];
        if (out.n == 0 || keys[out.n - 1].a != key.a || keys[out.n - 1].b != key.b)
            keys[out.n++] = key;
        out.of_node[key.node] = (uint32_t)out.n - 1;
    }
    return out;
}

static void numbering_free(struct numbering *numbering)
{
    free(numbering->keys);
    free(numbering->of_node);
}

/* Functions in the order in which they first appear in the tree, behind the root. */
static void add_functions(struct graph_builder *b, const struct view *view)
{
    uint32_t *const number = memory_get((view->n_functions + 1) * sizeof *number);
    size_t n = 1;
    for (size_t i = 1; i < b->n_nodes; i++) {
        uint32_t *const at = &number[b->nodes[i].function];
        if (*at == 0)
            *at = (uint32_t)n++;
        b->function[i] = *at;
    }
    b->graph->n_functions = n;
    b->graph->functions = arena_get(b->arena, n * sizeof *b->graph->functions);
    b->graph->functions[GRAPH_ROOT] = (struct graph_function){
        .name = GRAPH_ROOT_NAME, .file = "", .label = GRAPH_ROOT_NAME, .package = ""};
    for (size_t i = 1; i < b->n_nodes; i++) {
        struct graph_function *const f = &b->graph->functions[b->function[i]];
        f->name = b->nodes[i].frame.function;
        f->file = b->nodes[i].frame.file;
        f->label = b->nodes[i].label;
        f->package = b->nodes[i].package;
        f->first_line = b->nodes[i].first_line;
    }
    free(number);
}

/*
 * For each node: is nothing above it in its stack of the same number? `out` may be the function
 * of each node or its caller and function.
 */
static bool *find_outermost(const struct graph_builder *b, const uint32_t *number, size_t n_numbers)
{
    bool *const out = memory_get(b->n_nodes);
    uint32_t *const active = memory_get((n_numbers + 1) * sizeof *active);
    uint32_t *path = NULL;
    size_t path_size = 0, depth = 0;
    for (size_t i = 1; i < b->n_nodes; i++) {
        const size_t d = b->nodes[i].depth;
        path = memory_grow(path, &path_size, d + 1, sizeof *path);
        while (depth >= d && depth > 0)
            active[path[depth--]]--;
        depth = d;
        path[d] = number[i];
        out[i] = active[number[i]]++ == 0;
    }
    free(path);
    free(active);
    return out;
}

static void add_weights(struct graph_builder *b)
{
    struct graph_function *const functions = b->graph->functions;
    bool *const outermost = find_outermost(b, b->function, b->graph->n_functions);
    functions[GRAPH_ROOT].cum = b->total[0];
    for (size_t i = 1; i < b->n_nodes; i++) {
        functions[b->function[i]].self += b->self[i];
        functions[b->function[i]].cum += outermost[i] ? b->total[i] : 0;
    }
    free(outermost);
}

static void add_lines(struct graph_builder *b)
{
    struct keyed *const keys = memory_get(b->n_nodes * sizeof *keys);
    for (size_t i = 1; i < b->n_nodes; i++)
        keys[i] = (struct keyed){b->function[i], b->nodes[i].frame.line, (uint32_t)i};
    struct numbering numbers = number_keys(keys, b->n_nodes);
    struct graph_line *const lines = arena_get(b->arena, numbers.n * sizeof *lines);
    for (size_t i = 0; i < numbers.n; i++) {
        struct graph_function *const f = &b->graph->functions[numbers.keys[i].a];
        lines[i].line = numbers.keys[i].b;
        f->lines = f->n_lines++ == 0 ? &lines[i] : f->lines;
    }
    for (size_t i = 1; i < b->n_nodes; i++)
        lines[numbers.of_node[i]].self += b->self[i];
    numbering_free(&numbers);
}

/* Calls by calling line, in order of the calling function, its line and the called one. */
static void add_calls(struct graph_builder *b)
{
    struct keyed *const places = memory_get(b->n_nodes * sizeof *places);
    struct keyed *const keys = memory_get(b->n_nodes * sizeof *keys);
    bool *const outermost = find_outermost(b, b->function, b->graph->n_functions);
    for (size_t i = 1; i < b->n_nodes; i++) {
        const uint32_t parent = b->nodes[i].parent;
        places[i] = (struct keyed){b->function[parent], b->nodes[parent].frame.line, (uint32_t)i};
    }
    struct numbering callers = number_keys(places, b->n_nodes);
    for (size_t i = 1; i < b->n_nodes; i++)
        keys[i] = (struct keyed){callers.of_node[i], b->function[i], (uint32_t)i};
    struct numbering numbers = number_keys(keys, b->n_nodes);
    struct graph_call *const calls = arena_get(b->arena, numbers.n * sizeof *calls);
    for (size_t i = 0; i < numbers.n; i++) {
        const struct keyed *const from = &callers.keys[numbers.keys[i].a];
        struct graph_function *const f = &b->graph->functions[from->a];
        calls[i].from = from->a;
        calls[i].from_line = from->b;
        calls[i].to = numbers.keys[i].b;
        f->calls = f->n_calls++ == 0 ? &calls[i] : f->calls;
    }
    for (size_t i = 1; i < b->n_nodes; i++) {
        calls[numbers.of_node[i]].self += b->self[i];
        calls[numbers.of_node[i]].cum += outermost[i] ? b->total[i] : 0;
    }
    numbering_free(&callers);
    numbering_free(&numbers);
    free(outermost);
}

/* Calls by calling function, in order of the called one. */
static void add_callers(struct graph_builder *b)
{
    struct keyed *const keys = memory_get(b->n_nodes * sizeof *keys);
    for (size_t i = 1; i < b->n_nodes; i++)
        keys[i] = (struct keyed){b->function[i], b->function[b->nodes[i].parent], (uint32_t)i};
    struct numbering numbers = number_keys(keys, b->n_nodes);
    bool *const outermost = find_outermost(b, numbers.of_node, numbers.n);
    struct graph_call *const callers = arena_get(b->arena, numbers.n * sizeof *callers);
    for (size_t i = 0; i < numbers.n; i++) {
        struct graph_function *const f = &b->graph->functions[numbers.keys[i].a];
        callers[i].to = numbers.keys[i].a;
        callers[i].from = numbers.keys[i].b;
        f->callers = f->n_callers++ == 0 ? &callers[i] : f->callers;
    }
    for (size_t i = 1; i < b->n_nodes; i++) {
        callers[numbers.of_node[i]].self += b->self[i];
        callers[numbers.of_node[i]].cum += outermost[i] ? b->total[i] : 0;
    }
    numbering_free(&numbers);
    free(outermost);
}

/* What the nodes weigh by the graph's metric. */
static void weigh_nodes(struct graph_builder *b, const struct view *view)
{
    const struct metric *const metric = b->graph->metric;
    memset(b->total, 0, b->n_nodes * sizeof *b->total);
    for (size_t i = b->n_nodes; i-- > 0;) {
        const struct stack_node *const node = &b->nodes[i];
        b->self[i] = node->self;
        if (metric != view->metric)
            b->self[i] = node->weights != NULL && node->self > 0 ? metric->of(node->weights) : 0;
        b->total[i] += b->self[i];
        if (i > 0)
            b->total[node->parent] += b->total[i];
    }
}

void graph_build(struct view *view, const struct metric *const *more, size_t n_more)
{
    struct graph_builder b = {
        .nodes = view->nodes, .n_nodes = view->n_nodes, .arena = &view->arena};
    struct graph *const graphs = arena_get(&view->arena, (n_more + 1) * sizeof *graphs);
    b.function = memory_get(b.n_nodes * sizeof *b.function);
    b.self = memory_get(b.n_nodes * sizeof *b.self);
    b.total = memory_get(b.n_nodes * sizeof *b.total);
    for (size_t i = 0; i <= n_more; i++) {
        b.graph = &graphs[i];
        b.graph->metric = i == 0 ? view->metric : more[i - 1];
        weigh_nodes(&b, view);
        add_functions(&b, view);
        add_weights(&b);
        add_lines(&b);
        add_calls(&b);
        add_callers(&b);
    }
    view->graphs = graphs;
    view->n_graphs = n_more + 1;
    view->shape = SHAPE_GRAPH;
    free(b.function);
    free(b.self);
    free(b.total);
}
