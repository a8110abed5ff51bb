/* SPDX-License-Identifier: MIT */
#include "idle_choose.h"

#include "analyze/base/memory.h"
#include "idle_busy.h"
#include "idle_evidence.h"
#include "idle_names.h"
#include "idle_place.h"
#include "idle_request.h"

#include <stdlib.h>
#include <string.h>

/* What a place that nobody knows must show. */
#define VISITS_MIN    3
#define BLOCKED_SHARE 0.05 /* of the time since it was there first it is blocked there */
#define LOOP_SHARE    0.5  /* .. has the loop on the stack */

/* It comes back to the one so often, and so many times as often, without the other. */
#define RETURNS_MIN   3
#define RETURNS_TIMES 8

#define CANDIDATES_MAX 4

static bool is_proven(const struct idle_place *p)
{
    if (p->rank == IDLE_RANK_QUEUE) {
        for (size_t i = 0; i < p->n_cycles; i++) {
            if (p->cycles[i].function == p->loop)
                return true;
        }
        return false;
    }
    return p->rank >= IDLE_RANK_CALLS;
}

/* A wait that may be one for work, and that the thread came back to. */
static bool may_be_idle(const struct idle *idle, const struct idle_place *p)
{
    return p->visits > 1 && idle_call_of(idle->scene->calls[p->call]) != IDLE_CALL_NEVER;
}

/* ---- proven ones ---- */

/* Is `a` a wait inside of b's work? */
static bool is_inside(const struct idle *idle, const struct idle_place *a,
                      const struct idle_place *b)
{
    const bool nested = a->nests && b->nests && (a->known || a->calls_back > 1);
    return a->loop != b->loop && !nested && !(a->meant && b->meant && a->name != b->name) &&
           idle_is_below(idle, a->loop, b->loop);
}

static int compare_places(const void *left, const void *right)
{
    const struct idle_place *const a = left, *const b = right;
    if (a->blocked_ns != b->blocked_ns)
        return a->blocked_ns < b->blocked_ns ? 1 : -1;
    return (a->node > b->node) - (a->node < b->node);
}

static int compare_candidates(const void *left, const void *right)
{
    const struct idle_place *const a = left, *const b = right;
    if ((a->visits > 1) != (b->visits > 1))
        return a->visits > 1 ? -1 : 1;
    if (a->rank != b->rank)
        return a->rank < b->rank ? 1 : -1;
    return compare_places(left, right);
}

/* Take the chosen ones to the front, in order of time. */
static void keep(struct idle_thread *t, const bool *chosen)
{
    struct idle_place *const all = memory_get((t->n_all + 1) * sizeof *all);
    size_t n = 0;
    for (int pass = 1; pass >= 0; pass--) {
        for (size_t i = 0; i < t->n_all; i++) {
            if (chosen[i] == (pass == 1))
                all[n++] = t->places[i];
        }
        if (pass == 1)
            t->n_places = n;
    }
    if (n > 0)
        memcpy(t->places, all, n * sizeof *all);
    free(all);
    if (t->n_places > 1)
        qsort(t->places, t->n_places, sizeof *t->places, compare_places);
    if (t->n_all - t->n_places > 1)
        qsort(t->places + t->n_places, t->n_all - t->n_places, sizeof *t->places,
              compare_candidates);
}

static void drop_inner(const struct idle *idle, const struct idle_thread *t, bool *chosen)
{
    bool *const inner = memory_get(t->n_all + 1);
    for (size_t i = 0; i < t->n_all; i++) {
        for (size_t k = 0; chosen[i] && k < t->n_all && !inner[i]; k++)
            inner[i] = chosen[k] && k != i && is_inside(idle, &t->places[i], &t->places[k]);
    }
    for (size_t i = 0; i < t->n_all; i++)
        chosen[i] &= !inner[i];
    free(inner);
}

/* ---- which is better ---- */

/* It came back to d again and again, and never to c, without having been in the other. */
static bool speaks_against(const struct idle_place *c, const struct idle_place *d)
{
    return c->returns == 0 && d->returns >= RETURNS_MIN;
}

/* Is the loop of d inside of what the loop of c lets work? */
static bool is_within(const struct idle *idle, const struct idle_place *d,
                      const struct idle_place *c)
{
    return c->loop != d->loop && idle_is_below(idle, d->loop, c->loop);
}

static bool beats(const struct idle *idle, const struct idle_place *c, const struct idle_place *d)
{
    if (c->rank > d->rank)
        return (c->rank >= IDLE_RANK_QUEUE && d->wrapped > 0) || !speaks_against(c, d);
    if (c->rank < d->rank)
        return false;
    if (c->rank > IDLE_RANK_NONE && is_within(idle, d, c)) /* work that polls */
        return c->returns > 0;
    if (is_within(idle, c, d))
        return false;
    return c->returns >= RETURNS_MIN && c->returns / RETURNS_TIMES >= d->returns &&
           (c->rank != IDLE_RANK_NONE || c->wrapped < d->wrapped);
}

/*
 * Does the thread come back to it as well, in the time of c, and is it another place? A wait that
 * was begun once only and woke up in between, as that of a database may, is no rival to one that
 * the thread has come back to.
 */
static bool is_rival(struct idle *idle, const struct idle_place *c, const struct idle_place *d)
{
    return d != c && may_be_idle(idle, d) && (d->n_cycles > 0 || c->n_cycles == 0) &&
           d->first_ns < c->last_ns && d->last_ns > c->first_ns &&
           !idle_is_at(idle, c, d->node, CLASS_BLOCKED, d->call);
}

/* Do the functions below the loop wait for other things, too? */
static bool is_pure(struct idle *idle, const struct idle_thread *t, const struct idle_place *c)
{
    uint64_t other_ns = 0;
    for (size_t i = 0; i < t->n_all; i++) {
        const struct idle_place *const d = &t->places[i];
        if (d->call != c->call && idle_is_below(idle, idle_function(idle, d->node), c->wait))
            other_ns += d->blocked_ns;
    }
    return other_ns < c->blocked_ns / 10;
}

/* A wait for any of many things that is never as long as a stall: it does no harm if it is work. */
static bool hides_nothing(const struct idle *idle, const struct idle_place *c)
{
    return c->longest_ns < idle->short_ns &&
           idle_call_of(idle->scene->calls[c->call]) >= IDLE_CALL_MANY;
}

/*
 * A function that only waits, long enough to be a stall: as well as a loop that finds nothing to do
 * it may be the work of a loop whose own wait is too short to be seen, called anew each time.
 */
static bool may_be_called_anew(struct idle *idle, const struct idle_thread *t,
                               const struct idle_place *c)
{
    return c->rank == IDLE_RANK_DIRECT && c->longest_ns >= idle->short_ns &&
           idle_only_waits(idle, t, c);
}

/* Of the time since it was there first: what was before is no business of the loop's. */
static bool is_usual(const struct idle_weighing *w, const struct idle_place *c)
{
    const double since = (double)(w->thread->wall_ns - c->before_ns);
    return c->visits >= VISITS_MIN && (double)c->blocked_ns >= BLOCKED_SHARE * since &&
           (double)w->below_ns[c->loop] >= LOOP_SHARE * since;
}

/*
 * The one that beats all its rivals among those of the set, of those that are usual, or, without a
 * weighing, of all; n_all when there is none.
 */
static size_t find_best(struct idle *idle, const struct idle_thread *t, const bool *set,
                        const struct idle_weighing *w)
{
    for (size_t i = 0; i < t->n_all; i++) {
        const struct idle_place *const c = &t->places[i];
        size_t n_rivals = 0;
        bool best = set[i] && may_be_idle(idle, c) && (w == NULL || is_usual(w, c));
        for (size_t k = 0; k < t->n_all && best; k++) {
            if (!set[k] || !is_rival(idle, c, &t->places[k]))
                continue;
            n_rivals++;
            best = beats(idle, c, &t->places[k]);
        }
        if (best && c->rank == IDLE_RANK_NONE)
            best = (n_rivals > 0 || hides_nothing(idle, c)) && is_pure(idle, t, c);
        if (best && n_rivals == 0 && !c->meant)
            best = !may_be_called_anew(idle, t, c);
        if (best)
            return i;
    }
    return t->n_all;
}

/* The other nodes of the same place, by other lines of callers. */
static void add_same(struct idle *idle, struct idle_thread *t, size_t best, bool *chosen)
{
    const struct idle_place c = t->places[best];
    for (size_t i = 0; i < t->n_all; i++) {
        struct idle_place *const p = &t->places[i];
        if (i != best && !idle_is_at(idle, &c, p->node, CLASS_BLOCKED, p->call))
            continue;
        chosen[i] = true;
        p->rank = c.rank;
        p->loop = c.loop;
        p->wait = c.wait;
        p->by_function = c.by_function;
        p->nests = c.nests;
        p->in_line = c.in_line;
        p->is_loop = c.is_loop;
        p->meant = c.meant;
        p->name = c.name;
    }
}

/* ---- without names ---- */

static void doubt(struct idle *idle, struct idle_thread *t, size_t best)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_all; i++)
        n += may_be_idle(idle, &t->places[i]);
    t->n_candidates = n < CANDIDATES_MAX ? n : CANDIDATES_MAX;
    if (t->n_all == 0)
        t->doubt = IDLE_NEVER_BLOCKED;
    else if (best < t->n_all)
        t->doubt = IDLE_SELDOM;
    else
        t->doubt = n > 1 ? IDLE_TWO_READINGS : n == 1 ? IDLE_HIDDEN : IDLE_NO_RETURN;
    if (t->n_candidates == 0 && t->n_all > 0)
        t->n_candidates = 1;
    if (t->unknown_ns > t->wall_ns / 2 || (t->n_all == 0 && t->unknown_ns > 0))
        t->doubt = IDLE_NOT_LOOKED_AT;
}

/* A queue that the loop asks, but a plain wait of the same loop that it comes back to as well. */
static bool is_doubtful(const struct idle_thread *t, const struct idle_place *c)
{
    for (size_t i = 0; i < t->n_all && c->rank == IDLE_RANK_QUEUE; i++) {
        const struct idle_place *const d = &t->places[i];
        if (d->rank == IDLE_RANK_DIRECT && d->loop == c->loop && speaks_against(c, d))
            return true;
    }
    return false;
}

static void choose(struct idle *idle, struct idle_thread *t)
{
    struct idle_weighing w;
    bool *const chosen = memory_get(t->n_all + 2), *const all = memory_get(t->n_all + 1);
    bool any = false;
    size_t best = t->n_all, busy;
    idle_weigh(&w, idle, t);
    for (size_t i = 0; i < t->n_all; i++) {
        idle_rank_place(&w, &t->places[i]);
        all[i] = true;
    }
    for (size_t i = 0; i < t->n_all; i++) {
        chosen[i] = is_proven(&t->places[i]) && !is_doubtful(t, &t->places[i]);
        any |= chosen[i];
    }
    if (!any) {
        best = find_best(idle, t, all, &w);
        if (idle_busy_find(&w, t, best, &busy))
            chosen[busy] = true;
        else if (best < t->n_all)
            add_same(idle, t, best, chosen);
        else
            best = find_best(idle, t, all, NULL);
    }
    drop_inner(idle, t, chosen);
    keep(t, chosen);
    if (t->n_places == 0)
        doubt(idle, t, best);
    idle_busy_judge(&w, t);
    idle_weighing_clear(&w);
    free(chosen);
    free(all);
}

/* Of a thread of one connection: all is work but the waits for requests, if these are known. */
static bool choose_request(struct idle *idle, struct idle_thread *t)
{
    bool *const chosen = memory_get(t->n_all + 2);
    const bool known = idle_request_choose(idle, t, chosen);
    if (known)
        keep(t, chosen);
    free(chosen);
    return known;
}

void idle_choose(struct idle *idle, struct idle_thread *t)
{
    if (t->request != TREE_ROOT && choose_request(idle, t))
        return;
    choose(idle, t);
    idle_request_adopt(t);
}

/* ---- named by the user ---- */

/* The frame that he means, the one nearest to the leaf; is it the leaf? */
static bool find_named(const struct idle *idle, struct idle_place *p, const char *name,
                       bool *is_leaf)
{
    for (uint32_t node = p->node; node != TREE_ROOT; node = idle->scene->tree.nodes[node].parent) {
        const struct frame frame = scene_frame(idle->scene, node);
        if (idle_name_is(&frame, name)) {
            p->named = idle->function_of[node];
            *is_leaf = node == p->node;
            return true;
        }
    }
    return false;
}

/* Mark what is called so: waits in the very function, else in what it calls, else the call. */
static size_t find_meant(struct idle *idle, struct idle_thread *t, const char *name, bool *meant)
{
    for (int round = 0; round < 3; round++) {
        size_t n = 0;
        for (size_t i = 0; i < t->n_all; i++) {
            struct idle_place *const p = &t->places[i];
            bool is_leaf = false;
            p->named = TREE_ROOT;
            meant[i] = round == 2 ? idle_name_is_call(idle->scene->calls[p->call], name)
                                  : find_named(idle, p, name, &is_leaf);
            meant[i] = meant[i] && (round != 0 || is_leaf);
            n += meant[i];
        }
        if (n > 0)
            return n;
    }
    return 0;
}

/* All blocked below one function that is not seen to work between its waits. */
static bool is_one_wait(const struct idle *idle, const struct idle_thread *t, const bool *meant)
{
    uint32_t named = TREE_ROOT;
    for (size_t i = 0; i < t->n_all; i++) {
        const struct idle_place *const p = &t->places[i];
        if (!meant[i])
            continue;
        if (p->named == TREE_ROOT || (named != TREE_ROOT && named != p->named))
            return false;
        named = p->named;
        if (idle_is_below(idle, p->loop, named)) /* it works itself, or lets others work */
            return false;
    }
    return true;
}

/* Choose among those that one name means; false when that cannot be told. */
static bool choose_meant(struct idle *idle, struct idle_thread *t, const bool *meant, bool *chosen)
{
    size_t n = 0;
    bool *const named = memory_get(t->n_all + 1);
    for (size_t i = 0; i < t->n_all; i++) {
        named[i] = meant[i] && t->places[i].rank == IDLE_RANK_KNOWN;
        n += named[i];
    }
    size_t best = t->n_all;
    if (n == 0 && !is_one_wait(idle, t, meant)) {
        best = find_best(idle, t, meant, NULL);
        if (best < t->n_all)
            add_same(idle, t, best, named);
    } else if (n == 0) {
        memcpy(named, meant, t->n_all);
    }
    drop_inner(idle, t, named);
    n = 0;
    for (size_t i = 0; i < t->n_all; i++) {
        chosen[i] |= named[i];
        n += named[i];
    }
    free(named);
    return n > 0;
}

void idle_choose_named(struct idle *idle, struct idle_thread *t)
{
    struct idle_weighing w;
    bool *const chosen = memory_get(t->n_all + 1), *const meant = memory_get(t->n_all + 1);
    bool found = false, around = true;
    idle_weigh(&w, idle, t);
    for (size_t i = 0; i < t->n_all; i++)
        idle_rank_place(&w, &t->places[i]);
    for (unsigned name = 0; name < idle->n_names; name++) {
        size_t n = find_meant(idle, t, idle->names[name], meant);
        if (n == 0)
            continue;
        found = true;
        size_t last = 0;
        for (size_t i = 0; i < t->n_all; i++) {
            if (!meant[i])
                continue;
            t->places[i].meant = true;
            t->places[i].name = name;
            around &= idle_rank_named(&w, &t->places[i]);
            last = i;
        }
        if (n == 1 && around)
            chosen[last] = true;
        else if (around)
            choose_meant(idle, t, meant, chosen);
    }
    drop_inner(idle, t, chosen);
    if (found)
        keep(t, chosen);
    if (t->n_places == 0)
        doubt(idle, t, t->n_all);
    if (found && !around)
        t->doubt = IDLE_NOT_AROUND;
    else if (found && t->n_places == 0)
        t->doubt = IDLE_TWO_READINGS;
    idle_weighing_clear(&w);
    free(chosen);
    free(meant);
    if (!found) /* it is another thread's place */
        idle_choose(idle, t);
    else
        idle_request_adopt(t);
}
