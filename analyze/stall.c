/* SPDX-License-Identifier: MIT */
#include "stall.h"

#include "memory.h"
#include "unit.h"

#include <stdlib.h>

/* A stack that could not be read must not end a stall. */
#define OUTSIDE_MAX_NS 20000000u

struct stall_watch {
    const struct thread *thread;
    const struct idle_thread *idle;
    bool entered; /* it was seen idle, or in a loop that is known */
    bool busy;
    struct stall now;    /* while busy: up to the last sample of work */
    struct stall beyond; /* with what came after that, and may have been work */
    uint64_t last_ns;    /* end of the sample before */
    bool wants_gil;      /* the last that was sure about it: it waited for the GIL */
};

/* ---- finding ---- */

static void watch_end(struct stalls *stalls, struct stall_watch *w, bool open)
{
    if (!w->busy)
        return;
    w->busy = false;
    if (w->now.wall_ns < stalls->over_ns)
        return;
    stalls->list = memory_grow(stalls->list, &stalls->size, stalls->n + 1, sizeof *stalls->list);
    stalls->list[stalls->n] = w->now;
    stalls->list[stalls->n++].open = open;
}

static void watch_add(struct stall *stall, const struct scene *scene, const struct span *span,
                      uint32_t tick, enum state_class class)
{
    const uint64_t wall_ns = scene_wall_ns(scene, tick, 1);
    stall->end_ns = scene_time_ns(scene, tick);
    stall->wall_ns += wall_ns;
    stall->class_ns[class] += wall_ns;
    if (tick == span->first)
        stall->cpu_ns += span->cpu_q * scene->reader->quantum_ns;
}

static void watch_work(struct stalls *stalls, struct stall_watch *w, const struct span *span,
                       uint32_t tick, bool is_work)
{
    if (!w->busy) {
        if (!is_work || !w->entered)
            return;
        w->busy = true;
        w->now = (struct stall){
            .thread = w->thread, .idle = w->idle, .begin_ns = scene_before_ns(stalls->scene, tick)};
        w->beyond = w->now;
    }
    watch_add(&w->beyond, stalls->scene, span, tick, state_class(span->state));
    if (is_work)
        w->now = w->beyond;
    else if (w->beyond.end_ns - w->now.end_ns > OUTSIDE_MAX_NS)
        watch_end(stalls, w, false);
}

static void watch_span(struct stalls *stalls, struct stall_watch *w, const struct span *span)
{
    struct scene *const scene = stalls->scene;
    const enum idle_relation relation =
        idle_relation(stalls->idle, w->idle, scene_node(scene, span->stack),
                      state_class(span->state), scene_call(scene, span));
    if (scene_before_ns(scene, span->first) != w->last_ns) { /* nobody saw what was between */
        watch_end(stalls, w, false);
        w->entered = idle_has_loop(w->idle);
    }
    w->last_ns = scene_time_ns(scene, span->first + span->n - 1);
    const enum state_class class = state_class(span->state);
    /* who waits for the GIL wakes up every few ms to ask for it: that is no coming back */
    const bool asks = w->wants_gil && (class == CLASS_ON_CPU || class == CLASS_READY);
    if (relation == IDLE_BACK && !asks) {
        w->wants_gil = false;
        watch_end(stalls, w, false);
        w->entered = true;
        return;
    }
    if (!asks)
        w->wants_gil = class == CLASS_WAITS_GIL;
    for (uint32_t k = 0; k < span->n; k++)
        watch_work(stalls, w, span, span->first + k, relation == IDLE_WORK);
}

static struct stall_watch *watch_of(struct stalls *stalls, const struct thread *thread)
{
    for (size_t i = 0; i < stalls->n_watches; i++) {
        const size_t at = (stalls->next + i) % stalls->n_watches;
        if (stalls->watches[at].thread == thread) {
            stalls->next = at + 1;
            return &stalls->watches[at];
        }
    }
    const struct idle_thread *const idle = idle_thread_of(stalls->idle, thread);
    if (idle == NULL)
        return NULL;
    stalls->watches = memory_grow(stalls->watches, &stalls->watches_size, stalls->n_watches + 1,
                                  sizeof *stalls->watches);
    stalls->watches[stalls->n_watches] = (struct stall_watch){.thread = thread, .idle = idle};
    return &stalls->watches[stalls->n_watches++];
}

static void find_in_range(void *closure, struct scene *scene)
{
    struct stalls *const stalls = closure;
    for (size_t i = 0; i < scene->n_threads; i++) {
        const struct scene_thread *const t = &scene->threads[i];
        struct stall_watch *const w =
            idle_wants(stalls->select, t->thread) ? watch_of(stalls, t->thread) : NULL;
        for (size_t s = 0; w != NULL && w->idle->n_places > 0 && s < t->n_spans; s++)
            watch_span(stalls, w, &t->spans[s]);
    }
}

static int compare_stalls(const void *left, const void *right)
{
    const struct stall *const a = left, *const b = right;
    const uint64_t x = stall_length_ns(a), y = stall_length_ns(b);
    if (x != y)
        return x < y ? 1 : -1;
    return (a->begin_ns > b->begin_ns) - (a->begin_ns < b->begin_ns);
}

void stalls_find(struct stalls *stalls, struct idle *idle, struct trace *trace,
                 const struct select *select, uint64_t over_ns)
{
    *stalls =
        (struct stalls){.scene = idle->scene, .idle = idle, .select = select, .over_ns = over_ns};
    scene_run(stalls->scene, trace, select, find_in_range, stalls);
    for (size_t i = 0; i < stalls->n_watches; i++)
        watch_end(stalls, &stalls->watches[i], true);
    if (stalls->n > 1)
        qsort(stalls->list, stalls->n, sizeof *stalls->list, compare_stalls);
}

void stalls_clear(struct stalls *stalls)
{
    for (size_t i = 0; i < stalls->n; i++) {
        free(stalls->list[i].entries);
        hash_clear(&stalls->list[i].hash);
    }
    free(stalls->list);
    free(stalls->watches);
    *stalls = (struct stalls){0};
}

/* ---- details ---- */

static uint64_t key_hash(enum stall_kind kind, const struct thread *thread, uint32_t number,
                         uint32_t call)
{
    return hash_pair(hash_pair((uintptr_t)thread, (uint64_t)kind << 32 | call), number);
}

static uint64_t entry_hash(const void *owner, uint32_t n)
{
    const struct stall_entry *const e = &((const struct stall *)owner)->entries[n];
    return key_hash(e->kind, e->thread, e->number, e->call);
}

static void entry_add(struct stall *stall, struct stall_entry key, enum state_class class,
                      uint64_t wall_ns)
{
    hash_reserve(&stall->hash, entry_hash, stall);
    uint64_t at = key_hash(key.kind, key.thread, key.number, key.call);
    for (uint32_t n; (n = hash_slot(&stall->hash, at)) != HASH_NONE; at++) {
        struct stall_entry *const e = &stall->entries[n];
        if (e->kind == key.kind && e->thread == key.thread && e->number == key.number &&
            e->call == key.call) {
            e->wall_ns[class] += wall_ns;
            return;
        }
    }
    stall->entries = memory_grow(stall->entries, &stall->size, stall->n + 1, sizeof key);
    hash_put(&stall->hash, at, (uint32_t)stall->n);
    key.wall_ns[class] = wall_ns;
    stall->entries[stall->n++] = key;
}

/* Who held the GIL at each tick of a span in which the thread waited for it. */
static void add_holders(struct stall *stall, struct scene *scene, uint32_t first, uint32_t end)
{
    for (uint32_t tick = first; tick < end; tick++) {
        const uint32_t holder = scene_holder_at(scene, tick);
        struct stall_entry key = {.kind = STALL_GIL, .number = TREE_ROOT};
        if (holder != SCENE_NOBODY && scene->threads[holder].thread != stall->thread) {
            const struct span *const span = scene_span(&scene->threads[holder], tick);
            key.thread = scene->threads[holder].thread;
            key.number = span != NULL ? scene_node(scene, span->stack) : TREE_ROOT;
        }
        entry_add(stall, key, CLASS_WAITS_GIL, scene_wall_ns(scene, tick, 1));
    }
}

static void add_own(struct stall *stall, struct scene *scene, const struct span *span,
                    uint32_t first, uint32_t end)
{
    const enum state_class class = state_class(span->state);
    const uint64_t wall_ns = scene_wall_ns(scene, first, end - first);
    const uint32_t node = scene_node(scene, span->stack), call = scene_call(scene, span);
    entry_add(stall, (struct stall_entry){.kind = STALL_STACK, .number = node}, class, wall_ns);
    if (class == CLASS_BLOCKED)
        entry_add(stall, (struct stall_entry){.kind = STALL_CALL, .number = node, .call = call},
                  class, wall_ns);
    if (class == CLASS_WAITS_GIL)
        add_holders(stall, scene, first, end);
}

static void add_span(struct stall *stall, struct scene *scene, const struct scene_thread *t,
                     const struct span *span, uint32_t first, uint32_t end)
{
    if (t->thread == stall->thread) {
        add_own(stall, scene, span, first, end);
        return;
    }
    const struct stall_entry key = {.kind = STALL_OTHER,
                                    .thread = t->thread,
                                    .number = scene_node(scene, span->stack),
                                    .call = scene_call(scene, span)};
    entry_add(stall, key, state_class(span->state), scene_wall_ns(scene, first, end - first));
}

/* The first tick at or after ns; n_ticks when there is none. */
static uint32_t tick_at(const struct scene *scene, uint64_t ns)
{
    uint32_t low = 0, high = scene->n_ticks;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (scene_time_ns(scene, middle) < ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void detail_stall(struct stall *stall, struct scene *scene)
{
    if (stall->thread->process != scene->process ||
        stall->begin_ns >= scene_time_ns(scene, scene->n_ticks - 1) ||
        stall->end_ns <= scene_before_ns(scene, 0))
        return;
    const uint32_t begin = tick_at(scene, stall->begin_ns + 1);
    const uint32_t end = tick_at(scene, stall->end_ns + 1);
    for (size_t i = 0; i < scene->n_threads; i++) {
        const struct scene_thread *const t = &scene->threads[i];
        for (size_t s = 0; s < t->n_spans && t->spans[s].first < end; s++) {
            const struct span *const span = &t->spans[s];
            const uint32_t first = span->first > begin ? span->first : begin;
            const uint32_t last = span->first + span->n < end ? span->first + span->n : end;
            if (first < last)
                add_span(stall, scene, t, span, first, last);
        }
    }
}

struct detailing {
    struct stalls *stalls;
    size_t n;
};

static void detail_range(void *closure, struct scene *scene)
{
    const struct detailing *const d = closure;
    for (size_t i = 0; i < d->n; i++)
        detail_stall(&d->stalls->list[i], scene);
}

/* What is below each caller, up to the loop. */
static void add_tree(struct stalls *stalls, struct stall *stall)
{
    const struct tree *const tree = &stalls->scene->tree;
    const size_t n = stall->n;
    for (size_t i = 0; i < n; i++) {
        const struct stall_entry e = stall->entries[i];
        if (e.kind != STALL_STACK)
            continue;
        const uint32_t loop = idle_loop_node(stalls->idle, stall->idle, e.number);
        for (uint32_t node = e.number; node != loop; node = tree->nodes[node].parent) {
            for (int c = 0; c < CLASS_COUNT; c++) {
                if (e.wall_ns[c] > 0)
                    entry_add(stall, (struct stall_entry){.kind = STALL_TREE, .number = node},
                              (enum state_class)c, e.wall_ns[c]);
            }
        }
    }
}

void stalls_detail(struct stalls *stalls, struct trace *trace, const struct select *select,
                   size_t n)
{
    struct detailing detailing = {stalls, n < stalls->n ? n : stalls->n};
    if (detailing.n == 0)
        return;
    scene_run(stalls->scene, trace, select, detail_range, &detailing);
    for (size_t i = 0; i < detailing.n; i++)
        add_tree(stalls, &stalls->list[i]);
}
