/* SPDX-License-Identifier: MIT */
#include "idle_busy.h"

#include "analyze/base/memory.h"
#include "idle_names.h"
#include "idle_request.h"

#include <stdlib.h>

/* Where so many visits last for two ticks or more, hardly any is missed; a few show nothing. */
#define LASTING_SHARE 0.5
#define LASTING_MIN   5

/* So many times that look like a stall, for want of a tick in the idle place, may be expected. */
#define FALSE_MAX 0.1

/* Of the loop's time so much must be in what is seen to be called shortly. */
#define OTHER_SHARE 0.5

#define SHORT_SHARE 0.1 /* of its calls, at most */

/* A loop that is on the stack for so much of a thread's time. */
#define LOOP_SHARE 0.1

/* ---- a loop that never waits ---- */

/*
 * The innermost function on the way to this one that is a loop by name; TREE_ROOT: none is. What
 * called the function in which a forked process begins has been left to the parent.
 */
static uint32_t loop_above(const struct idle *idle, uint32_t function)
{
    for (uint32_t f = function; f != TREE_ROOT; f = idle->functions.nodes[f].parent) {
        const unsigned bits = idle_bits_of(idle, f);
        if (bits & IDLE_NAME_BEGINS)
            return TREE_ROOT;
        if ((bits & (IDLE_NAME_LOOP | IDLE_NAME_SELF)) && !(bits & IDLE_NAME_APART))
            return f;
    }
    return TREE_ROOT;
}

/* Does another loop wait there itself: further in, or one that has this loop for work? */
static bool is_of_another(struct idle *idle, const struct idle_thread *t,
                          const struct idle_place *p, uint32_t loop)
{
    if (p->rank < IDLE_RANK_DIRECT)
        return false;
    if (!idle_is_below(idle, idle_function(idle, p->node), loop))
        return true;
    return p->loop != loop && idle_is_below(idle, p->loop, loop) && !idle_only_waits(idle, t, p);
}

/*
 * Was the thread never seen outside of this loop, in a process that began by a fork? Then nothing
 * tells it from a loop of the parent's that called fork, to which the child never comes back.
 */
static bool may_be_of_parent(struct idle *idle, const struct idle_thread *t, uint32_t loop)
{
    const struct process *const process = t->thread->process;
    if (!process->is_forked || !t->thread->main)
        return false;
    for (size_t i = 0; i < t->n_times; i++) {
        const uint32_t function = idle_function(idle, t->times[i].node);
        if (function != TREE_ROOT && !idle_is_below(idle, function, loop))
            return false;
    }
    return true;
}

bool idle_busy_find(struct idle_weighing *w, struct idle_thread *t, size_t best, size_t *added)
{
    struct idle *const idle = w->idle;
    uint64_t *const ns = memory_get((idle->functions.n + 1) * sizeof *ns);
    uint32_t loop = TREE_ROOT;
    for (size_t i = 0; i < t->n_times; i++) {
        const uint32_t f = loop_above(idle, idle_function(idle, t->times[i].node));
        ns[f] += t->times[i].ns;
        loop = f != TREE_ROOT && (loop == TREE_ROOT || ns[f] > ns[loop]) ? f : loop;
    }
    const uint64_t loop_ns = ns[loop];
    free(ns);
    if (loop == TREE_ROOT || (double)loop_ns < LOOP_SHARE * (double)t->wall_ns ||
        t->unknown_ns > t->wall_ns / 2 || may_be_of_parent(idle, t, loop))
        return false;
    if (best < t->n_all && is_of_another(idle, t, &t->places[best], loop))
        return false;
    *added = idle_add_loop(idle, t, loop);
    return true;
}

/* ---- is it too busy? ---- */

static const struct idle_calls *calls_of(const struct idle_thread *t, uint32_t function)
{
    uint64_t at = hash_pair(function, 0);
    for (uint32_t n; t->n_calls > 0 && (n = hash_slot(&t->call_hash, at)) != HASH_NONE; at++) {
        if (t->calls[n].function == function)
            return &t->calls[n];
    }
    return NULL;
}

/* Came so many times as often as it had been away for as long as a stall. */
#define COMES_TIMES 3

/* Does it come to its idle place so often that most of what it lets work is too short to be seen?
 */
static bool comes_often(const struct idle_thread *t)
{
    uint64_t visits = 0, away = 0;
    for (size_t i = 0; i < t->n_places; i++) {
        visits += t->places[i].visits;
        away += t->places[i].n_away;
    }
    return visits >= COMES_TIMES * (away + 1);
}

/* So many short calls of a function show that it often is. */
#define SHORT_CALLS 3

/*
 * Is each of its calls long, while what the loop lets work is short for the most part: as far as
 * that is seen of a busy thread, or of this kind of work, or as it comes back so often?
 */
static bool is_long(const struct idle *idle, const struct idle_thread *t, uint32_t function,
                    uint32_t work)
{
    const struct idle_calls *const calls = calls_of(t, function);
    if (calls == NULL || calls->ns / calls->n < idle->short_ns ||
        (double)calls->n_short > SHORT_SHARE * (double)calls->n)
        return false;
    if (t->busy)
        return (double)t->short_work_ns >= OTHER_SHARE * (double)t->loop_ns;
    const struct idle_calls *const around = calls_of(t, work);
    return comes_often(t) || (around != NULL && around->n_short >= SHORT_CALLS);
}

/*
 * What the loop lets work on the way to a function: the outermost below it that is not of a
 * library, as that may pass everything on. TREE_ROOT when there is none.
 */
static uint32_t work_of(const struct idle *idle, uint32_t function, uint32_t loop)
{
    uint32_t work = TREE_ROOT;
    for (uint32_t f = function; f != loop && f != TREE_ROOT; f = idle->functions.nodes[f].parent) {
        const struct symbol_function *const symbol =
            &idle->scene->symbols.functions[idle->functions.nodes[f].place];
        work = idle_is_library(symbol->file) ? work : f;
    }
    return work;
}

/* Time in work that is seen to give way to other work of the loop soon. */
static uint64_t short_work(struct idle *idle, const struct idle_thread *t, uint32_t loop)
{
    uint64_t sum_ns = 0;
    for (size_t i = 0; i < t->n_times; i++) {
        const uint32_t function = idle_function(idle, t->times[i].node);
        if (!idle_is_below(idle, function, loop))
            continue;
        const struct idle_calls *const calls = calls_of(t, work_of(idle, function, loop));
        if (calls != NULL && calls->ns / calls->n < idle->short_ns / 2)
            sum_ns += t->times[i].ns;
    }
    return sum_ns;
}

/* The outermost function on the way that is one; TREE_ROOT = none is. */
static uint32_t long_call(const struct idle *idle, const struct idle_thread *t, uint32_t function)
{
    uint32_t best = TREE_ROOT;
    for (size_t i = 0; i < t->n_places; i++) {
        const uint32_t loop = t->places[i].loop;
        const uint32_t work =
            idle_is_below(idle, function, loop) ? work_of(idle, function, loop) : TREE_ROOT;
        for (uint32_t f = function; work != TREE_ROOT; f = idle->functions.nodes[f].parent) {
            best = is_long(idle, t, f, work) && (best == TREE_ROOT || f < best) ? f : best;
            if (f == work)
                break;
        }
    }
    return best;
}

enum idle_piece idle_busy_piece(struct idle *idle, const struct idle_thread *t, uint32_t node,
                                enum state_class class, uint32_t call, uint32_t *which)
{
    *which = t->request;
    if (t->request != TREE_ROOT && idle_request_is_one(idle, t, node))
        return IDLE_PIECE_CALL;
    *which = long_call(idle, t, idle_function(idle, node));
    if (*which != TREE_ROOT)
        return IDLE_PIECE_CALL;
    *which = node;
    for (size_t i = t->n_places; class == CLASS_BLOCKED && i < t->n_all; i++) {
        const struct idle_place *const p = &t->places[i];
        if (p->longest_ns >= idle->short_ns && p->node == node && p->call == call)
            return IDLE_PIECE_WAIT;
    }
    return IDLE_PIECE_NONE;
}

/*
 * How many times of short_ns without a tick in the idle place are to be expected by chance, as it
 * is there for such a share of its time. Where it is mostly away for shorter times, the longer ones
 * are not what it usually does.
 */
static double expect_false(const struct idle *idle, const struct idle_thread *t,
                           const struct idle_place *most)
{
    const double interval_ns = (double)t->thread->process->recording->interval_ns;
    double idle_ns = 0, visits = 0, all_ns = (double)t->loop_ns;
    for (size_t i = 0; i < t->n_places; i++) {
        idle_ns += (double)t->places[i].blocked_ns;
        visits += (double)t->places[i].visits;
    }
    if (2 * most->n_away < most->visits)
        all_ns -= (double)most->away_ns;
    const double away = all_ns > idle_ns ? 1 - idle_ns / all_ns : 0;
    double expected = interval_ns > 0 ? visits : 0;
    for (double ns = 0; ns < (double)idle->short_ns && expected > FALSE_MAX; ns += interval_ns)
        expected *= away;
    return expected;
}

void idle_busy_judge(struct idle_weighing *w, struct idle_thread *t)
{
    uint64_t visits = 0, lasting = 0;
    bool meant = false;
    const struct idle_place *most = t->places;
    for (size_t i = 0; i < t->n_places; i++) {
        const struct idle_place *const p = &t->places[i];
        visits += p->visits;
        lasting += p->n_lasting;
        meant |= p->meant;
        most = p->visits > most->visits ? p : most;
    }
    if (t->n_places == 0 || meant)
        return;
    t->loop_ns = w->below_ns[most->loop];
    if (visits >= LASTING_MIN && (double)lasting >= LASTING_SHARE * (double)visits)
        return;
    t->busy = visits == 0 || expect_false(w->idle, t, most) > FALSE_MAX;
    if (!t->busy)
        return;
    t->doubt = IDLE_TOO_BUSY;
    t->short_work_ns = short_work(w->idle, t, most->loop);
}
