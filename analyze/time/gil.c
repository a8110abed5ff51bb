/* SPDX-License-Identifier: MIT */
#include "gil.h"

#include "analyze/base/memory.h"
#include "analyze/read/unit.h"

#include <stdlib.h>

void gil_clear(struct gil *gil)
{
    free(gil->entries);
    free(gil->wall_ns);
    hash_clear(&gil->hash);
    *gil = (struct gil){0};
}

static uint64_t key_hash(enum gil_kind kind, const struct thread *waiter,
                         const struct thread *holder, uint32_t place)
{
    return hash_pair(hash_pair((uintptr_t)waiter, (uintptr_t)holder),
                     ((uint64_t)kind << 32) | place);
}

static uint64_t entry_hash(const void *owner, uint32_t n)
{
    const struct gil_entry *const e = &((const struct gil *)owner)->entries[n];
    return key_hash(e->kind, e->waiter, e->holder, e->place);
}

static struct gil_entry *entry_of(struct gil *gil, enum gil_kind kind, const struct thread *waiter,
                                  const struct thread *holder, uint32_t place)
{
    hash_reserve(&gil->hash, entry_hash, gil);
    uint64_t at = key_hash(kind, waiter, holder, place);
    for (uint32_t n; (n = hash_slot(&gil->hash, at)) != HASH_NONE; at++) {
        struct gil_entry *const e = &gil->entries[n];
        if (e->kind == kind && e->waiter == waiter && e->holder == holder && e->place == place)
            return e;
    }
    gil->entries = memory_grow(gil->entries, &gil->size, gil->n + 1, sizeof *gil->entries);
    hash_put(&gil->hash, at, (uint32_t)gil->n);
    gil->entries[gil->n] =
        (struct gil_entry){.kind = kind, .waiter = waiter, .holder = holder, .place = place};
    return &gil->entries[gil->n++];
}

static uint64_t *wall_of(struct gil *gil, const struct thread *thread)
{
    gil->wall_ns =
        memory_grow(gil->wall_ns, &gil->wall_size, thread->index + 1, sizeof *gil->wall_ns);
    return &gil->wall_ns[thread->index];
}

uint64_t gil_amount_by(const struct gil_amount *amount, const struct metric *metric)
{
    if (metric == &metrics[METRIC_SAMPLES])
        return amount->samples;
    return metric == &metrics[METRIC_TICKS] ? amount->ticks : amount->waited_ns;
}

void gil_finish(struct gil *gil)
{
    for (size_t i = 0; i < gil->n; i++) {
        if (gil->entries[i].waiter != NULL)
            gil->entries[i].wall_ns = *wall_of(gil, gil->entries[i].waiter);
    }
}

/* One tick of waiting; several threads may wait at the same tick in an entry for lines. */
static void entry_add(struct gil_entry *e, const struct scene *scene, uint32_t tick)
{
    const uint64_t wall_ns = scene_wall_ns(scene, tick, 1);
    const uint64_t before_ns = scene_before_ns(scene, tick), now_ns = scene_time_ns(scene, tick);
    e->amount.waited_ns += wall_ns;
    if (e->last_ns == now_ns)
        return;
    e->last_ns = now_ns;
    e->amount.samples++;
    e->amount.ticks += scene_due(scene, tick, 1);
    e->held_ns += wall_ns;
    e->run_ns = e->run_end_ns == before_ns ? e->run_ns + wall_ns : wall_ns;
    e->run_end_ns = now_ns;
    if (e->run_ns > e->longest_ns)
        e->longest_ns = e->run_ns;
}

/* The thread that holds the GIL at a tick, and what it does; NULL when it is not another one. */
static struct scene_thread *holder_of(struct scene *scene, const struct scene_thread *waiter,
                                      uint32_t tick, const struct span **span)
{
    const uint32_t index = scene_holder_at(scene, tick);
    *span = NULL;
    if (index == SCENE_NOBODY || &scene->threads[index] == waiter)
        return NULL;
    *span = scene_span(&scene->threads[index], tick);
    return &scene->threads[index];
}

static uint32_t place_of(struct scene *scene, const struct span *span)
{
    const uint32_t node = span != NULL ? scene_node(scene, span->stack) : TREE_ROOT;
    return node != TREE_ROOT ? scene->tree.nodes[node].place : GIL_NO_PLACE;
}

/* Ticks from the outside in, so that all who wait at one tick come one after the other. */
static void take_tick(struct gil *gil, struct scene *scene, struct scene_thread *waiter,
                      uint32_t tick)
{
    const struct span *span;
    const struct scene_thread *const t = holder_of(scene, waiter, tick, &span);
    const struct thread *const holder = t != NULL ? t->thread : NULL;
    if (select_by_state(&gil->holders) &&
        (span == NULL || !scene_has_state(scene, &gil->holders, span)))
        return;
    const uint32_t place = place_of(scene, span);
    entry_add(entry_of(gil, GIL_WAITS, waiter->thread, holder, place), scene, tick);
    entry_add(entry_of(gil, GIL_PAIRS, waiter->thread, holder, GIL_NO_PLACE), scene, tick);
    entry_add(entry_of(gil, GIL_LINES, NULL, holder, place), scene, tick);
}

void gil_select(struct gil *gil, const struct select *select)
{
    gil->select = select;
    gil->holders = gil->waiters = *select;
    gil->holders.n_contexts = gil->holders.n_tasks = 0;
    gil->waiters.classes = 0;
    gil->waiters.bits = 0;
    gil->waiters.n_calls = 0;
}

/* A call that was asked for is known when it was seen, though nobody held the GIL in it. */
static void note_calls(const struct gil *gil, struct scene *scene)
{
    for (size_t i = 0; i < scene->n_threads && gil->select->n_calls > 0; i++)
        for (size_t s = 0; s < scene->threads[i].n_spans; s++)
            (void)scene_has_state(scene, gil->select, &scene->threads[i].spans[s]);
}

/* Is it in a phase, with a label, in a task that was asked for? */
static bool is_waiter(const struct gil *gil, const struct scene *scene, const struct span *span)
{
    return !select_by_state(&gil->waiters) || scene_has_state(scene, &gil->waiters, span);
}

/* How long each was observed, and at which ticks anybody waits. */
static bool mark_waits(struct gil *gil, struct scene *scene, uint32_t from, uint32_t to,
                       bool *waits)
{
    bool any = false;
    for (size_t i = 0; i < scene->n_threads; i++) {
        const struct scene_thread *const t = &scene->threads[i];
        uint64_t *const wall_ns = wall_of(gil, t->thread);
        for (size_t s = 0; s < t->n_spans; s++) {
            const struct span *const span = &t->spans[s];
            const uint32_t first = span->first > from ? span->first : from;
            const uint32_t end = span->first + span->n < to ? span->first + span->n : to;
            if (first >= end || !is_waiter(gil, scene, span))
                continue;
            *wall_ns += scene_wall_ns(scene, first, end - first);
            if (state_class(span->state) != CLASS_WAITS_GIL)
                continue;
            any = true;
            for (uint32_t k = first; k < end; k++)
                waits[k] = true;
        }
    }
    return any;
}

void gil_take(void *closure, struct scene *scene)
{
    gil_take_ticks(closure, scene, 0, scene->n_ticks);
}

void gil_take_ticks(struct gil *gil, struct scene *scene, uint32_t first, uint32_t end)
{
    bool *const waits = memory_get(scene->n_ticks * sizeof *waits);
    note_calls(gil, scene);
    const bool any = mark_waits(gil, scene, first, end, waits);
    gil->holders_known |= scene->n_holders > 0;
    for (uint32_t tick = first; any && tick < end; tick++) {
        if (!waits[tick])
            continue;
        for (size_t i = 0; i < scene->n_threads; i++) {
            const struct span *const span = scene_span(&scene->threads[i], tick);
            if (span != NULL && state_class(span->state) == CLASS_WAITS_GIL &&
                is_waiter(gil, scene, span) &&
                select_has_thread(gil->select, scene->threads[i].thread->name,
                                  scene->threads[i].thread->os_tid))
                take_tick(gil, scene, &scene->threads[i], tick);
        }
    }
    free(waits);
}
