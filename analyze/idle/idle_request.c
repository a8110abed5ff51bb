/* SPDX-License-Identifier: MIT */
#include "idle_request.h"

#include "analyze/base/path.h"
#include "idle_evidence.h"
#include "idle_names.h"

#include <string.h>

/* Lines of functions of socketserver.py, from their `def` on, the same in all versions. */
#define FORKS_IN_LINE 2u
#define OTHERS_LINES  8u

static uint32_t parent_of(const struct idle *idle, uint32_t function)
{
    return idle->functions.nodes[function].parent;
}

/* The outermost on the way to a function that has one of these bits; TREE_ROOT when none has. */
static uint32_t outermost(const struct idle *idle, uint32_t function, unsigned bits)
{
    uint32_t found = TREE_ROOT;
    for (uint32_t f = function; f != TREE_ROOT; f = parent_of(idle, f))
        found = idle_bits_of(idle, f) & bits ? f : found;
    return found;
}

/* A frame that stands for what is not known. */
static bool is_lost(const struct idle *idle, uint32_t function)
{
    while (function != TREE_ROOT && parent_of(idle, function) != TREE_ROOT)
        function = parent_of(idle, function);
    const struct tree_node *const node = &idle->functions.nodes[function];
    return function == TREE_ROOT || idle->scene->symbols.functions[node->place].file[0] == '\0';
}

/* Is all that leads there of libraries, as Thread.run() is: no worker of the program's own? */
static bool is_begun_with(const struct idle *idle, uint32_t request)
{
    for (uint32_t f = parent_of(idle, request); f != TREE_ROOT; f = parent_of(idle, f)) {
        const uint32_t function = idle->functions.nodes[f].place;
        if (!idle_is_library(idle->scene->symbols.functions[function].file))
            return false;
    }
    return true;
}

/*
 * Is it done neither by what the thread was begun with nor beside it? Then it is of what begins and
 * ends all threads.
 */
static bool is_around(const struct idle *idle, uint32_t function, uint32_t request)
{
    const uint32_t run = parent_of(idle, request);
    return function == run || run == TREE_ROOT || !idle_is_below(idle, function, run);
}

/* How many lines behind the `def` of its function a frame is. */
static uint32_t lines_into(const struct idle *idle, uint32_t node)
{
    const uint32_t function = idle->functions.nodes[idle->function_of[node]].place;
    return scene_frame(idle->scene, node).line - idle->scene->symbols.functions[function].line;
}

/*
 * Of ForkingMixIn: process_request() forks in one line and handles the request further down than
 * what others of that name have. Before 3.11 the class is not in the name.
 */
static bool is_forking(const struct idle *idle, uint32_t node)
{
    const uint32_t lines = lines_into(idle, node);
    return (idle_bits_of(idle, idle->function_of[node]) & IDLE_NAME_FORKS) &&
           (lines == FORKS_IN_LINE || lines > OTHERS_LINES);
}

/* The outermost on the way to a node that forks for each connection; TREE_ROOT when none does. */
static uint32_t forked_by(struct idle *idle, uint32_t node)
{
    uint32_t found = TREE_ROOT;
    (void)idle_function(idle, node);
    for (; node != TREE_ROOT; node = idle->scene->tree.nodes[node].parent)
        found = is_forking(idle, node) ? idle->function_of[node] : found;
    return found;
}

void idle_request_find(struct idle *idle, struct idle_thread *t)
{
    const bool is_process = t->thread->main;
    uint32_t request = TREE_ROOT;
    t->request = TREE_ROOT;
    if (is_process && !t->thread->process->is_forked)
        return;
    for (size_t i = 0; i < t->n_times && request == TREE_ROOT; i++) {
        const uint32_t node = t->times[i].node;
        request = is_process ? forked_by(idle, node)
                             : outermost(idle, idle_function(idle, node), IDLE_NAME_SERVES);
    }
    if (request == TREE_ROOT || (!is_process && !is_begun_with(idle, request)))
        return;
    for (size_t i = 0; i < t->n_times; i++) {
        const uint32_t f = idle_function(idle, t->times[i].node);
        /* what is around it in a process is its parent's */
        if (!idle_is_below(idle, f, request) &&
            !(is_process ? is_lost(idle, f) : is_around(idle, f, request)))
            return; /* it does something else as well */
        t->http |= outermost(idle, f, IDLE_NAME_ASKS) != TREE_ROOT;
    }
    t->request = request;
    if (!is_process)
        idle->request = request;
}

bool idle_request_begins(struct idle *idle, const struct idle_thread *t)
{
    for (size_t i = 0; i < t->n_times; i++) {
        const uint32_t f = idle_function(idle, t->times[i].node);
        if (!is_lost(idle, f) && !is_around(idle, f, idle->request))
            return false;
    }
    return idle->request != TREE_ROOT && !t->thread->main;
}

/* ---- where it waits for a request ---- */

/* Something may have come, from the client or from a database. */
static bool may_read(const struct idle *idle, const struct idle_place *p)
{
    const char *const call = idle->scene->calls[p->call];
    return idle_call_of(call) != IDLE_CALL_NEVER && !idle_call_sleeps(call) &&
           strcmp(call, "futex") != 0 && strcmp(call, "[futex_wait_queue]") != 0;
}

/* Does it wait for a request? Sets what waits, and how that is known. */
static bool waits_for_request(const struct idle *idle, const struct idle_thread *t,
                              struct idle_place *p)
{
    const uint32_t leaf = idle->function_of[p->node];
    uint32_t at = leaf, wait = leaf;
    while (idle_bits_of(idle, at) & IDLE_NAME_READS) {
        wait = at;
        at = parent_of(idle, at);
    }
    /* a handler's own handle(), called by what socketserver makes handlers with */
    const bool own = !t->http && at != TREE_ROOT && idle_is_below(idle, at, t->request) &&
                     (idle_bits_of(idle, parent_of(idle, at)) & IDLE_NAME_ONCE);
    if (!may_read(idle, p) || (!own && !(idle_bits_of(idle, at) & IDLE_NAME_ASKS)))
        return false;
    p->rank = own ? IDLE_RANK_DIRECT : IDLE_RANK_KNOWN;
    p->known = p->is_loop = true;
    p->by_function = at != leaf;
    p->wait = wait;
    p->loop = t->request;
    return true;
}

bool idle_request_choose(struct idle *idle, struct idle_thread *t, bool *chosen)
{
    bool reads = false, waits = false;
    for (size_t i = 0; i < t->n_all; i++) {
        chosen[i] = waits_for_request(idle, t, &t->places[i]);
        waits |= chosen[i];
        reads |= may_read(idle, &t->places[i]);
    }
    if (!t->http && reads && !waits)
        return false;
    chosen[idle_add_loop(idle, t, t->request)] = true;
    return true;
}

void idle_request_adopt(struct idle_thread *t)
{
    for (size_t i = 0; t->request != TREE_ROOT && i < t->n_places; i++) {
        t->places[i].loop = t->request;
        t->places[i].is_loop = true;
    }
}

/* ---- is it one piece of work? ---- */

/*
 * Is it the first call of handle_one_request() in handle()? The second one is in a loop, two lines
 * further down. The lines are those from its `def` on, the same in all versions.
 */
static bool is_first(const struct idle *idle, uint32_t node)
{
    static const struct {
        const char *file;
        uint32_t lines;
    } first[] = {{"http/server.py", 4}, {"django/core/servers/basehttp.py", 2}};
    const struct frame frame = scene_frame(idle->scene, node);
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        if (path_ends_with(frame.file, first[i].file))
            return lines_into(idle, node) <= first[i].lines;
    }
    return false;
}

bool idle_request_is_one(struct idle *idle, const struct idle_thread *t, uint32_t node)
{
    const struct tree_node *const nodes = idle->scene->tree.nodes;
    uint32_t asks = TREE_ROOT;
    idle_function(idle, node);
    for (uint32_t at = node; at != TREE_ROOT; at = nodes[at].parent)
        asks = idle_bits_of(idle, idle->function_of[at]) & IDLE_NAME_ASKS ? at : asks;
    if (asks == TREE_ROOT) /* before or after all requests, or without any that are known */
        return t->http || t->n_places == 1;
    const uint32_t caller = nodes[asks].parent;
    return (idle_bits_of(idle, idle->function_of[caller]) & IDLE_NAME_ONCE) ||
           is_first(idle, caller);
}
