/* SPDX-License-Identifier: MIT */
#include "idle_visits.h"

#include "analyze/base/memory.h"
#include "analyze/read/unit.h"

#include <stdlib.h>
#include <string.h>

/* ---- the stack as it goes ---- */

bool idle_is_lost(const struct scene *scene, uint32_t node)
{
    return node == TREE_ROOT || (scene->tree.nodes[node].parent == TREE_ROOT &&
                                 scene_frame(scene, node).file[0] == '\0');
}

static size_t depth_of(const struct tree *tree, uint32_t node)
{
    size_t n = 0;
    for (; node != TREE_ROOT; node = tree->nodes[node].parent)
        n++;
    return n;
}

static uint64_t call_hash(const void *owner, uint32_t n)
{
    return hash_pair(((const struct idle_thread *)owner)->calls[n].function, 0);
}

/* A call has ended at the end_ns of the thread's observed time. */
static void count_call(const struct idle *idle, struct idle_thread *t, const struct idle_frame *f,
                       uint64_t end_ns)
{
    hash_reserve(&t->call_hash, call_hash, t);
    const uint64_t ns = end_ns - f->entered_ns;
    uint64_t at = hash_pair(f->function, 0);
    uint32_t n;
    while ((n = hash_slot(&t->call_hash, at)) != HASH_NONE && t->calls[n].function != f->function)
        at++;
    if (n == HASH_NONE) {
        t->calls = memory_grow(t->calls, &t->calls_size, t->n_calls + 1, sizeof *t->calls);
        n = (uint32_t)t->n_calls++;
        hash_put(&t->call_hash, at, n);
        t->calls[n] = (struct idle_calls){.function = f->function};
    }
    t->calls[n].n++;
    t->calls[n].ns += ns;
    t->calls[n].n_short += ns < idle->short_ns / 4 * 3; /* what a tick at either end may hide */
}

/* Two calls of one line: `parse(socket.recv(9))` waits in the one and lets the other work. */
static bool is_elsewhere(const struct position *a, const struct position *b)
{
    return a->end_column != 0 && b->end_column != 0 &&
           (a->column != b->column || a->end_column != b->end_column ||
            a->lines_more != b->lines_more);
}

/* Note in which expression it waits, and from which ones of its callers the next one is called. */
static void note_positions(const struct idle *idle, struct idle_thread *t, uint32_t stack,
                           bool waits)
{
    if (t->n_path == 0)
        return;
    if (waits)
        t->path[t->n_path - 1].at = scene_position(idle->scene, stack);
    for (size_t i = t->n_path - 1; i-- > 0;) {
        struct idle_frame *const f = &t->path[i];
        stack = scene_callers(idle->scene, stack);
        const struct position at = scene_position(idle->scene, stack);
        if (!is_elsewhere(&f->at, &at))
            f->called_here = t->step;
    }
}

/*
 * The thread is seen in another stack, from at_ns of its observed time on. Frames stay as long as
 * they are in the same line; the first one that is in another line stays, too, but what it calls
 * was called anew.
 */
static void move_to(struct idle *idle, struct idle_thread *t, uint32_t node, uint64_t at_ns)
{
    const struct tree *const tree = &idle->scene->tree;
    const size_t n = depth_of(tree, node);
    bool same = true;
    t->path = memory_grow(t->path, &t->path_size, n + 1, sizeof *t->path);
    uint32_t *const nodes = memory_get((n + 1) * sizeof *nodes);
    uint32_t at = node;
    for (size_t i = n; i-- > 0; at = tree->nodes[at].parent)
        nodes[i] = at;
    for (size_t i = 0; i < n; i++) {
        struct idle_frame *const f = &t->path[i];
        const bool was = same && i < t->n_path;
        const uint32_t function = idle_function(idle, nodes[i]);
        same = was && f->node == nodes[i];
        if (!was || f->function != function) {
            if (i < t->n_path)
                count_call(idle, t, f, at_ns);
            *f = (struct idle_frame){.entered = t->step, .entered_ns = at_ns};
        }
        if (!same)
            f->line_since = t->step;
        f->node = nodes[i];
        f->function = function;
        if (i + 1 < n)
            f->called = t->step;
    }
    for (size_t i = n; i < t->n_path; i++)
        count_call(idle, t, &t->path[i], at_ns);
    t->n_path = n;
    free(nodes);
}

/* ---- places ---- */

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
    t->places = memory_grow(t->places, &t->size, t->n_all + 1, sizeof *t->places);
    hash_put(&t->hash, at, (uint32_t)t->n_all);
    t->places[t->n_all] = (struct idle_place){.node = node, .call = call};
    return (uint32_t)t->n_all++;
}

static void count_cycle(struct idle_place *p, uint32_t function)
{
    for (size_t i = 0; i < p->n_cycles; i++) {
        if (p->cycles[i].function == function) {
            p->cycles[i].n++;
            return;
        }
    }
    p->cycles = memory_grow(p->cycles, &p->cycles_size, p->n_cycles + 1, sizeof *p->cycles);
    p->cycles[p->n_cycles++] = (struct idle_cycle){function, 1};
}

/*
 * It is there again, and was seen in something else since. Where that was the same line of the same
 * function without any that it calls, it may have been the very call that blocks, awake in between.
 */
static void come_back(const struct idle_thread *t, struct idle_place *p)
{
    size_t i = t->n_path;
    while (i > 0 && t->path[i - 1].entered > p->last_step)
        i--;
    const bool same_line = i > 0 && i == t->n_path && t->path[i - 1].line_since <= p->last_step;
    const bool called = same_line && t->path[i - 1].called > p->last_step;
    if (!same_line || called)
        count_cycle(p, i > 0 ? t->path[i - 1].function : TREE_ROOT);
    p->calls_back += same_line && t->path[i - 1].called_here > p->last_step;
}

static void visit(struct idle_thread *t, uint32_t n, const struct scene *scene,
                  const struct span *span, uint64_t short_ns)
{
    struct idle_place *const p = &t->places[n];
    const uint64_t wall_ns = span->wall_q * scene->reader->quantum_ns;
    if (t->last != n + 1) {
        const uint64_t away_ns = t->wall_ns - wall_ns - p->left_ns;
        if (p->visits > 0 && away_ns >= short_ns) {
            p->n_away++;
            p->away_ns += away_ns;
        }
        if (p->visits++ > 0)
            come_back(t, p);
        p->returns += p->visits > 1 && t->last_blocked == n + 1;
        p->visit_ns = p->visit_ticks = 0;
    } else if (span->cpu_q > 0) {
        p->visits++;
        p->returns++;
        p->visit_ns = p->visit_ticks = 0;
    }
    p->left_ns = t->wall_ns;
    if (p->visits == 1 && p->blocked_ns == 0) {
        p->first_ns = scene_before_ns(scene, span->first);
        p->before_ns = t->wall_ns - wall_ns;
    }
    p->blocked_ns += wall_ns;
    p->visit_ns += wall_ns;
    p->n_lasting += p->visit_ticks < 2 && p->visit_ticks + span->n >= 2;
    p->visit_ticks += span->n;
    p->longest_ns = p->visit_ns > p->longest_ns ? p->visit_ns : p->longest_ns;
    p->last_ns = scene_time_ns(scene, span->first + span->n - 1);
    p->last_step = t->step;
    t->last = t->last_blocked = n + 1;
}

/* ---- times ---- */

static uint64_t time_hash(const void *owner, uint32_t n)
{
    return hash_pair(((const struct idle_thread *)owner)->times[n].node, 0);
}

static void count_time(struct idle_thread *t, uint32_t node, uint64_t ns)
{
    hash_reserve(&t->time_hash, time_hash, t);
    uint64_t at = hash_pair(node, 0);
    for (uint32_t n; (n = hash_slot(&t->time_hash, at)) != HASH_NONE; at++) {
        if (t->times[n].node == node) {
            t->times[n].ns += ns;
            return;
        }
    }
    t->times = memory_grow(t->times, &t->times_size, t->n_times + 1, sizeof *t->times);
    hash_put(&t->time_hash, at, (uint32_t)t->n_times);
    t->times[t->n_times++] = (struct idle_time){node, ns};
}

void idle_visits_add(struct idle *idle, struct idle_thread *t, const struct span *span)
{
    struct scene *const scene = idle->scene;
    const uint64_t wall_ns = span->wall_q * scene->reader->quantum_ns;
    const uint32_t node = scene_node(scene, span->stack);
    const enum state_class class = state_class(span->state);
    t->wall_ns += wall_ns;
    const uint32_t call = scene_call(scene, span);
    if (class == CLASS_UNKNOWN || (class == CLASS_BLOCKED && call == SCENE_NO_CALL))
        t->unknown_ns += wall_ns;
    count_time(t, node, wall_ns);
    if (idle_is_lost(scene, node) && class != CLASS_BLOCKED) { /* says nothing of where it went */
        t->last = 0;
        return;
    }
    t->step++;
    if (t->n_path == 0 || t->path[t->n_path - 1].node != node)
        move_to(idle, t, node, t->wall_ns - wall_ns);
    note_positions(idle, t, span->stack, class == CLASS_BLOCKED);
    if (class != CLASS_BLOCKED || call == SCENE_NO_CALL) {
        t->last = 0;
        return;
    }
    visit(t, place_make(t, node, call), scene, span, idle->short_ns);
}

void idle_visits_end(struct idle *idle, struct idle_thread *t)
{
    for (size_t i = 0; i < t->n_path; i++)
        count_call(idle, t, &t->path[i], t->wall_ns);
    t->n_path = 0;
}

void idle_visits_clear(struct idle_thread *t)
{
    for (size_t i = 0; i < t->n_all; i++)
        free(t->places[i].cycles);
    free(t->places);
    free(t->times);
    free(t->calls);
    free(t->path);
    hash_clear(&t->call_hash);
    hash_clear(&t->hash);
    hash_clear(&t->time_hash);
}
