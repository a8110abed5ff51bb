/* SPDX-License-Identifier: MIT */
#include "range.h"

#include "analyze/base/memory.h"
#include "analyze/model/facts.h"
#include "analyze/model/state.h"
#include "format/base/bisect.h"
#include "format/chunk.h"

#include <stdlib.h>
#include <string.h>

/* Times beyond this (146 years in ns) are no times; sums of a few of them cannot overflow. */

void range_clear(struct range *range)
{
    free(range->time_q);
    free(range->border_q);
    free(range->settled);
    free(range->waiting);
    free(range->gap_wall_q);
    free(range->missed_due);
    free(range->holders);
    *range = (struct range){0};
}

static enum status fault(struct range *range, enum status status, const char *words)
{
    if (range->status == STATUS_OK) {
        range->status = status;
        range->fault = words;
    }
    return range->status;
}

/* From a column that is empty when all its entries are 0. */
static bool next_or_zero(struct proto_column *column, bool absent, uint32_t *value)
{
    *value = 0;
    return absent || next_u32(column, value);
}

/* Division by a number that stays the same: one multiplication instead, mended where it is off. */
__extension__ typedef unsigned __int128 wide;

struct divisor {
    uint64_t by, inverse;
};

static inline uint64_t divide(uint64_t n, struct divisor d)
{
    uint64_t quotient = (uint64_t)(((wide)n * d.inverse) >> 64);
    uint64_t rest = n - quotient * d.by;
    while (rest >= d.by) {
        quotient++;
        rest -= d.by;
    }
    return quotient;
}

/* Ticks that were skipped before one; taken from the sparse columns in order. */
struct missed {
    struct proto_column at, n, gap_q;
    bool has_gaps, has_next;
    uint32_t next_at;
};

static bool missed_advance(struct missed *m)
{
    uint32_t delta;
    m->has_next = !column_empty(&m->at);
    if (!m->has_next)
        return true;
    if (!next_u32(&m->at, &delta) || delta > LIMIT_TICKS)
        return false;
    m->next_at += delta;
    return true;
}

/* What was skipped before tick k: tick numbers, and time that was not observed. */
static bool missed_take(struct missed *m, uint32_t k, uint64_t *n, uint64_t *gap_q)
{
    *n = *gap_q = 0;
    if (!m->has_next || m->next_at != k)
        return true;
    if (!column_next(&m->n, n) || *n > TIME_MAX_NS)
        return false;
    if (m->has_gaps && !column_next(&m->gap_q, gap_q))
        return false;
    return missed_advance(m) && !(m->has_next && m->next_at == k);
}

/*
 * Of n tick numbers skipped, those that were due in the time that was not observed are accounted
 * to nobody.
 */
static uint64_t skipped_unobserved(const struct range *range, uint64_t n, uint64_t gap_q)
{
    if (n == 0 || gap_q == 0)
        return 0;
    const uint64_t interval_q = range->columns.interval_ns / range->quantum_ns;
    const uint64_t in_gap = interval_q > 0 ? (gap_q + interval_q / 2) / interval_q : n;
    return in_gap < n ? in_gap : n;
}

/* In quanta, where the interval of tick number n - 1 ends and that of number n begins. */
static inline uint64_t border_q(const struct samples_columns *c, struct divisor quantum, uint64_t n)
{
    return divide(c->origin_ns + n * c->interval_ns, quantum);
}

/*
 * The sums behind tick k, which has n_missed before it, and of whose time gap_q was not observed.
 * More than its intervals have may be: then the ticks that follow pay for it.
 */
static void sum_missed(struct range *range, uint32_t k, uint64_t n_missed, uint64_t gap_q,
                       uint64_t gaps_q)
{
    uint64_t *const wall = range->gap_wall_q;
    const uint64_t passed_q = range->border_q[k + 1] - range->border_q[0];
    wall[k + 1] = passed_q > gaps_q && passed_q - gaps_q > wall[k] ? passed_q - gaps_q : wall[k];
    range->missed_due[k + 1] =
        range->missed_due[k] + 1 + n_missed - skipped_unobserved(range, n_missed, gap_q);
}

/* Fill time_q and border_q, and where something was missed the sums of wall and ticks. */
static enum status read_ticks(struct range *range)
{
    struct samples_columns *const c = &range->columns;
    struct missed missed = {.at = c->missed_at,
                            .n = c->missed_n,
                            .gap_q = c->missed_gap_q,
                            .has_gaps = !column_empty(&c->missed_gap_q)};
    const bool any_missed = !column_empty(&c->missed_at);
    const struct divisor quantum = {range->quantum_ns, UINT64_MAX / range->quantum_ns};
    uint64_t *const time = range->time_q;
    const uint64_t time_max_q = TIME_MAX_NS / range->quantum_ns;
    uint64_t number = c->first_tick, gaps_q = 0;

    if (!missed_advance(&missed))
        return fault(range, STATUS_DAMAGED, "column missed_at");
    time[0] = c->before_q;
    for (uint32_t k = 0; k < range->n_ticks; k++, number++) {
        int64_t late_q;
        uint64_t n_missed = 0, gap_q = 0;
        if (any_missed && !missed_take(&missed, k, &n_missed, &gap_q))
            return fault(range, STATUS_DAMAGED, "columns of missed ticks");
        if (k > 0)
            number += n_missed;
        if (!column_next_signed(&c->late_q, &late_q))
            return fault(range, STATUS_DAMAGED, "column late_q");
        if (number > TIME_MAX_NS / c->interval_ns)
            return fault(range, STATUS_LIMIT, "tick number");
        const uint64_t due_ns = tick_due_ns(c->origin_ns, c->interval_ns, number);
        time[k + 1] = divide(due_ns, quantum) + (uint64_t)late_q;
        if (time[k + 1] < time[k] || time[k + 1] > time_max_q || gap_q > time[k + 1] - time[k])
            return fault(range, STATUS_DAMAGED, "times of ticks");
        if (k == 0)
            range->border_q[0] = border_q(c, quantum, number > n_missed ? number - n_missed : 0);
        range->border_q[k + 1] = border_q(c, quantum, number + 1);
        gaps_q += gap_q;
        if (any_missed)
            sum_missed(range, k, n_missed, gap_q, gaps_q);
    }
    if (missed.has_next || !column_empty(&missed.n) || !column_empty(&missed.gap_q))
        return fault(range, STATUS_DAMAGED, "columns of missed ticks");
    return STATUS_OK;
}

static void reserve_ticks(struct range *range)
{
    const size_t n = (size_t)range->n_ticks + 1;
    range->time_q = memory_grow(range->time_q, &range->time_size, n, sizeof *range->time_q);
    range->border_q = memory_grow(range->border_q, &range->border_size, n, sizeof *range->border_q);
    range->border_q[0] = 0;
    range->wall_q = range->border_q;
    range->due = NULL;
    if (column_empty(&range->columns.missed_at))
        return;
    range->gap_wall_q = memory_grow(range->gap_wall_q, &range->gap_size, n, sizeof(uint64_t));
    range->missed_due = memory_grow(range->missed_due, &range->missed_size, n, sizeof(uint64_t));
    range->gap_wall_q[0] = range->missed_due[0] = 0;
    range->wall_q = range->gap_wall_q;
    range->due = range->missed_due;
}

static void reserve_spans(struct range *range)
{
    if (range->settled == NULL) {
        range->settled = memory_get(RANGE_ROOM * sizeof *range->settled);
        range->waiting = memory_get(ATTRIBUTE_TICKS * sizeof *range->waiting);
    }
    range->n_settled = range->next_settled = range->n_waiting = 0;
}

enum status range_open(struct range *range, struct proto_column body, uint64_t quantum_ns,
                       const struct dict *dict, struct problem *why)
{
    struct samples_columns *const c = &range->columns;
    range->status = STATUS_OK;
    range->dict = dict;
    range->quantum_ns = quantum_ns;
    range->n_ticks = range->n_threads = range->threads_read = range->thread_id = 0;
    range->explicit_at = range->next_call_at = range->next_context_at = range->next_task_at = 0;
    range->next_context = 0;
    range->n_undefined = 0;
    range->from_tick = 0;
    range->to_tick = UINT32_MAX;
    TRY(samples_columns_parse(c, body, why));

    const size_t n_ticks = column_count(&c->late_q), n_threads = column_count(&c->thread);
    if (n_ticks > LIMIT_TICKS || n_threads > LIMIT_THREADS || c->origin_ns > TIME_MAX_NS ||
        c->interval_ns > LIMIT_INTERVAL_NS || c->before_q > TIME_MAX_NS / quantum_ns)
        return problem_set(why, STATUS_LIMIT, PROBLEM_NO_OFFSET, "a range of ticks is too large");
    if (c->interval_ns == 0 && n_ticks > 0)
        return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "samples without an interval");
    range->n_ticks = (uint32_t)n_ticks;
    range->n_threads = (uint32_t)n_threads;
    reserve_ticks(range);
    reserve_spans(range);
    if (read_ticks(range) != STATUS_OK || !range_next_call(range) || !range_next_context(range)) {
        fault(range, STATUS_DAMAGED, "columns call_at and context_at");
        return problem_set(why, range->status, PROBLEM_NO_OFFSET, "samples: %s", range->fault);
    }
    if (!range_read_tasks(range)) {
        fault(range, STATUS_DAMAGED, "columns of tasks");
        return problem_set(why, range->status, PROBLEM_NO_OFFSET, "samples: %s", range->fault);
    }
    return STATUS_OK;
}

/* The entry of `thread_x` columns for the next thread. */
static enum status read_thread(struct range *range, struct range_thread *t)
{
    struct samples_columns *const c = &range->columns;
    uint32_t delta, state, end;
    uint64_t context = 0;
    if (!next_u32(&c->thread, &delta) || !next_u32(&c->thread_stack, &t->stack) ||
        !next_u32(&c->thread_state, &state) || !next_u32(&c->thread_call, &t->call) ||
        !next_u32(&c->thread_runs, &t->runs_left))
        return fault(range, STATUS_DAMAGED, "columns of threads differ in length");
    if (delta == 0 || delta > UINT32_MAX - range->thread_id)
        return fault(range, STATUS_DAMAGED, "thread ids");
    t->id = range->thread_id += delta;
    t->state = (uint16_t)(state & STATE_MASK);
    const bool no_begin = c->thread_begin.at == NULL, no_end = c->thread_end.at == NULL;
    if (!next_or_zero(&c->thread_begin, no_begin, &t->first) ||
        !next_or_zero(&c->thread_end, no_end, &end))
        return fault(range, STATUS_DAMAGED, "columns of threads differ in length");
    if (c->thread_context.at != NULL && !column_next(&c->thread_context, &context))
        return fault(range, STATUS_DAMAGED, "columns of threads differ in length");
    t->context = dict_context_find(range->dict, context);
    if (!next_or_zero(&range->tasks_before, range->tasks_before.at == NULL, &t->task))
        return fault(range, STATUS_DAMAGED, "columns of tasks");
    if ((uint64_t)t->first + end > range->n_ticks)
        return fault(range, STATUS_DAMAGED, "a thread was observed for too few ticks");
    t->n = range->n_ticks - t->first - end;
    t->at = t->first;
    return STATUS_OK;
}

bool range_next_thread(struct range *range, struct range_thread *thread)
{
    if (range->threads_read > 0) {
        struct span rest[64];
        while (range_spans(range, thread, rest, ARRAY_LEN(rest)) > 0)
            continue;
    }
    *thread = (struct range_thread){0};
    range->n_settled = range->next_settled = range->n_waiting = 0;
    if (range->status != STATUS_OK || range->threads_read == range->n_threads)
        return false;
    if (read_thread(range, thread) != STATUS_OK)
        return false;
    range->threads_read++;
    return true;
}

void range_rewind(struct range *range, const struct range *mark)
{
    range->columns = mark->columns;
    range->threads_read = mark->threads_read;
    range->thread_id = mark->thread_id;
    range->explicit_at = mark->explicit_at;
    range->next_call_at = mark->next_call_at;
    range->next_call = mark->next_call;
    range->next_context_at = mark->next_context_at;
    range->next_context = mark->next_context;
    range->next_task_at = mark->next_task_at;
    range->next_task = mark->next_task;
    range->tasks_before = mark->tasks_before;
    range->n_undefined = mark->n_undefined;
    range->n_settled = range->next_settled = range->n_waiting = 0;
    range->status = mark->status;
    range->fault = mark->fault;
}

/* Start the next run; false when there is none or it is wrong. */
static bool run_begin(struct range *range, struct range_thread *t)
{
    const uint32_t left = t->first + t->n - t->at;
    if (t->runs_left == 0) { /* what the runs do not say is implied */
        t->explicit_run = false;
        t->run_left = left;
        return left > 0;
    }
    t->runs_left--;
    if (!next_u32(&range->columns.run, &t->run_left) || t->run_left > left) {
        fault(range, STATUS_DAMAGED, "runs");
        return false;
    }
    return true;
}

static inline uint32_t defined(struct range *range, uint32_t stack, uint32_t n)
{
    const uint32_t id = dict_stack_id(range->dict, stack);
    if (__builtin_expect(id == DICT_STACK_LOST, 0))
        range->n_undefined += n;
    return id;
}

static void take_implied(struct range *range, struct range_thread *t, struct span *span)
{
    const uint32_t from = t->at, to = from + t->run_left;
    *span = (struct span){
        .wall_q = range_wall_q(range, from, t->run_left),
        .ticks = range_ticks(range, from, t->run_left),
        .first = from,
        .n = t->run_left,
        .stack = defined(range, t->stack, t->run_left),
        .call = t->call,
        .context = t->context,
        .task = t->task,
        .state = t->state,
    };
    t->at = to;
    t->run_left = 0;
}

/*
 * The hot loop: one explicit tick after the other, three varints each. Budget: 12 ns.
 * tests/bench/analyze.sh shows what it costs.
 */
static size_t take_explicit(struct range *range, struct range_thread *t, struct span *spans,
                            size_t room)
{
    struct proto_column stacks = range->columns.stack, cpus = range->columns.cpu;
    struct proto_column states = range->columns.state;
    const size_t n = t->run_left < room ? t->run_left : room;
    const uint64_t *const time = range->time_q, *const wall = range->wall_q;
    const uint64_t *const due = range->due;
    const uint64_t cpu_max_q = TIME_MAX_NS / range->quantum_ns;
    uint32_t stack = t->stack, at = t->at;
    size_t i;

    for (i = 0; i < n; i++, at++) {
        uint64_t up, cpu, state;
        if (!column_next(&stacks, &up) || !column_next(&cpus, &cpu) ||
            !column_next(&states, &state)) {
            fault(range, STATUS_DAMAGED, "columns of explicit ticks are too short");
            break;
        }
        stack += (uint32_t)zigzag_decode(up);
        const uint64_t cpu_q = (uint64_t)zigzag_decode(cpu) + (time[at + 1] - time[at]);
        if (cpu_q > cpu_max_q) {
            fault(range, STATUS_DAMAGED, "a thread's clock went back");
            break;
        }
        const uint32_t number = range->explicit_at++;
        if (number == range->next_call_at) {
            t->call = range->next_call;
            if (!range_next_call(range)) {
                fault(range, STATUS_DAMAGED, "columns of calls");
                break;
            }
        }
        if (number == range->next_context_at) {
            t->context = dict_context_find(range->dict, range->next_context);
            if (!range_next_context(range)) {
                fault(range, STATUS_DAMAGED, "columns of contexts");
                break;
            }
        }
        if (number == range->next_task_at) {
            t->task = range->next_task;
            if (!range_next_task(range)) {
                fault(range, STATUS_DAMAGED, "columns of tasks");
                break;
            }
        }
        t->state = (uint16_t)(state & STATE_MASK);
        spans[i] = (struct span){
            .wall_q = wall[at + 1] - wall[at],
            .cpu_q = cpu_q,
            .ticks = due != NULL ? due[at + 1] - due[at] : 1,
            .first = at,
            .n = 1,
            .stack = defined(range, stack, 1),
            .call = t->call,
            .context = t->context,
            .task = t->task,
            .state = (uint16_t)(state & STATE_MASK),
        };
    }
    range->columns.stack = stacks;
    range->columns.cpu = cpus;
    range->columns.state = states;
    t->stack = stack;
    t->at = at;
    t->run_left -= (uint32_t)i;
    return i;
}

static bool is_before(const void *borders_q, size_t i, const void *end_q)
{
    return ((const uint64_t *)borders_q)[i] < *(const uint64_t *)end_q;
}

/* The interval that it was due in, not the moment at which somebody came to look: so what a range
 * of time holds does not depend on how late that was. */
uint32_t range_tick_at(const struct range *range, uint64_t time_q)
{
    const uint64_t half_q = range->columns.interval_ns / range->quantum_ns / 2;
    const uint64_t end_q = time_q < UINT64_MAX - half_q ? time_q + half_q : UINT64_MAX;
    return (uint32_t)bisect(range->border_q + 1, range->n_ticks, is_before, &end_q);
}

void range_limit(struct range *range, uint64_t from_q, uint64_t to_q)
{
    range->from_tick = range_tick_at(range, from_q);
    range->to_tick = range_tick_at(range, to_q);
}

/* Keep of the spans what lies within the limits; returns how many are left. */
static size_t cut_spans(const struct range *range, struct span *spans, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        struct span span = spans[i];
        const uint32_t end =
            span.first + span.n < range->to_tick ? span.first + span.n : range->to_tick;
        const uint32_t first = span.first > range->from_tick ? span.first : range->from_tick;
        if (first >= end)
            continue;
        if (end - first < span.n) { /* implied ticks: they are all alike */
            span.wall_q = range_wall_q(range, first, end - first);
            span.ticks = range_ticks(range, first, end - first);
            span.first = first;
            span.n = end - first;
        }
        spans[kept++] = span;
    }
    return kept;
}

static size_t take_spans(struct range *range, struct range_thread *t, struct span *spans,
                         size_t room)
{
    size_t n = 0;
    while (n < room && range->status == STATUS_OK) {
        if (t->run_left == 0 && !run_begin(range, t))
            break;
        if (t->run_left > 0 && t->explicit_run)
            n += take_explicit(range, t, spans + n, room - n);
        else if (t->run_left > 0)
            take_implied(range, t, &spans[n++]);
        if (t->run_left == 0)
            t->explicit_run = !t->explicit_run;
    }
    return n;
}

/* Read spans behind those that wait; returns how many of them are settled, 0 at the end. */
static size_t refill(struct range *range, struct range_thread *t, struct span *spans, size_t room)
{
    const size_t n_before = range->n_waiting;
    if (n_before > 0)
        memcpy(spans, range->waiting, n_before * sizeof *spans);
    const size_t n = n_before + take_spans(range, t, spans + n_before, room - n_before);
    const size_t settled = attribute_spans(spans, n, n < room);
    range->n_waiting = n - settled;
    if (n > settled)
        memcpy(range->waiting, spans + settled, (n - settled) * sizeof *spans);
    return settled;
}

static size_t next_spans(struct range *range, struct range_thread *t, struct span *spans,
                         size_t room)
{
    if (range->next_settled == range->n_settled) {
        if (room >= RANGE_ROOM)
            return refill(range, t, spans, room);
        range->n_settled = refill(range, t, range->settled, RANGE_ROOM);
        range->next_settled = 0;
    }
    const size_t left = range->n_settled - range->next_settled, n = left < room ? left : room;
    memcpy(spans, range->settled + range->next_settled, n * sizeof *spans);
    range->next_settled += n;
    return n;
}

size_t range_spans(struct range *range, struct range_thread *t, struct span *spans, size_t room)
{
    size_t n, kept;
    do {
        n = next_spans(range, t, spans, room);
        kept = range->from_tick == 0 && range->to_tick >= range->n_ticks
                   ? n
                   : cut_spans(range, spans, n);
    } while (n > 0 && kept == 0);
    return kept;
}

size_t range_holders(struct range *range, const struct range_holder **holders)
{
    struct proto_column runs = range->columns.holder_run, threads = range->columns.holder;
    uint64_t ticks = 0;
    size_t n = 0;
    *holders = NULL;
    while (range->status == STATUS_OK && !column_empty(&runs)) {
        struct range_holder next;
        if (!next_u32(&runs, &next.n) || !next_u32(&threads, &next.thread) ||
            next.n > range->n_ticks - ticks) {
            fault(range, STATUS_DAMAGED, "runs of the GIL's holders");
            return 0;
        }
        ticks += next.n;
        range->holders =
            memory_grow(range->holders, &range->holders_size, n + 1, sizeof *range->holders);
        range->holders[n++] = next;
    }
    if (range->status == STATUS_OK &&
        (!column_empty(&threads) || (n > 0 && ticks != range->n_ticks))) {
        fault(range, STATUS_DAMAGED, "runs of the GIL's holders");
        return 0;
    }
    *holders = range->holders;
    return n;
}

enum status range_finish(struct range *range, struct problem *why)
{
    struct samples_columns *const c = &range->columns;
    if (range->status == STATUS_OK &&
        !(column_empty(&c->thread) && column_empty(&c->thread_stack) &&
          column_empty(&c->thread_state) && column_empty(&c->thread_call) &&
          column_empty(&c->thread_begin) && column_empty(&c->thread_end) &&
          column_empty(&c->thread_runs) && column_empty(&c->run) && column_empty(&c->stack) &&
          column_empty(&c->cpu) && column_empty(&c->state) && column_empty(&c->call) &&
          column_empty(&c->thread_context) && range->next_call_at == NO_CALL &&
          range->next_context_at == NO_CALL && column_empty(&c->task) &&
          range->next_task_at == NO_CALL))
        fault(range, STATUS_DAMAGED, "columns are longer than their threads");
    if (range->status == STATUS_OK)
        return STATUS_OK;
    return problem_set(why, range->status, PROBLEM_NO_OFFSET, "samples: %s", range->fault);
}
