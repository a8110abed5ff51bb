/* SPDX-License-Identifier: MIT */
#include "idle_place.h"

#include "idle_names.h"
#include "memory.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

/* What a place that is not known by name must show. */
#define VISITS_MIN    3
#define BLOCKED_SHARE 0.05 /* of the thread's time it is blocked there */
#define LOOP_SHARE    0.6  /* of the thread's time has the loop on the stack */
#define WAIT_SHARE    0.9  /* of the time in a function that only waits */
#define LOOP_FAR      3    /* frames between loop and wait, at most */

/* The wait of a known loop is not deeper than this below it. */
#define WAIT_FRAMES 4

/* ---- functions ---- */

/* The node in idle->functions: the same path without lines. */
static uint32_t function_of(struct idle *idle, uint32_t node)
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

/* Is `above` on the way from the root to `node`, or the node itself? */
static bool is_below(const struct tree *tree, uint32_t node, uint32_t above)
{
    while (node > above) /* parents have smaller numbers */
        node = tree->nodes[node].parent;
    return node == above;
}

/* ---- what a blocked place is ---- */

/* Fill in loop and wait; false when the loop is not known by name. */
static bool place_recognize(struct idle *idle, struct idle_place *p)
{
    const struct tree *const tree = &idle->scene->tree;
    uint32_t at = p->node, wait = TREE_ROOT;
    struct frame frame = scene_frame(idle->scene, at);
    unsigned bits = idle_name_of(&frame);
    p->wait = p->loop = function_of(idle, at);
    if (bits & IDLE_NAME_SELF) {
        if (!idle_call_waits(idle->scene->calls[p->call]))
            return false;
        p->nests = (bits & IDLE_NAME_NESTS) != 0;
        if (bits & IDLE_NAME_APART) { /* then all that is not the wait is work */
            p->loop = TREE_ROOT;
            p->by_function = true;
            return true;
        }
        p->is_loop = true;
        return true;
    }
    for (int i = 0; i < WAIT_FRAMES && (bits & IDLE_NAME_WAIT); i++) {
        wait = at;
        at = tree->nodes[at].parent;
        if (bits & IDLE_NAME_QUEUE)
            break;
        frame = scene_frame(idle->scene, at);
        bits = idle_name_of(&frame);
    }
    if (wait == TREE_ROOT || !(bits & (IDLE_NAME_QUEUE | IDLE_NAME_LOOP)))
        return false;
    p->wait = function_of(idle, wait);
    p->loop = function_of(idle, at);
    p->by_function = true;
    p->own_code = p->is_loop = (bits & IDLE_NAME_LOOP) != 0;
    return true;
}

/* How much of a thread's time has this function on the stack, at this place. */
static uint64_t time_below(struct idle *idle, const struct idle_thread *t, uint32_t function)
{
    uint64_t sum_ns = 0;
    for (uint32_t i = 0; i < t->n_node_ns; i++) {
        if (t->node_ns[i] > 0 && is_below(&idle->functions, function_of(idle, i), function))
            sum_ns += t->node_ns[i];
    }
    return sum_ns;
}

/*
 * A place that nobody knows by name: does the thread come back to it, and is there a loop around it
 * in which it spends its time?
 */
static bool place_shows_loop(struct idle *idle, const struct idle_thread *t, struct idle_place *p)
{
    if (p->visits < VISITS_MIN || (double)p->blocked_ns < BLOCKED_SHARE * (double)t->wall_ns ||
        !idle_call_waits(idle->scene->calls[p->call]))
        return false;
    uint32_t node = p->node;
    for (int i = 0; i < LOOP_FAR; i++) {
        p->loop = function_of(idle, node);
        if ((double)time_below(idle, t, p->loop) >= LOOP_SHARE * (double)t->wall_ns)
            return true;
        if (node == TREE_ROOT ||
            (double)p->blocked_ns < WAIT_SHARE * (double)time_below(idle, t, p->loop))
            return false;
        p->wait = p->loop;
        p->by_function = true;
        node = idle->scene->tree.nodes[node].parent;
    }
    return false;
}

/* Does the user mean this place? It may wait in, or below, what he named. */
static bool place_is_named(const struct idle *idle, struct idle_place *p)
{
    p->meant = false;
    for (uint32_t node = p->node; node != TREE_ROOT; node = idle->scene->tree.nodes[node].parent) {
        const struct frame frame = scene_frame(idle->scene, node);
        for (size_t i = 0; i < idle->n_names; i++) {
            if (idle_name_is(&frame, idle->names[i])) {
                p->meant = node == p->node;
                return true;
            }
        }
    }
    return false;
}

/* ---- choosing ---- */

static int compare_places(const void *left, const void *right)
{
    const struct idle_place *const a = left, *const b = right;
    if (a->blocked_ns != b->blocked_ns)
        return a->blocked_ns < b->blocked_ns ? 1 : -1;
    return (a->node > b->node) - (a->node < b->node);
}

/* Is `a` a wait inside of b's work? */
static bool is_inside(const struct idle *idle, const struct idle_place *a,
                      const struct idle_place *b)
{
    return a->loop != b->loop && !a->meant && !(a->nests && b->nests) &&
           is_below(&idle->functions, a->loop, b->loop);
}

static void drop_inner(const struct idle *idle, struct idle_thread *t)
{
    size_t kept = 0;
    struct idle_place *const all = memory_get((t->n_places + 1) * sizeof *all);
    if (t->n_places > 0)
        memcpy(all, t->places, t->n_places * sizeof *all);
    for (size_t i = 0; i < t->n_places; i++) {
        bool inner = false;
        for (size_t k = 0; k < t->n_places && !inner; k++)
            inner = is_inside(idle, &all[i], &all[k]);
        if (!inner)
            t->places[kept++] = all[i];
    }
    t->n_places = kept;
    free(all);
}

/* Keep those that pass; false, and nothing changed, when none does. */
static bool keep_places(struct idle *idle, struct idle_thread *t,
                        bool (*passes)(struct idle *idle, const struct idle_thread *t,
                                       struct idle_place *p))
{
    size_t kept = 0;
    for (size_t i = 0; i < t->n_places; i++) {
        struct idle_place p = t->places[i];
        if (!passes(idle, t, &p))
            continue;
        t->places[i] = t->places[kept];
        t->places[kept++] = p;
    }
    if (kept == 0)
        return false;
    t->n_places = kept;
    return true;
}

static bool passes_known(struct idle *idle, const struct idle_thread *t, struct idle_place *p)
{
    (void)t;
    p->known = place_recognize(idle, p);
    return p->known;
}

/* Named by the user: around the wait is its own function, unless the trace shows more. */
static bool passes_named(struct idle *idle, const struct idle_thread *t, struct idle_place *p)
{
    if (!place_is_named(idle, p))
        return false;
    if (passes_known(idle, t, p))
        return true;
    if (!place_shows_loop(idle, t, p)) {
        p->by_function = false;
        p->loop = function_of(idle, p->node);
    }
    return true;
}

static void thread_choose(struct idle *idle, struct idle_thread *t)
{
    if (t->n_places == 0)
        return;
    qsort(t->places, t->n_places, sizeof *t->places, compare_places);
    t->most = t->places[0];
    if (idle->n_names > 0
            ? !keep_places(idle, t, passes_named)
            : !keep_places(idle, t, passes_known) && !keep_places(idle, t, place_shows_loop))
        t->n_places = 0;
    drop_inner(idle, t);
    if (t->n_places > 1)
        qsort(t->places, t->n_places, sizeof *t->places, compare_places);
}

/* ---- reading ---- */

struct learning {
    struct idle *idle;
    const struct select *select;
};

bool idle_wants(const struct select *select, const struct thread *thread)
{
    return select->n_threads > 0 ? select_has_thread(select, thread->name, thread->os_tid)
                                 : thread->main;
}

const struct idle_thread *idle_thread_of(const struct idle *idle, const struct thread *thread)
{
    for (size_t i = 0; i < idle->n_threads; i++) {
        if (idle->threads[i]->thread == thread)
            return idle->threads[i];
    }
    return NULL;
}

static struct idle_thread *thread_make(struct idle *idle, const struct thread *thread)
{
    for (size_t i = 0; i < idle->n_threads; i++) {
        const size_t at = (idle->next + i) % idle->n_threads;
        if (idle->threads[at]->thread == thread) {
            idle->next = at + 1;
            return idle->threads[at];
        }
    }
    struct idle_thread *const t = memory_get(sizeof *t);
    t->thread = thread;
    idle->threads = memory_grow(idle->threads, &idle->threads_size, idle->n_threads + 1,
                                sizeof(struct idle_thread *));
    idle->threads[idle->n_threads++] = t;
    return t;
}

static uint64_t place_hash(const void *owner, uint32_t n)
{
    const struct idle_place *const p = &((const struct idle_thread *)owner)->places[n];
    return hash_pair(p->node, p->call);
}

/* Number of a blocked place of the thread, made when it is new. */
static uint32_t place_make(struct idle_thread *t, uint32_t node, uint32_t call)
{
    hash_reserve(&t->hash, place_hash, t);
    uint64_t at = hash_pair(node, call);
    for (uint32_t n; (n = hash_slot(&t->hash, at)) != HASH_NONE; at++) {
        if (t->places[n].node == node && t->places[n].call == call)
            return n;
    }
    t->places = memory_grow(t->places, &t->size, t->n_places + 1, sizeof *t->places);
    hash_put(&t->hash, at, (uint32_t)t->n_places);
    t->places[t->n_places] = (struct idle_place){.node = node, .call = call};
    return (uint32_t)t->n_places++;
}

static void take_span(struct scene *scene, struct idle_thread *t, const struct span *span)
{
    const uint64_t wall_ns = span->wall_q * scene->reader->quantum_ns;
    const uint32_t node = scene_node(scene, span->stack);
    t->wall_ns += wall_ns;
    t->node_ns = memory_grow(t->node_ns, &t->node_ns_size, node + 1, sizeof *t->node_ns);
    for (; t->n_node_ns <= node; t->n_node_ns++)
        t->node_ns[t->n_node_ns] = 0;
    t->node_ns[node] += wall_ns;
    const uint32_t call = scene_call(scene, span);
    if (state_class(span->state) != CLASS_BLOCKED || call == SCENE_NO_CALL) {
        t->last = 0;
        return;
    }
    const uint32_t n = place_make(t, node, call);
    t->places[n].blocked_ns += wall_ns;
    t->places[n].visits += t->last != n + 1;
    t->last = n + 1;
}

static void take_range(void *closure, struct scene *scene)
{
    const struct learning *const learning = closure;
    for (size_t i = 0; i < scene->n_threads; i++) {
        const struct scene_thread *const from = &scene->threads[i];
        if (!idle_wants(learning->select, from->thread))
            continue;
        struct idle_thread *const t = thread_make(learning->idle, from->thread);
        for (size_t s = 0; s < from->n_spans; s++)
            take_span(scene, t, &from->spans[s]);
    }
}

void idle_learn(struct idle *idle, struct scene *scene, struct trace *trace,
                const struct select *select, const char *const *names, size_t n_names)
{
    struct learning learning = {idle, select};
    *idle = (struct idle){.scene = scene, .names = names, .n_names = n_names};
    tree_init(&idle->functions);
    scene_names(scene, trace, select);
    scene_run(scene, trace, select, take_range, &learning);
    for (size_t i = 0; i < idle->n_threads; i++)
        thread_choose(idle, idle->threads[i]);
}

void idle_clear(struct idle *idle)
{
    for (size_t i = 0; i < idle->n_threads; i++) {
        free(idle->threads[i]->places);
        free(idle->threads[i]->node_ns);
        hash_clear(&idle->threads[i]->hash);
        free(idle->threads[i]);
    }
    free(idle->threads);
    free(idle->function_of);
    tree_clear(&idle->functions);
    *idle = (struct idle){0};
}

/* ---- asking ---- */

static enum idle_relation relation_to(struct idle *idle, const struct idle_place *p, uint32_t node,
                                      enum state_class class, uint32_t call)
{
    const uint32_t function = function_of(idle, node);
    if (!is_below(&idle->functions, function, p->loop))
        return IDLE_OUTSIDE;
    if (p->by_function && is_below(&idle->functions, function, p->wait))
        return class == CLASS_BLOCKED || class == CLASS_ON_CPU ? IDLE_BACK : IDLE_WORK;
    if (node == p->node && call == p->call && class == CLASS_BLOCKED)
        return IDLE_BACK;
    if (function == p->loop && p->own_code && class == CLASS_ON_CPU)
        return IDLE_BACK;
    return IDLE_WORK;
}

enum idle_relation idle_relation(struct idle *idle, const struct idle_thread *t, uint32_t node,
                                 enum state_class class, uint32_t call)
{
    enum idle_relation best = IDLE_OUTSIDE;
    for (size_t i = 0; i < t->n_places && best != IDLE_BACK; i++) {
        const enum idle_relation r = relation_to(idle, &t->places[i], node, class, call);
        best = r > best ? r : best;
    }
    return best;
}

bool idle_has_loop(const struct idle_thread *t)
{
    for (size_t i = 0; i < t->n_places; i++) {
        if (t->places[i].is_loop)
            return true;
    }
    return false;
}

uint32_t idle_loop_node(struct idle *idle, const struct idle_thread *t, uint32_t node)
{
    const struct tree *const tree = &idle->scene->tree;
    for (; node != TREE_ROOT; node = tree->nodes[node].parent) {
        for (size_t i = 0; i < t->n_places; i++) {
            if (function_of(idle, node) == t->places[i].loop)
                return node;
        }
    }
    return TREE_ROOT;
}
