/* SPDX-License-Identifier: MIT */
#include "stall_pieces.h"

#include "analyze/base/memory.h"
#include "analyze/read/unit.h"

#include <stdlib.h>

/* ---- parts ---- */

/* Is there so much of it that may be several pieces, that it is told as such? */
static bool may_be_several(const struct stall_part *part, uint64_t over_ns)
{
    return !part->one && part->stall.wall_ns - part->stillest_ns >= over_ns;
}

/* `b`, which follows, is of `a`, too. */
static void join(struct stall *a, const struct stall *b)
{
    a->end_ns = b->end_ns;
    a->wall_ns += b->wall_ns;
    a->cpu_ns += b->cpu_ns;
    for (int c = 0; c < CLASS_COUNT; c++)
        a->class_ns[c] += b->class_ns[c];
    a->samples += b->samples;
    a->ticks += b->ticks;
    weights_add(&a->counted, &b->counted);
    a->carry = b->carry;
}

/* Nothing more comes to the last one: if it is not long for sure it goes with the unsure before. */
static void settle(struct stall_parts *parts, uint64_t over_ns)
{
    if (parts->n == 0)
        return;
    struct stall_part *const last = &parts->list[parts->n - 1];
    last->one &= last->stall.wall_ns >= over_ns;
    if (last->one || parts->n < 2 || last[-1].one)
        return;
    join(&last[-1].stall, &last->stall);
    if (last->stillest_ns > last[-1].stillest_ns)
        last[-1].stillest_ns = last->stillest_ns;
    last[-1].still_ns = last->still_ns;
    last[-1].piece = last->piece;
    parts->n--;
}

static bool is_same(const struct stall_part *part, const struct stall_piece *piece)
{
    const struct stall_piece *const p = &part->piece;
    return p->outside == piece->outside && p->kind == piece->kind && !piece->begins &&
           (p->kind == IDLE_PIECE_NONE || (p->which == piece->which && p->call == piece->call));
}

void stall_parts_add(struct stall_parts *parts, const struct stall *whole, uint64_t over_ns,
                     const struct scene *scene, const struct span *span, uint32_t tick, bool counts,
                     const struct stall_piece *piece)
{
    if (parts->n == 0 || !is_same(&parts->list[parts->n - 1], piece)) {
        settle(parts, over_ns);
        const struct carry carry =
            parts->n > 0 ? parts->list[parts->n - 1].stall.carry : whole->carry;
        parts->list = memory_grow(parts->list, &parts->size, parts->n + 1, sizeof *parts->list);
        parts->list[parts->n++] = (struct stall_part){
            .stall = {.thread = whole->thread,
                      .idle = whole->idle,
                      .begin_ns = scene_before_ns(scene, tick),
                      .carry = carry},
            .piece = *piece,
            .one = piece->kind != IDLE_PIECE_NONE,
        };
    }
    struct stall_part *const part = &parts->list[parts->n - 1];
    part->stall.end_ns = scene_time_ns(scene, tick);
    stall_count(&part->stall, scene, span, tick, counts);
    const bool moved =
        state_class(span->state) == CLASS_ON_CPU || (tick == span->first && span->cpu_q > 0);
    part->still_ns = moved ? 0 : part->still_ns + scene_wall_ns(scene, tick, 1);
    if (part->still_ns > part->stillest_ns)
        part->stillest_ns = part->still_ns;
}

void stall_parts_keep(struct stall_parts *parts)
{
    if (parts->n > 0)
        parts->list[parts->n - 1].piece.outside = false;
}

/* ---- the end ---- */

static void add(struct stalls *stalls, const struct stall *stall, bool several)
{
    if (stall->wall_ns < stalls->over_ns)
        return;
    stalls->list = memory_grow(stalls->list, &stalls->size, stalls->n + 1, sizeof *stalls->list);
    stalls->list[stalls->n] = *stall;
    stalls->list[stalls->n++].several = several;
}

/* A row for each long unsure part, and for what is sure, with the short ones beside it. */
static void add_apart(const struct stall_parts *parts, struct stalls *stalls)
{
    struct stall now = {0};
    size_t n_one = 0, n = 0; /* parts in it: sure ones, all */
    for (size_t i = 0; i < parts->n; i++) {
        const struct stall_part *const part = &parts->list[i];
        const bool is_long = may_be_several(part, stalls->over_ns);
        const bool was_long = n == 1 && may_be_several(&parts->list[i - 1], stalls->over_ns);
        if (n > 0 && (is_long || was_long)) {
            add(stalls, &now, n_one != 1);
            n = n_one = 0;
        }
        if (n++ == 0)
            now = part->stall;
        else
            join(&now, &part->stall);
        n_one += part->one;
    }
    if (n > 0)
        add(stalls, &now, n_one != 1);
}

void stall_parts_end(struct stall_parts *parts, struct stalls *stalls, const struct stall *whole,
                     bool open)
{
    const size_t first = stalls->n;
    size_t n_one = 0;
    bool unsure = false;
    while (parts->n > 0 && parts->list[parts->n - 1].piece.outside)
        parts->n--;
    settle(parts, stalls->over_ns);
    for (size_t i = 0; i < parts->n; i++) {
        n_one += parts->list[i].one;
        unsure |= may_be_several(&parts->list[i], stalls->over_ns);
    }
    if (n_one == 0 || !unsure)
        add(stalls, whole, n_one > 1 || (unsure && n_one == 0));
    else
        add_apart(parts, stalls);
    if (stalls->n > first)
        stalls->list[stalls->n - 1].open = open;
    parts->n = 0;
}

void stall_parts_clear(struct stall_parts *parts)
{
    free(parts->list);
    *parts = (struct stall_parts){0};
}
