/* SPDX-License-Identifier: MIT */
#include "wait_log.h"

#include "analyze/base/memory.h"
#include "analyze/read/unit.h"
#include "format/base/bisect.h"

#include <stdlib.h>
#include <string.h>

void wait_log_clear(struct wait_log *log)
{
    for (size_t i = 0; i < log->n_peers; i++)
        free(log->peers[i].runs);
    free(log->peers);
    free(log->waits);
    free(log->ticks);
    *log = (struct wait_log){0};
}

/* ---- looking ---- */

const struct wait_peer *wait_log_peer(const struct wait_log *log, const struct thread *thread)
{
    for (size_t i = 0; i < log->n_peers; i++) {
        if (log->peers[i].thread == thread)
            return &log->peers[i];
    }
    return NULL;
}

static bool has_begun(const void *runs, size_t i, const void *tick)
{
    return ((const struct wait_run *)runs)[i].first <= *(const uint32_t *)tick;
}

size_t wait_run_before(const struct wait_peer *peer, uint32_t tick)
{
    const size_t n = bisect(peer->runs, peer->n, has_begun, &tick);
    return n > 0 ? n - 1 : SIZE_MAX;
}

const struct wait_run *wait_run_at(const struct wait_peer *peer, uint32_t tick)
{
    const size_t i = wait_run_before(peer, tick);
    return i != SIZE_MAX && tick - peer->runs[i].first < peer->runs[i].n ? &peer->runs[i] : NULL;
}

struct weight wait_weight(const struct wait_log *log, uint32_t first, uint32_t end)
{
    const struct wait_tick *const from = &log->ticks[first - log->first];
    const struct wait_tick *const to = &log->ticks[end - log->first];
    return (struct weight){
        .samples = end - first,
        .ticks = to->due - from->due,
        .wall = to->wall_ns - from->wall_ns,
    };
}

bool wait_log_is_settled(const struct wait_log *log, const struct wait *wait)
{
    return wait->ended && (log->full || log->logged >= wait->end + WAIT_LOOKAHEAD);
}

/* ---- logging ---- */

static struct wait_peer *peer_of(struct wait_log *log, const struct thread *thread)
{
    for (size_t i = 0; i < log->n_peers; i++) { /* they come in the same order again */
        const size_t at = (log->next + i) % log->n_peers;
        if (log->peers[at].thread == thread) {
            log->next = at + 1;
            return &log->peers[at];
        }
    }
    log->peers = memory_grow(log->peers, &log->peers_size, log->n_peers + 1, sizeof *log->peers);
    log->peers[log->n_peers] = (struct wait_peer){.thread = thread};
    return &log->peers[log->n_peers++];
}

static void run_add(struct wait_log *log, struct wait_peer *peer, const struct wait_run *more)
{
    struct wait_run *const last = peer->n > 0 ? &peer->runs[peer->n - 1] : NULL;
    if (last != NULL && last->first + last->n == more->first && last->node == more->node &&
        last->call == more->call && last->class == more->class && last->moved == more->moved) {
        last->n += more->n;
        return;
    }
    if (log->n_runs >= WAIT_RUNS_MAX) {
        log->full = true;
        return;
    }
    log->n_runs++;
    peer->runs = memory_grow(peer->runs, &peer->size, peer->n + 1, sizeof *peer->runs);
    peer->runs[peer->n++] = *more;
}

/* The ticks first .. end - 1 of a span: the first one of it alone, if the thread ran before it. */
static void span_add(struct wait_log *log, struct scene *scene, struct wait_peer *peer,
                     const struct span *span, uint32_t first, uint32_t end)
{
    struct wait_run run = {
        .node = scene_node(scene, span->stack),
        .call = scene_call(scene, span),
        .class = state_class(span->state),
    };
    while (first < end) {
        const struct wait_run *const last = peer->n > 0 ? &peer->runs[peer->n - 1] : NULL;
        const bool follows = last != NULL && last->first + last->n == log->base + first;
        run.moved = first == span->first && span->cpu_q > 0;
        /* a coarse clock may not show it */
        run.moved |= follows && (last->node != run.node || last->call != run.call);
        run.n = run.moved ? 1 : end - first;
        run.first = log->base + first;
        run_add(log, peer, &run);
        first += run.n;
    }
}

/* What the ticks up to `end` of the range stand for; those between two waits as well. */
static void add_ticks(struct wait_log *log, struct scene *scene, uint32_t first, uint32_t end)
{
    if (log->logged <= log->first) {
        log->first = log->logged = log->base + first;
        log->ticks = memory_grow(log->ticks, &log->ticks_size, 1, sizeof *log->ticks);
        log->ticks[0] = (struct wait_tick){.at_ns = scene_before_ns(scene, first)};
    }
    const size_t n = log->base + end - log->first;
    log->ticks = memory_grow(log->ticks, &log->ticks_size, n + 1, sizeof *log->ticks);
    for (size_t i = log->logged - log->first; i < n; i++) {
        const uint32_t tick = (uint32_t)(log->first + i - log->base);
        log->ticks[i + 1] = (struct wait_tick){
            log->ticks[i].wall_ns + scene_wall_ns(scene, tick, 1),
            log->ticks[i].due + scene_due(scene, tick, 1),
            scene_time_ns(scene, tick),
        };
    }
    log->logged = log->base + end;
    log->full |= n > WAIT_RUNS_MAX;
}

/* All threads in the ticks first .. end - 1 of the range. */
static void log_ticks(struct wait_log *log, struct scene *scene, uint32_t first, uint32_t end)
{
    if (log->full)
        return;
    add_ticks(log, scene, first, end);
    for (size_t i = 0; i < scene->n_threads && !log->full; i++) {
        const struct scene_thread *const t = &scene->threads[i];
        struct wait_peer *const peer = peer_of(log, t->thread);
        for (size_t s = 0; s < t->n_spans && t->spans[s].first < end; s++) {
            const struct span *const span = &t->spans[s];
            const uint32_t from = span->first > first ? span->first : first;
            const uint32_t to = span->first + span->n < end ? span->first + span->n : end;
            if (from < to)
                span_add(log, scene, peer, span, from, to);
        }
    }
}

/* The wait that goes on; NULL when there is none. */
static struct wait *open_wait(const struct wait_log *log)
{
    struct wait *const last = log->n_waits > 0 ? &log->waits[log->n_waits - 1] : NULL;
    return last != NULL && !last->ended ? last : NULL;
}

static void end_wait(struct wait_log *log, uint32_t tick)
{
    struct wait *const open = open_wait(log);
    if (open == NULL)
        return;
    open->ended = true;
    open->end = log->base + tick;
}

static void follow_span(struct wait_log *log, struct scene *scene, const struct select *select,
                        const struct span *span, uint32_t first)
{
    const uint32_t node = scene_node(scene, span->stack), call = scene_call(scene, span);
    const enum wait_kind kind =
        state_class(span->state) == CLASS_BLOCKED ? wait_kind_of(scene, node, call) : WAIT_NONE;
    const struct wait *const open = open_wait(log);
    /* whose clock moved was awake, and waits for the next one to let go */
    if (open != NULL && (kind == WAIT_NONE || open->node != node || open->call != call ||
                         (first == span->first && span->cpu_q > 0)))
        end_wait(log, first);
    if (kind == WAIT_NONE || open_wait(log) != NULL)
        return;
    log->waits = memory_grow(log->waits, &log->waits_size, log->n_waits + 1, sizeof *log->waits);
    log->waits[log->n_waits++] = (struct wait){
        .first = log->base + first,
        .counts = scene_has_state(scene, select, span),
        .node = node,
        .call = call,
        .kind = kind,
    };
}

void wait_log_ticks(struct wait_log *log, struct scene *scene, uint32_t first, uint32_t end)
{
    if (first < end)
        log_ticks(log, scene, first, end);
    log->base += scene->n_ticks;
}

void wait_log_range(struct wait_log *log, struct scene *scene, const struct select *select,
                    const struct scene_thread *own, uint32_t begin, uint32_t end)
{
    for (size_t s = 0; own != NULL && s < own->n_spans && own->spans[s].first < end; s++) {
        const struct span *const span = &own->spans[s];
        const uint32_t first = span->first > begin ? span->first : begin;
        if (span->first + span->n > first)
            follow_span(log, scene, select, span, first);
    }
    if (end < scene->n_ticks)
        end_wait(log, end);
    for (size_t i = 0; i < log->n_waits; i++) {
        const struct wait *const w = &log->waits[i];
        const uint32_t first = w->first > log->logged ? w->first : log->logged;
        uint32_t to = w->ended ? w->end + WAIT_LOOKAHEAD : log->base + scene->n_ticks;
        to = to < log->base + scene->n_ticks ? to : log->base + scene->n_ticks;
        if (first < to)
            log_ticks(log, scene, first > log->base ? first - log->base : 0, to - log->base);
    }
    log->base += scene->n_ticks;
}

void wait_log_forget(struct wait_log *log, size_t n)
{
    log->n_waits -= n;
    if (log->n_waits > 0) { /* what is left may need all of it */
        memmove(log->waits, log->waits + n, log->n_waits * sizeof *log->waits);
        return;
    }
    for (size_t i = 0; i < log->n_peers; i++)
        log->peers[i].n = 0;
    log->n_runs = 0;
    log->first = log->logged;
    log->full = false;
}
