/* SPDX-License-Identifier: MIT */
#include "analyze/base/memory.h"
#include "analyze/idle/idle_place.h"
#include "analyze/read/unit.h"
#include "stall.h"
#include "stall_look.h"
#include "wait_across.h"
#include "wait_judge.h"

#include <stdlib.h>

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

void stall_add_entry(struct stall *stall, const struct stall_entry *more)
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
    enum state_class class, part; /* see state.h */
    bool counts;
    struct weight weight;
};

static void piece_add(struct stall *stall, struct stall_entry key, const struct piece *piece)
{
    key.wall_ns[piece->class] = piece->weight.wall;
    if (piece->counts)
        key.counted.by[piece->part] = piece->weight;
    stall_add_entry(stall, &key);
}

struct stall_peer *stall_peer_of(struct stall *stall, const struct thread *thread)
{
    for (size_t i = 0; i < stall->n_peers; i++) {
        const size_t at = (stall->next + i) % stall->n_peers;
        if (stall->peers[at].thread == thread) {
            stall->next = at + 1;
            return &stall->peers[at];
        }
    }
    stall->peers =
        memory_grow(stall->peers, &stall->peers_size, stall->n_peers + 1, sizeof *stall->peers);
    stall->peers[stall->n_peers] = (struct stall_peer){.thread = thread};
    return &stall->peers[stall->n_peers++];
}

/* Who had stopped the world at a tick: index into threads, or SCENE_NOBODY. */
static uint32_t stopper_at(const struct scene *scene, uint32_t tick)
{
    for (uint32_t i = 0; i < scene->n_threads; i++) {
        const struct span *const span = scene_span(&scene->threads[i], tick);
        if (span != NULL && state_halt(span->state) == HALT_STOPS_WORLD)
            return i;
    }
    return SCENE_NOBODY;
}

/* Who held the GIL, or had stopped the world, at each tick of a span in which it waited for that.
 */
static void add_holders(struct stall *stall, struct scene *scene, enum stall_kind kind,
                        uint32_t first, uint32_t end, bool counts)
{
    const enum state_class class = kind == STALL_GIL ? CLASS_WAITS_GIL : CLASS_BLOCKED;
    for (uint32_t tick = first; tick < end; tick++) {
        const uint32_t holder =
            kind == STALL_GIL ? scene_holder_at(scene, tick) : stopper_at(scene, tick);
        struct stall_entry key = {.kind = kind, .number = TREE_ROOT};
        const struct piece piece = {
            class,
            class,
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

/* It is blocked: for the first time there, once more, or still? */
static void count_blocked(struct stall *stall, const struct span *span, bool begins, uint32_t node,
                          uint32_t call, uint64_t wall_ns)
{
    if (stall->blocked_ns == 0 || stall->blocked_node != node || stall->blocked_call != call ||
        (begins && span->cpu_q > 0)) {
        stall->n_blocked++;
        stall->blocked_ns = 0;
    }
    stall->blocked_node = node;
    stall->blocked_call = call;
    stall->blocked_ns += wall_ns;
    if (stall->blocked_ns > stall->longest_ns)
        stall->longest_ns = stall->blocked_ns;
}

static void add_own(struct stall *stall, struct scene *scene, const struct span *span, bool begins,
                    const struct piece *piece)
{
    const uint32_t node = scene_node(scene, span->stack), call = scene_call(scene, span);
    piece_add(stall, (struct stall_entry){.kind = STALL_STACK, .number = node}, piece);
    if (piece->class != CLASS_BLOCKED) {
        stall->blocked_ns = 0;
        return;
    }
    piece_add(stall, (struct stall_entry){.kind = STALL_CALL, .number = node, .call = call}, piece);
    count_blocked(stall, span, begins, node, call, piece->weight.wall);
}

/* What is done meanwhile, for it or not: of a phase, --phase does not choose among that. */
static bool counts_beside(const struct stall *stall, struct scene *scene,
                          const struct select *select, const struct span *span)
{
    struct select beside = *select;
    if (stall->phase != NULL)
        beside.n_contexts = 0;
    return scene_has_state(scene, &beside, span);
}

static void add_span(struct stall *stall, struct scene *scene, const struct select *select,
                     const struct thread *thread, const struct span *span, uint32_t first,
                     uint32_t end)
{
    const bool own = thread == stall->thread && stall_has_span(stall, scene, span);
    const struct piece piece = {
        state_class(span->state),
        state_part(span->state),
        own ? scene_has_state(scene, select, span) : counts_beside(stall, scene, select, span),
        stall_weight(scene, span, first, end - first, &stall_peer_of(stall, thread)->carry),
    };
    if (own) {
        add_own(stall, scene, span, first == span->first, &piece);
        if (piece.class == CLASS_WAITS_GIL)
            add_holders(stall, scene, STALL_GIL, first, end, piece.counts);
        if (state_halt(span->state) == HALT_WAITS_WORLD)
            add_holders(stall, scene, STALL_WORLD, first, end, piece.counts);
        return;
    }
    const struct stall_entry key = {.kind = STALL_OTHER,
                                    .thread = thread,
                                    .number = scene_node(scene, span->stack),
                                    .call = scene_call(scene, span)};
    piece_add(stall, key, &piece);
}

/* ---- who held what it waited for ---- */

/* Judge what is over; at the very end what is not, too. */
static void judge_waits(struct stalls *stalls, struct stall *stall, bool at_end)
{
    struct wait_log *const log = stall->log;
    size_t n = 0;
    while (n < log->n_waits && (at_end || wait_log_is_settled(log, &log->waits[n])))
        wait_judge(stalls, stall, log, &log->waits[n++]);
    wait_log_forget(log, n);
}

static void follow_waits(struct stalls *stalls, struct stall *stall, const struct scene_thread *own,
                         uint32_t begin, uint32_t end)
{
    if (stall->log == NULL)
        stall->log = memory_get(sizeof *stall->log);
    wait_log_range(stall->log, stalls->scene, stalls->select, own, begin, end);
    judge_waits(stalls, stall, false);
}

/* ---- reading ---- */

static void detail_stall(struct stalls *stalls, struct stall *stall)
{
    struct scene *const scene = stalls->scene;
    const struct scene_thread *own = NULL;
    if (stall->thread->process != scene->process ||
        stall->begin_ns >= scene_time_ns(scene, scene->n_ticks - 1))
        return;
    if (stall->end_ns <= scene_before_ns(scene, 0)) {
        if (stall->log != NULL && stall->log->n_waits > 0)
            follow_waits(stalls, stall, NULL, 0, 0); /* what came next, as its last wait ended */
        return;
    }
    const uint32_t begin = scene_tick_at(scene, stall->begin_ns + 1);
    const uint32_t end = scene_tick_at(scene, stall->end_ns + 1);
    for (size_t i = 0; i < scene->n_threads; i++) {
        const struct scene_thread *const t = &scene->threads[i];
        if (t->thread == stall->thread)
            own = t;
        for (size_t s = 0; s < t->n_spans && t->spans[s].first < end; s++) {
            const struct span *const span = &t->spans[s];
            const uint32_t first = span->first > begin ? span->first : begin;
            const uint32_t last = span->first + span->n < end ? span->first + span->n : end;
            if (first < last)
                add_span(stall, scene, stalls->select, t->thread, span, first, last);
        }
    }
    follow_waits(stalls, stall, own, begin, end);
}

struct detailing {
    struct stalls *stalls;
    size_t n;
};

static void detail_range(void *closure, struct scene *scene)
{
    const struct detailing *const d = closure;
    (void)scene;
    for (size_t i = 0; i < d->n; i++)
        detail_stall(d->stalls, &d->stalls->list[i]);
    stall_look_range(d->stalls, d->n);
}

/* Was the thread in this very frame, and is that the loop's own? */
static bool is_own(const struct stall *stall, uint32_t node)
{
    for (size_t i = 0; i < stall->n; i++) {
        if (stall->entries[i].kind == STALL_STACK && stall->entries[i].number == node)
            return true;
    }
    return false;
}

/* What is below each caller, up to the loop; with that where it did the work itself. */
static void add_tree(struct stalls *stalls, struct stall *stall)
{
    const struct tree *const tree = &stalls->scene->tree;
    const size_t n = stall->n;
    for (size_t i = 0; i < n; i++) {
        struct stall_entry e = stall->entries[i];
        if (e.kind != STALL_STACK)
            continue;
        const uint32_t loop =
            stall->idle != NULL ? idle_loop_node(stalls->idle, stall->idle, e.number) : TREE_ROOT;
        e.kind = STALL_TREE;
        for (; e.number != loop; e.number = tree->nodes[e.number].parent)
            stall_add_entry(stall, &e);
        if (loop != TREE_ROOT && is_own(stall, loop))
            stall_add_entry(stall, &e);
    }
}

void stalls_detail(struct stalls *stalls, struct trace *trace, const struct select *select,
                   size_t n)
{
    struct detailing detailing = {stalls, n < stalls->n ? n : stalls->n};
    if (detailing.n == 0)
        return;
    scene_run(stalls->scene, trace, select, detail_range, &detailing);
    for (size_t i = 0; i < detailing.n; i++) {
        struct stall *const stall = &stalls->list[i];
        add_tree(stalls, stall);
        stall_look_settle(stalls, stall);
        if (stall->log == NULL)
            continue;
        judge_waits(stalls, stall, true);
        wait_log_clear(stall->log);
        free(stall->log);
        stall->log = NULL;
    }
    wait_across(stalls, trace, detailing.n);
}

const struct stall_entry *stall_largest(const struct stall *stall, enum stall_kind kind)
{
    const struct stall_entry *best = NULL;
    for (size_t i = 0; i < stall->n; i++) {
        const struct stall_entry *const e = &stall->entries[i];
        if (e->kind == kind && (best == NULL || stall_entry_ns(e) > stall_entry_ns(best)))
            best = e;
    }
    return best;
}
