/* SPDX-License-Identifier: MIT */
#include "idle_place.h"

#include "idle_names.h"
#include "idle_next.h"
#include "idle_visits.h"

#include <string.h>

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
    if (p->loop == TREE_ROOT
            ? idle_is_lost(idle->scene, node)
            : idle_bits_of(idle, idle_child(idle, function, p->loop)) & IDLE_NAME_LEFT)
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
    if (class == CLASS_ON_CPU && idle_is_taking(idle, function))
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
