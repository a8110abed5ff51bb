/* SPDX-License-Identifier: MIT */
#include "idle_evidence.h"

#include "analyze/base/memory.h"
#include "format/status.h"
#include "idle_names.h"

#include <stdlib.h>
#include <string.h>

/* Of what is done around it, so much must be below a loop; less is the wait's own housekeeping. */
#define WORK_SHARE 0.2

/* The wait of a known loop is not deeper than this below it; where anything may be, this. */
#define WAIT_FRAMES 6
#define DEEP_FRAMES 24

void idle_weigh(struct idle_weighing *w, struct idle *idle, struct idle_thread *t)
{
    for (size_t i = 0; i < t->n_times; i++)
        idle_function(idle, t->times[i].node);
    *w = (struct idle_weighing){idle, t, memory_get((idle->functions.n + 1) * sizeof(uint64_t))};
    for (size_t i = 0; i < t->n_times; i++) {
        uint32_t f = idle_function(idle, t->times[i].node);
        for (; f != TREE_ROOT; f = idle->functions.nodes[f].parent)
            w->below_ns[f] += t->times[i].ns;
        w->below_ns[TREE_ROOT] += t->times[i].ns;
    }
}

void idle_weighing_clear(struct idle_weighing *w)
{
    free(w->below_ns);
    w->below_ns = NULL;
}

/* ---- names ---- */

static uint32_t parent_of(const struct idle *idle, uint32_t function)
{
    return function == TREE_ROOT ? TREE_ROOT : idle->functions.nodes[function].parent;
}

static void set_known(struct idle_place *p, uint32_t wait, uint32_t loop)
{
    p->known = true;
    p->rank = IDLE_RANK_KNOWN;
    p->wait = wait;
    p->loop = loop;
}

/* It waits in C, in this function. */
static void know_self(struct idle_place *p, uint32_t leaf, unsigned bits)
{
    p->nests = (bits & IDLE_NAME_NESTS) != 0;
    p->is_loop = true;
    set_known(p, leaf, leaf);
    if (bits & IDLE_NAME_APART) { /* then all that is not the wait is work */
        p->loop = TREE_ROOT;
        p->by_function = true;
        p->is_loop = false;
    }
}

/* What is known by name: the loop, or a wait for something to do, which is asked by a loop. */
static void recognize(struct idle *idle, struct idle_place *p)
{
    const uint32_t leaf = idle_function(idle, p->node);
    uint32_t at = leaf, wait = TREE_ROOT, queue = TREE_ROOT;
    unsigned bits = idle_bits_of(idle, at);
    if ((bits & IDLE_NAME_SELF) && idle_call_of(idle->scene->calls[p->call]) != IDLE_CALL_NEVER) {
        know_self(p, leaf, bits);
        return;
    }
    bool here = false;
    for (int i = 0; i < WAIT_FRAMES && (bits & IDLE_NAME_WAIT); i++) {
        here |= (bits & IDLE_NAME_HERE) != 0;
        wait = at;
        queue = bits & IDLE_NAME_QUEUE ? at : queue;
        at = parent_of(idle, at);
        bits = idle_bits_of(idle, at);
    }
    if (wait != TREE_ROOT && (bits & IDLE_NAME_LOOP)) {
        set_known(p, wait, bits & IDLE_NAME_APART ? TREE_ROOT : at);
        p->own_code = p->is_loop = !(bits & IDLE_NAME_APART);
        p->by_function = !here;
        p->wait = here ? leaf : wait;
        return;
    }
    at = leaf;
    for (int i = 0; i < DEEP_FRAMES && at != TREE_ROOT && queue == TREE_ROOT; i++) {
        queue = idle_bits_of(idle, at) & IDLE_NAME_DEEP ? at : queue;
        at = parent_of(idle, at);
    }
    if (queue == TREE_ROOT)
        return;
    p->queue = p->known = true;
    p->wait = queue;
    p->here = (idle_bits_of(idle, queue) & IDLE_NAME_HERE) != 0;
}

/* What it calls to wait, seen there without having to; UINT32_MAX when it was not seen. */
static uint32_t wait_below(const struct idle *idle, uint32_t loop)
{
    for (uint32_t f = loop + 1; f < idle->functions.n; f++) { /* parents come first */
        if (idle->functions.nodes[f].parent == loop && (idle_bits_of(idle, f) & IDLE_NAME_WAIT))
            return f;
    }
    return UINT32_MAX;
}

/* A node of the scene that is this function. */
static uint32_t node_of(const struct idle *idle, uint32_t function)
{
    for (uint32_t node = 1; node < idle->n_function_of; node++) {
        if (idle->function_of[node] == function)
            return node;
    }
    return TREE_ROOT;
}

size_t idle_add_loop(struct idle *idle, struct idle_thread *t, uint32_t loop)
{
    t->places = memory_grow(t->places, &t->size, t->n_all + 1, sizeof *t->places);
    t->places[t->n_all] = (struct idle_place){
        .node = node_of(idle, loop),
        .call = SCENE_NO_CALL,
        .rank = IDLE_RANK_KNOWN,
        .known = true,
        .is_loop = true,
        .own_code = (idle_bits_of(idle, loop) & IDLE_NAME_LOOP) != 0,
        .by_function = true,
        .wait = wait_below(idle, loop),
        .loop = loop,
    };
    return t->n_all++;
}

/* ---- structure ---- */

/* Of the time with a function on the stack, what is not this wait. */
static uint64_t other_ns(const struct idle_weighing *w, const struct idle_place *p, uint32_t f)
{
    const uint32_t leaf = idle_function(w->idle, p->node);
    const uint64_t wait_ns = f == leaf ? p->blocked_ns : w->below_ns[idle_child(w->idle, leaf, f)];
    return w->below_ns[f] - (wait_ns < w->below_ns[f] ? wait_ns : w->below_ns[f]);
}

/* The innermost function that is no known wait itself. */
static uint32_t caller_of_wait(const struct idle *idle, uint32_t function)
{
    while (idle_bits_of(idle, function) & IDLE_NAME_WAIT)
        function = parent_of(idle, function);
    return function;
}

/* The time in which a function waited as a loop in C does, which calls the work from that line. */
static uint64_t own_wait_ns(const struct idle_weighing *w, const struct idle_place *but,
                            uint32_t function)
{
    uint64_t ns = 0;
    for (size_t i = 0; i < w->thread->n_all; i++) {
        const struct idle_place *const p = &w->thread->places[i];
        if (p != but && p->calls_back > 1 && idle_function(w->idle, p->node) == function &&
            idle_call_of(w->idle->scene->calls[p->call]) >= IDLE_CALL_MANY)
            ns += p->blocked_ns;
    }
    return ns;
}

/* The innermost that stayed on the stack from visit to visit, and under which there is work. */
static uint32_t loop_of(const struct idle_weighing *w, const struct idle_place *p)
{
    struct idle *const idle = w->idle;
    const uint32_t start = caller_of_wait(idle, p->queue ? p->wait : idle_function(idle, p->node));
    if (p->n_cycles == 0)
        return start;
    uint32_t outer = p->cycles[0].function, best;
    for (size_t i = 1; i < p->n_cycles; i++)
        outer = p->cycles[i].function < outer ? p->cycles[i].function : outer;
    best = outer;
    /* between two dialogs lies what the loop around them waited, and that is no work */
    const uint64_t waits_ns = outer != start ? own_wait_ns(w, p, outer) : 0;
    const double all = (double)other_ns(w, p, outer) - (double)waits_ns;
    for (size_t i = 0; i < p->n_cycles; i++) {
        const uint32_t f = p->cycles[i].function;
        if (f > best && (double)other_ns(w, p, f) >= WORK_SHARE * all)
            best = f;
    }
    return idle_is_below(idle, best, start) ? start : best; /* in the wait: its caller */
}

/* Frames from the wait up to the loop that are no known wait. */
static unsigned count_wrapped(const struct idle_weighing *w, const struct idle_place *p)
{
    const struct idle *const idle = w->idle;
    unsigned n = 0;
    uint32_t at = p->queue ? parent_of(idle, p->wait) : idle_function(w->idle, p->node);
    for (; at != p->loop && at != TREE_ROOT; at = parent_of(idle, at))
        n += !(idle_bits_of(idle, at) & IDLE_NAME_WAIT);
    return n;
}

static const char *file_of(const struct idle *idle, uint32_t function)
{
    return idle->scene->symbols.functions[idle->functions.nodes[function].place].file;
}

/* Is all that is called from the loop to the wait in the folder of the loop's library, or Python's?
 */
static bool is_of_library(const struct idle *idle, const struct idle_place *p, uint32_t leaf)
{
    if (p->loop == TREE_ROOT || !idle_is_library(file_of(idle, p->loop)))
        return false;
    const char *const home = file_of(idle, p->loop), *const slash = strrchr(home, '/');
    const size_t len = slash != NULL ? (size_t)(slash - home) + 1 : 0;
    for (uint32_t at = leaf; at != p->loop; at = parent_of(idle, at)) {
        const char *const file = file_of(idle, at);
        if (strncmp(file, home, len) != 0 &&
            !(idle_is_library(file) && strstr(file, "-packages/") == NULL))
            return false;
    }
    return true;
}

static enum idle_rank rank_of(const struct idle_weighing *w, const struct idle_place *p,
                              uint32_t leaf)
{
    const enum idle_call call = idle_call_of(w->idle->scene->calls[p->call]);
    if (p->loop == leaf && p->calls_back > 0 && call >= IDLE_CALL_MANY)
        return IDLE_RANK_CALLS;
    if (call == IDLE_CALL_NEVER)
        return IDLE_RANK_NONE;
    if (p->wrapped == 0)
        return p->queue ? IDLE_RANK_QUEUE : IDLE_RANK_DIRECT;
    if (call == IDLE_CALL_LOOPS)
        return IDLE_RANK_DIRECT;
    if (p->queue || is_of_library(w->idle, p, leaf))
        return IDLE_RANK_WRAPPED;
    return IDLE_RANK_NONE;
}

void idle_rank_place(struct idle_weighing *w, struct idle_place *p)
{
    const uint32_t leaf = idle_function(w->idle, p->node);
    recognize(w->idle, p);
    if (p->rank == IDLE_RANK_KNOWN)
        return;
    p->loop = loop_of(w, p);
    p->wrapped = count_wrapped(w, p);
    p->rank = rank_of(w, p, leaf);
    p->nests = p->in_line = p->is_loop = p->rank == IDLE_RANK_CALLS;
    p->by_function = p->loop != leaf && !p->here;
    if (p->here)
        p->wait = leaf;
    else if (!p->queue)
        p->wait = idle_child(w->idle, leaf, p->loop);
}

/* By who starts threads, processes and programs, or by nobody. */
static bool is_called_once(const struct idle *idle, uint32_t function)
{
    static const char *const starters[] = {"/threading.py", "/multiprocessing/process.py",
                                           "/runpy.py", "<frozen runpy>"};
    const uint32_t caller = parent_of(idle, function);
    for (size_t i = 0; caller != TREE_ROOT && i < ARRAY_LEN(starters); i++) {
        const char *const file = file_of(idle, caller);
        const size_t len = strlen(file), end = strlen(starters[i]);
        if (len >= end && strcmp(file + len - end, starters[i]) == 0)
            return true;
    }
    return caller == TREE_ROOT;
}

bool idle_only_waits(struct idle *idle, const struct idle_thread *t, const struct idle_place *p)
{
    const uint32_t leaf = idle_function(idle, p->node);
    if (p->loop != leaf || is_called_once(idle, leaf))
        return false;
    const uint32_t line = scene_frame(idle->scene, p->node).line;
    for (size_t i = 0; i < t->n_times; i++) {
        const uint32_t f = idle_function(idle, t->times[i].node);
        if (idle_is_below(idle, f, leaf) &&
            (f != leaf || scene_frame(idle->scene, t->times[i].node).line != line))
            return false;
    }
    return true;
}

/* ---- named by the user ---- */

/* The first caller from `start` on that also calls something else; false when there is none. */
static bool find_caller(const struct idle_weighing *w, const struct idle_place *p, uint32_t start,
                        uint32_t *loop)
{
    const double all = (double)other_ns(w, p, TREE_ROOT);
    for (uint32_t f = start;; f = parent_of(w->idle, f)) {
        if ((double)other_ns(w, p, f) >= WORK_SHARE * all) {
            *loop = f;
            return all > 0;
        }
        if (f == TREE_ROOT)
            return false;
    }
}

bool idle_rank_named(struct idle_weighing *w, struct idle_place *p)
{
    struct idle *const idle = w->idle;
    const uint32_t leaf = idle_function(idle, p->node);
    if (p->rank == IDLE_RANK_KNOWN)
        return true;
    const bool below = p->named != TREE_ROOT && p->named != leaf;
    const uint32_t start = below ? p->named : caller_of_wait(idle, leaf);
    if (p->n_cycles == 0 && !find_caller(w, p, start, &p->loop))
        return false;
    p->by_function = p->loop != leaf;
    p->wait = idle_child(idle, leaf, p->loop);
    if (below && p->named > p->loop) /* as far out as the user says */
        p->wait = p->named;
    p->wrapped = count_wrapped(w, p);
    return true;
}
