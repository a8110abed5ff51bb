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

/* What n ticks of a span weigh; CPU waits in *carry_ns for a sample on a CPU. */
static struct weight ticks_weight(const struct scene *scene, const struct span *span,
                                  uint32_t first, uint32_t n, uint64_t *carry_ns)
{
    struct weight w = {
        .samples = n,
        .ticks = scene_due(scene, first, n),
        .wall = scene_wall_ns(scene, first, n),
    };
    if (first == span->first)
        *carry_ns += span->cpu_q * scene->reader->quantum_ns;
    if (state_gets_cpu(state_class(span->state))) {
        w.cpu = *carry_ns;
        *carry_ns = 0;
    }
    return w;
}

static void watch_add(struct stall *stall, const struct scene *scene, const struct span *span,
                      uint32_t tick, bool counts)
{
    const enum state_class class = state_class(span->state);
    const struct weight w = ticks_weight(scene, span, tick, 1, &stall->carry_ns);
    stall->end_ns = scene_time_ns(scene, tick);
    stall->wall_ns += w.wall;
    stall->class_ns[class] += w.wall;
    stall->samples += w.samples;
    stall->ticks += w.ticks;
    if (tick == span->first)
        stall->cpu_ns += span->cpu_q * scene->reader->quantum_ns;
    if (counts)
        weight_add(&stall->counted.by[class], &w);
}

static void watch_work(struct stalls *stalls, struct stall_watch *w, const struct span *span,
                       uint32_t tick, bool is_work)
{
    const bool counts = scene_has_state(stalls->scene, stalls->select, span);
    if (!w->busy) {
        if (!is_work || !w->entered)
            return;
        w->busy = true;
        w->now = (struct stall){
            .thread = w->thread, .idle = w->idle, .begin_ns = scene_before_ns(stalls->scene, tick)};
        w->beyond = w->now;
    }
    watch_add(&w->beyond, stalls->scene, span, tick, counts);
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

static bool is_counted(const struct stall *stall)
{
    return weights_sum(&stall->counted).samples > 0;
}

static int compare_stalls(const void *left, const void *right, void *closure)
{
    const struct metric *const metric = closure;
    const struct stall *const a = left, *const b = right;
    const uint64_t x = metric != NULL ? metric->of(&a->counted) : 0;
    const uint64_t y = metric != NULL ? metric->of(&b->counted) : 0;
    if (is_counted(a) != is_counted(b))
        return is_counted(a) ? -1 : 1;
    if (x != y)
        return x < y ? 1 : -1;
    if (stall_length_ns(a) != stall_length_ns(b))
        return stall_length_ns(a) < stall_length_ns(b) ? 1 : -1;
    return (a->begin_ns > b->begin_ns) - (a->begin_ns < b->begin_ns);
}

void stalls_find(struct stalls *stalls, struct idle *idle, struct trace *trace,
                 const struct select *select, uint64_t over_ns, const struct metric *metric)
{
    *stalls =
        (struct stalls){.scene = idle->scene, .idle = idle, .select = select, .over_ns = over_ns};
    stalls->metric = metric == NULL && select_by_state(select) ? &metrics[METRIC_WALL] : metric;
    scene_run(stalls->scene, trace, select, find_in_range, stalls);
    for (size_t i = 0; i < stalls->n_watches; i++)
        watch_end(stalls, &stalls->watches[i], true);
    if (stalls->n > 1)
        qsort_r(stalls->list, stalls->n, sizeof *stalls->list, compare_stalls,
                (void *)(uintptr_t)stalls->metric);
    while (stalls->n_counted < stalls->n && is_counted(&stalls->list[stalls->n_counted]))
        stalls->n_counted++;
}

void stalls_clear(struct stalls *stalls)
{
    for (size_t i = 0; i < stalls->n; i++) {
        free(stalls->list[i].entries);
        free(stalls->list[i].carries);
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

/* Add what `more` weighs to the entry with its key. */
static void entry_add(struct stall *stall, const struct stall_entry *more)
{
    hash_reserve(&stall->hash, entry_hash, stall);
    uint64_t at = key_hash(more->kind, more->thread, more->number, more->call);
    for (uint32_t n; (n = hash_slot(&stall->hash, at)) != HASH_NONE; at++) {
        struct stall_entry *const e = &stall->entries[n];
        if (e->kind != more->kind || e->thread != more->thread || e->number != more->number ||
            e->call != more->call)
            continue;
        for (int c = 0; c < CLASS_COUNT; c++)
            e->wall_ns[c] += more->wall_ns[c];
        weights_add(&e->counted, &more->counted);
        return;
    }
    stall->entries = memory_grow(stall->entries, &stall->size, stall->n + 1, sizeof *more);
    hash_put(&stall->hash, at, (uint32_t)stall->n);
    stall->entries[stall->n++] = *more;
}

/* What some ticks weigh, and in which class; not counted, they are only part of the stall. */
struct piece {
    enum state_class class;
    bool counts;
    struct weight weight;
};

static void piece_add(struct stall *stall, struct stall_entry key, const struct piece *piece)
{
    key.wall_ns[piece->class] = piece->weight.wall;
    if (piece->counts)
        key.counted.by[piece->class] = piece->weight;
    entry_add(stall, &key);
}

static uint64_t *carry_of(struct stall *stall, const struct thread *thread)
{
    for (size_t i = 0; i < stall->n_carries; i++) {
        if (stall->carries[i].thread == thread)
            return &stall->carries[i].cpu_ns;
    }
    stall->carries = memory_grow(stall->carries, &stall->carries_size, stall->n_carries + 1,
                                 sizeof *stall->carries);
    stall->carries[stall->n_carries] = (struct stall_carry){thread, 0};
    return &stall->carries[stall->n_carries++].cpu_ns;
}

/* Who held the GIL at each tick of a span in which the thread waited for it. */
static void add_holders(struct stall *stall, struct scene *scene, uint32_t first, uint32_t end,
                        bool counts)
{
    for (uint32_t tick = first; tick < end; tick++) {
        const uint32_t holder = scene_holder_at(scene, tick);
        struct stall_entry key = {.kind = STALL_GIL, .number = TREE_ROOT};
        const struct piece piece = {
            CLASS_WAITS_GIL,
            counts,
            {1, scene_due(scene, tick, 1), scene_wall_ns(scene, tick, 1), 0},
        };
        if (holder != SCENE_NOBODY && scene->threads[holder].thread != stall->thread) {
            const struct span *const span = scene_span(&scene->threads[holder], tick);
            key.thread = scene->threads[holder].thread;
            key.number = span != NULL ? scene_node(scene, span->stack) : TREE_ROOT;
        }
        piece_add(stall, key, &piece);
    }
}

static void add_own(struct stall *stall, struct scene *scene, const struct span *span,
                    const struct piece *piece)
{
    const uint32_t node = scene_node(scene, span->stack), call = scene_call(scene, span);
    piece_add(stall, (struct stall_entry){.kind = STALL_STACK, .number = node}, piece);
    if (piece->class == CLASS_BLOCKED)
        piece_add(stall, (struct stall_entry){.kind = STALL_CALL, .number = node, .call = call},
                  piece);
}

static void add_span(struct stall *stall, struct scene *scene, const struct select *select,
                     const struct thread *thread, const struct span *span, uint32_t first,
                     uint32_t end)
{
    const struct piece piece = {
        state_class(span->state),
        scene_has_state(scene, select, span),
        ticks_weight(scene, span, first, end - first, carry_of(stall, thread)),
    };
    if (thread == stall->thread) {
        add_own(stall, scene, span, &piece);
        if (piece.class == CLASS_WAITS_GIL)
            add_holders(stall, scene, first, end, piece.counts);
        return;
    }
    const struct stall_entry key = {.kind = STALL_OTHER,
                                    .thread = thread,
                                    .number = scene_node(scene, span->stack),
                                    .call = scene_call(scene, span)};
    piece_add(stall, key, &piece);
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

static void detail_stall(struct stall *stall, struct scene *scene, const struct select *select)
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
                add_span(stall, scene, select, t->thread, span, first, last);
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
        detail_stall(&d->stalls->list[i], scene, d->stalls->select);
}

/* What is below each caller, up to the loop. */
static void add_tree(struct stalls *stalls, struct stall *stall)
{
    const struct tree *const tree = &stalls->scene->tree;
    const size_t n = stall->n;
    for (size_t i = 0; i < n; i++) {
        struct stall_entry e = stall->entries[i];
        if (e.kind != STALL_STACK)
            continue;
        const uint32_t loop = idle_loop_node(stalls->idle, stall->idle, e.number);
        e.kind = STALL_TREE;
        for (; e.number != loop; e.number = tree->nodes[e.number].parent)
            entry_add(stall, &e);
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
