/* SPDX-License-Identifier: MIT */
#include "idle_next.h"

#include "idle_names.h"

#include <string.h>

/* It cannot go on without waiting: for the time to come, or, of a window's loop, nobody minds. */
static bool waits_each_time(const struct idle *idle, const struct idle_place *p)
{
    return p->nests || (p->call != SCENE_NO_CALL && idle_call_sleeps(idle->scene->calls[p->call]));
}

bool idle_takes_next(const struct idle *idle, const struct idle_thread *t)
{
    for (size_t i = 0; i < t->n_places; i++) {
        if (!waits_each_time(idle, &t->places[i]))
            return true;
    }
    return false;
}

bool idle_is_taking(struct idle *idle, uint32_t function)
{
    while (idle_bits_of(idle, function) & IDLE_NAME_WAIT)
        function = idle->functions.nodes[function].parent;
    return (idle_bits_of(idle, function) & IDLE_NAME_TAKES) != 0;
}

uint32_t idle_called(struct idle *idle, const struct idle_thread *t, uint32_t node)
{
    const uint32_t function = idle_function(idle, node);
    uint32_t loop = TREE_ROOT;
    for (size_t i = 0; i < t->n_places; i++) {
        const struct idle_place *const p = &t->places[i];
        const bool is_c = p->nests && p->loop != TREE_ROOT && p->loop != function;
        if (is_c && p->loop > loop && idle_is_below(idle, function, p->loop))
            loop = p->loop; /* further in: callers have smaller numbers */
    }
    return loop != TREE_ROOT ? idle_child(idle, function, loop) : TREE_ROOT;
}

bool idle_took_next(struct idle *idle, struct idle_trail *trail, uint32_t node)
{
    const struct tree_node *const nodes = idle->scene->tree.nodes;
    struct idle_trail now = {.n = 0};
    bool took = false, same = true;
    idle_function(idle, node);
    for (uint32_t at = node; at != TREE_ROOT; at = nodes[at].parent) {
        if (!(idle_bits_of(idle, idle->function_of[at]) & IDLE_NAME_ONCE))
            continue;
        if (now.n == ARRAY_LEN(now.list)) /* the outer ones tell more */
            now.n--;
        memmove(now.list + 1, now.list, now.n * sizeof *now.list);
        now.list[0].function = idle->function_of[at];
        now.list[0].line = scene_frame(idle->scene, at).line;
        now.n++;
    }
    for (size_t i = 0; i < now.n && i < trail->n && same && !took; i++) {
        same = now.list[i].function == trail->list[i].function;
        took = same && now.list[i].line < trail->list[i].line;
        same &= now.list[i].line == trail->list[i].line;
    }
    *trail = now;
    return took;
}
