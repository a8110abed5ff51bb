/* SPDX-License-Identifier: MIT */
#include "idle_place.h"

#include "analyze/base/memory.h"
#include "analyze/read/unit.h"
#include "idle_choose.h"
#include "idle_names.h"

#include <stdlib.h>
#include <string.h>

/* ---- functions ---- */

uint32_t idle_function(struct idle *idle, uint32_t node)
{
    const struct scene *const scene = idle->scene;
    idle->function_of = memory_grow(idle->function_of, &idle->function_of_size, scene->tree.n,
                                    sizeof *idle->function_of);
    for (; idle->n_function_of < scene->tree.n; idle->n_function_of++) {
        /* parents come first */
        const size_t i = idle->n_function_of;
        const struct tree_node *const n = &scene->tree.nodes[i];
        idle->function_of[i] = i == TREE_ROOT
                                   ? TREE_ROOT
                                   : tree_child(&idle->functions, idle->function_of[n->parent],
                                                scene->symbols.places[n->place].function);
    }
    return idle->function_of[node];
}

bool idle_is_below(const struct idle *idle, uint32_t function, uint32_t above)
{
    while (function > above) /* parents have smaller numbers */
        function = idle->functions.nodes[function].parent;
    return function == above;
}

uint32_t idle_child(const struct idle *idle, uint32_t function, uint32_t loop)
{
    while (function > loop && idle->functions.nodes[function].parent != loop)
        function = idle->functions.nodes[function].parent;
    return function;
}

/* ---- reading ---- */

bool idle_wants(const struct select *select, const struct thread *thread)
{
    return select->n_threads > 0 ? select_has_thread(select, thread->name, thread->os_tid)
                                 : thread->main;
}

const struct idle_thread *idle_thread_of(const struct idle *idle, const struct thread *thread)
{
    const size_t number =
        thread->index < idle->number_of_size ? idle->number_of[thread->index] : 0;
    return number != 0 ? idle->threads[number - 1] : NULL;
}

static struct idle_thread *thread_make(struct idle *idle, const struct thread *thread)
{
    idle->number_of = memory_grow(idle->number_of, &idle->number_of_size, thread->index + 1,
                                  sizeof *idle->number_of);
    size_t *const number = &idle->number_of[thread->index];
    if (*number != 0)
        return idle->threads[*number - 1];
    struct idle_thread *const t = memory_get(sizeof *t);
    t->thread = thread;
    idle->threads = memory_grow(idle->threads, &idle->threads_size, idle->n_threads + 1,
                                sizeof(struct idle_thread *));
    idle->threads[idle->n_threads++] = t;
    *number = idle->n_threads;
    return t;
}

static void take_range(void *closure, struct scene *scene)
{
    struct idle *const idle = closure;
    for (size_t i = 0; i < scene->n_threads; i++) {
        const struct scene_thread *const from = &scene->threads[i];
        struct idle_thread *const t = thread_make(idle, from->thread);
        for (size_t s = 0; s < from->n_spans; s++)
            idle_visits_add(idle, t, &from->spans[s]);
    }
}

void idle_learn(struct idle *idle, struct scene *scene, struct trace *trace,
                const struct select *select, const char *const *names, size_t n_names,
                uint64_t short_ns)
{
    *idle = (struct idle){.scene = scene, .names = names, .n_names = n_names, .short_ns = short_ns};
    tree_init(&idle->functions);
    scene_names(scene, trace, select);
    scene_run(scene, trace, select, take_range, idle);
    for (size_t i = 0; i < idle->n_threads; i++) {
        struct idle_thread *const t = idle->threads[i];
        idle_visits_end(idle, t);
        if (n_names > 0 && idle_wants(select, t->thread))
            idle_choose_named(idle, t);
        else
            idle_choose(idle, t);
    }
}

void idle_clear(struct idle *idle)
{
    for (size_t i = 0; i < idle->n_threads; i++) {
        idle_visits_clear(idle->threads[i]);
        free(idle->threads[i]);
    }
    free(idle->threads);
    free(idle->number_of);
    free(idle->function_of);
    tree_clear(&idle->functions);
    *idle = (struct idle){0};
}

/* ---- asking ---- */

static bool is_restart(const struct scene *scene, uint32_t call)
{
    return call != SCENE_NO_CALL && strcmp(scene->calls[call], "restart_syscall") == 0;
}

bool idle_is_at(struct idle *idle, const struct idle_place *p, uint32_t node,
                enum state_class class, uint32_t call)
{
    const uint32_t function = idle_function(idle, node);
    if (p->by_function)
        return class == CLASS_BLOCKED && idle_is_below(idle, function, p->wait);
    if (class != CLASS_BLOCKED || function != p->wait)
        return false;
    const struct tree_node *const nodes = idle->scene->tree.nodes;
    return nodes[node].place == nodes[p->node].place &&
           (call == p->call || is_restart(idle->scene, call));
}

/* Is the loop on the stack, and where it is C, called from the line that it waits in? */
static bool is_in_loop(struct idle *idle, const struct idle_place *p, uint32_t node)
{
    const struct tree_node *const nodes = idle->scene->tree.nodes;
    if (!idle_is_below(idle, idle_function(idle, node), p->loop))
        return false;
    while (p->in_line && idle_function(idle, node) != p->loop)
        node = nodes[node].parent;
    return !p->in_line || nodes[node].place == nodes[p->node].place;
}

static enum idle_relation relation_to(struct idle *idle, const struct idle_place *p, uint32_t node,
                                      enum state_class class, uint32_t call)
{
    const uint32_t function = idle_function(idle, node);
    if (!is_in_loop(idle, p, node))
        return IDLE_OUTSIDE;
    if (idle_is_at(idle, p, node, class, call))
        return IDLE_BACK;
    if (class == CLASS_UNKNOWN &&
        (p->by_function
             ? idle_is_below(idle, function, p->wait)
             : idle->scene->tree.nodes[node].place == idle->scene->tree.nodes[p->node].place &&
                   function == p->wait))
        return IDLE_UNKNOWN;
    if (class == CLASS_ON_CPU && p->by_function && idle_is_below(idle, function, p->wait))
        return IDLE_BACK;
    if (class == CLASS_ON_CPU && p->own_code && function == p->loop)
        return IDLE_BACK;
    return IDLE_WORK;
}

enum idle_relation idle_relation(struct idle *idle, const struct idle_thread *t, uint32_t node,
                                 enum state_class class, uint32_t call)
{
    enum idle_relation best = IDLE_OUTSIDE;
    bool unknown = false;
    for (size_t i = 0; i < t->n_places && best != IDLE_BACK; i++) {
        const enum idle_relation r = relation_to(idle, &t->places[i], node, class, call);
        unknown |= r == IDLE_UNKNOWN;
        best = r > best ? r : best;
    }
    return unknown && best != IDLE_BACK ? IDLE_UNKNOWN : best;
}

bool idle_has_loop(const struct idle_thread *t)
{
    for (size_t i = 0; i < t->n_places; i++) {
        if (t->places[i].is_loop)
            return true;
    }
    return false;
}

/* Who calls the loop on the way to a place: the node of a function in a line. */
static uint32_t caller_of(const struct idle *idle, const struct idle_place *p)
{
    const struct tree_node *const nodes = idle->scene->tree.nodes;
    uint32_t node = p->node;
    if (p->in_line)
        return node;
    while (node != TREE_ROOT && idle->function_of[node] != p->loop)
        node = nodes[node].parent;
    return node == TREE_ROOT ? TREE_ROOT : nodes[node].parent;
}

bool idle_spans(const struct idle *idle, const struct idle_thread *t, uint64_t from_ns,
                uint64_t to_ns)
{
    for (size_t i = 0; i < t->n_places; i++) {
        uint64_t first_ns = t->places[i].first_ns, last_ns = t->places[i].last_ns;
        const uint32_t caller = caller_of(idle, &t->places[i]);
        for (size_t k = 0; k < t->n_places; k++) {
            const struct idle_place *const p = &t->places[k];
            if (p->loop != t->places[i].loop || caller_of(idle, p) != caller)
                continue;
            first_ns = p->first_ns < first_ns ? p->first_ns : first_ns;
            last_ns = p->last_ns > last_ns ? p->last_ns : last_ns;
        }
        if (first_ns <= from_ns && to_ns <= last_ns)
            return true;
    }
    return false;
}

uint32_t idle_loop_node(struct idle *idle, const struct idle_thread *t, uint32_t node)
{
    const struct tree *const tree = &idle->scene->tree;
    for (uint32_t at = node; at != TREE_ROOT; at = tree->nodes[at].parent) {
        for (size_t i = 0; i < t->n_places; i++) {
            if (idle_function(idle, at) == t->places[i].loop)
                return at;
        }
    }
    for (uint32_t at = node; at != TREE_ROOT; at = tree->nodes[at].parent) {
        for (size_t i = 0; i < t->n_places; i++) {
            if (idle_is_below(idle, t->places[i].loop, idle_function(idle, at)))
                return at;
        }
    }
    return TREE_ROOT;
}
