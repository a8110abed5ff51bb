/* SPDX-License-Identifier: MIT */
#include "watch.h"
#include "format/chunk.h"
#include <stdlib.h>
#include <string.h>

static void *zeros(size_t n, size_t len)
{
    void *const memory = calloc(n + 1, len);
    if (memory == NULL)
        abort();
    return memory;
}

/* ---- to columns ---- */

static void ticks_build(const struct watch *watch, Pyrec__V1__Samples *samples)
{
    const uint32_t n = watch->n_ticks;
    uint32_t last = 0;

    samples->late_q = zeros(n, sizeof(*samples->late_q));
    samples->missed_at = zeros(n, sizeof(*samples->missed_at));
    samples->missed_n = zeros(n, sizeof(*samples->missed_n));
    samples->missed_gap_q = zeros(n, sizeof(*samples->missed_gap_q));
    for (uint32_t k = 0; k < n; k++) {
        const uint64_t due_ns = tick_due_ns(watch->origin_ns, watch->interval_ns, watch->number[k]);
        samples->late_q[samples->n_late_q++] =
            (int32_t)(watch->time_q[k] - due_ns / watch->quantum_ns);
        if (watch->missed[k] == 0 && watch->gap_q[k] == 0)
            continue;
        samples->missed_at[samples->n_missed_at++] = k - last;
        samples->missed_n[samples->n_missed_n++] = watch->missed[k];
        samples->missed_gap_q[samples->n_missed_gap_q++] = watch->gap_q[k];
        last = k;
    }
}

static void holders_build(const struct watch *watch, Pyrec__V1__Samples *samples)
{
    samples->holder_run = zeros(watch->n_ticks, sizeof(*samples->holder_run));
    samples->holder = zeros(watch->n_ticks, sizeof(*samples->holder));
    for (uint32_t k = 0; watch->holder != NULL && k < watch->n_ticks; k++) {
        if (k == 0 || watch->holder[k] != watch->holder[k - 1]) {
            samples->holder[samples->n_holder++] = watch->holder[k];
            samples->holder_run[samples->n_holder_run++] = 0;
        }
        samples->holder_run[samples->n_holder_run - 1]++;
    }
}

static bool is_same(const struct seen *a, const struct seen *b)
{
    return a->cpu_q == b->cpu_q && a->stack == b->stack && a->state == b->state &&
           a->call == b->call;
}

static void explicit_build(const struct watch *watch, const struct seen *now,
                           const struct seen *last, uint32_t tick, uint32_t *last_call_at,
                           Pyrec__V1__Samples *samples)
{
    const uint64_t since = tick == 0 ? watch->before_q : watch->time_q[tick - 1];
    const uint32_t at = (uint32_t)samples->n_stack;

    samples->stack[samples->n_stack++] = (int32_t)(now->stack - last->stack);
    samples->cpu[samples->n_cpu++] =
        (int64_t)(now->cpu_q - last->cpu_q) - (int64_t)(watch->time_q[tick] - since);
    samples->state[samples->n_state++] = now->state;
    if (now->call == last->call)
        return;
    samples->call_at[samples->n_call_at++] = at - *last_call_at;
    samples->call[samples->n_call++] = now->call;
    *last_call_at = at;
}

/* Runs: implied ticks, explicit ticks, implied, ..; implied ones at the end are left out. */
static void thread_build(const struct watch *watch, const struct watched *thread,
                         uint32_t *last_call_at, Pyrec__V1__Samples *samples)
{
    const size_t first_run = samples->n_run;
    const struct seen *last = &thread->before;
    bool was_explicit = false;
    uint32_t n_implied = 0;

    for (uint32_t k = thread->begin; k < thread->end; k++) {
        const struct seen *const now = &thread->seen[k - thread->begin];
        if (is_same(now, last)) {
            n_implied++;
            was_explicit = false;
        } else {
            if (!was_explicit) {
                samples->run[samples->n_run++] = n_implied;
                samples->run[samples->n_run++] = 0;
                n_implied = 0;
            }
            samples->run[samples->n_run - 1]++;
            explicit_build(watch, now, last, k, last_call_at, samples);
            was_explicit = true;
        }
        last = now;
    }
    samples->thread_runs[samples->n_thread_runs++] = (uint32_t)(samples->n_run - first_run);
}

static void columns_reserve(const struct watch *watch, Pyrec__V1__Samples *samples)
{
    const size_t n = watch->n_threads, n_explicit = n * watch->n_ticks;

    samples->thread = zeros(n, sizeof(*samples->thread));
    samples->thread_stack = zeros(n, sizeof(*samples->thread_stack));
    samples->thread_state = zeros(n, sizeof(*samples->thread_state));
    samples->thread_call = zeros(n, sizeof(*samples->thread_call));
    samples->thread_begin = zeros(n, sizeof(*samples->thread_begin));
    samples->thread_end = zeros(n, sizeof(*samples->thread_end));
    samples->thread_runs = zeros(n, sizeof(*samples->thread_runs));
    samples->run = zeros(2 * n_explicit, sizeof(*samples->run));
    samples->stack = zeros(n_explicit, sizeof(*samples->stack));
    samples->cpu = zeros(n_explicit, sizeof(*samples->cpu));
    samples->state = zeros(n_explicit, sizeof(*samples->state));
    samples->call_at = zeros(n_explicit, sizeof(*samples->call_at));
    samples->call = zeros(n_explicit, sizeof(*samples->call));
}

void watch_build(const struct watch *watch, Pyrec__V1__Samples *samples)
{
    uint32_t last_call_at = 0;
    bool any_begin = false, any_end = false;

    pyrec__v1__samples__init(samples);
    samples->origin_ns = watch->origin_ns;
    samples->interval_ns = watch->interval_ns;
    samples->first_tick = watch->n_ticks > 0 ? watch->number[0] : 0;
    samples->before_q = watch->before_q;
    ticks_build(watch, samples);
    holders_build(watch, samples);
    columns_reserve(watch, samples);
    for (uint32_t i = 0; i < watch->n_threads; i++) {
        const struct watched *const thread = &watch->threads[i];
        samples->thread[i] = thread->id - (i > 0 ? thread[-1].id : 0);
        samples->thread_stack[i] = thread->before.stack;
        samples->thread_state[i] = thread->before.state;
        samples->thread_call[i] = thread->before.call;
        samples->thread_begin[i] = thread->begin;
        samples->thread_end[i] = watch->n_ticks - thread->end;
        any_begin = any_begin || thread->begin != 0;
        any_end = any_end || thread->end != watch->n_ticks;
        thread_build(watch, thread, &last_call_at, samples);
    }
    samples->n_thread = samples->n_thread_stack = samples->n_thread_state = watch->n_threads;
    samples->n_thread_call = watch->n_threads;
    samples->n_thread_begin = any_begin ? watch->n_threads : 0;
    samples->n_thread_end = any_end ? watch->n_threads : 0;
}

void watch_samples_clear(Pyrec__V1__Samples *samples)
{
    void *const columns[] = {
        samples->late_q,       samples->missed_at,   samples->missed_n,     samples->missed_gap_q,
        samples->holder_run,   samples->holder,      samples->thread,       samples->thread_stack,
        samples->thread_state, samples->thread_call, samples->thread_begin, samples->thread_end,
        samples->thread_runs,  samples->run,         samples->stack,        samples->cpu,
        samples->state,        samples->call_at,     samples->call};
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        free(columns[i]);
}

/* ---- and back ---- */

static bool next32(struct proto_column *column, uint32_t *value)
{
    uint64_t wide;
    if (!column_next(column, &wide) || wide > UINT32_MAX)
        return false;
    *value = (uint32_t)wide;
    return true;
}

static bool ticks_read(struct watch *watch, struct samples_columns *c, uint64_t first_tick)
{
    struct proto_column at = c->missed_at;
    uint32_t next = 0, delta;
    bool has_next = next32(&at, &next);

    for (uint32_t k = 0; k < watch->n_ticks; k++) {
        int64_t late_q;
        if (has_next && next == k) {
            if (!next32(&c->missed_n, &watch->missed[k]) ||
                (c->missed_gap_q.at != NULL && !column_next(&c->missed_gap_q, &watch->gap_q[k])))
                return false;
            has_next = next32(&at, &delta);
            next += has_next ? delta : 0;
        }
        watch->number[k] = k == 0 ? first_tick : watch->number[k - 1] + 1 + watch->missed[k];
        if (!column_next_signed(&c->late_q, &late_q))
            return false;
        watch->time_q[k] = tick_due_ns(watch->origin_ns, watch->interval_ns, watch->number[k]) /
                               watch->quantum_ns +
                           (uint64_t)late_q;
    }
    return !has_next && column_empty(&c->missed_n) && column_empty(&c->missed_gap_q);
}

static bool holders_read(struct watch *watch, struct samples_columns *c)
{
    uint32_t n, thread;

    if (column_empty(&c->holder))
        return column_empty(&c->holder_run);
    watch->holder = zeros(watch->n_ticks, sizeof(*watch->holder));
    for (uint32_t k = 0; k < watch->n_ticks; k += n) {
        if (!next32(&c->holder_run, &n) || !next32(&c->holder, &thread) || n == 0 ||
            n > watch->n_ticks - k)
            return false;
        for (uint32_t i = k; i < k + n; i++)
            watch->holder[i] = thread;
    }
    return column_empty(&c->holder) && column_empty(&c->holder_run);
}

/* Where the next call begins, as an index of explicit ticks. */
struct calls {
    uint32_t explicit_at, next;
    bool has_next;
};

static bool explicit_read(const struct watch *watch, struct samples_columns *c, uint32_t tick,
                          struct calls *calls, struct seen *now)
{
    const uint64_t since = tick == 0 ? watch->before_q : watch->time_q[tick - 1];
    int64_t stack, cpu;
    uint32_t delta;

    if (!column_next_signed(&c->stack, &stack) || !column_next_signed(&c->cpu, &cpu) ||
        !next32(&c->state, &now->state))
        return false;
    now->stack += (uint32_t)stack;
    now->cpu_q += (uint64_t)cpu + (watch->time_q[tick] - since);
    if (calls->has_next && calls->explicit_at == calls->next) {
        if (!next32(&c->call, &now->call))
            return false;
        calls->has_next = next32(&c->call_at, &delta);
        calls->next += calls->has_next ? delta : 0;
    }
    calls->explicit_at++;
    return true;
}

static bool thread_read(const struct watch *watch, struct watched *thread,
                        struct samples_columns *c, struct calls *calls)
{
    uint32_t n_runs, n = 0, end = 0, k;
    struct seen now = {0};

    if (!next32(&c->thread_stack, &now.stack) || !next32(&c->thread_state, &now.state) ||
        !next32(&c->thread_call, &now.call) || !next32(&c->thread_runs, &n_runs) ||
        (c->thread_begin.at != NULL && !next32(&c->thread_begin, &thread->begin)) ||
        (c->thread_end.at != NULL && !next32(&c->thread_end, &end)) || end > watch->n_ticks ||
        thread->begin > watch->n_ticks - end)
        return false;
    thread->before = now;
    thread->end = watch->n_ticks - end;
    thread->seen = zeros(thread->end - thread->begin, sizeof(*thread->seen));
    k = thread->begin;
    for (uint32_t run = 0; run < n_runs; run++) {
        if (!next32(&c->run, &n) || n > thread->end - k)
            return false;
        for (const uint32_t to = k + n; k < to; k++) {
            if (run % 2 == 1 && !explicit_read(watch, c, k, calls, &now))
                return false;
            thread->seen[k - thread->begin] = now;
        }
    }
    for (; k < thread->end; k++) /* what the runs do not say is implied */
        thread->seen[k - thread->begin] = now;
    return true;
}

static bool threads_read(struct watch *watch, struct samples_columns *c)
{
    struct calls calls = {0};
    uint32_t id = 0, delta;

    calls.has_next = next32(&c->call_at, &calls.next);
    for (uint32_t i = 0; i < watch->n_threads; i++) {
        if (!next32(&c->thread, &delta))
            return false;
        id += delta;
        watch->threads[i].id = id;
        if (!thread_read(watch, &watch->threads[i], c, &calls))
            return false;
    }
    return !calls.has_next && column_empty(&c->run) && column_empty(&c->stack) &&
           column_empty(&c->cpu) && column_empty(&c->state) && column_empty(&c->call);
}

bool watch_read(struct watch *watch, struct proto_column body, uint64_t quantum_ns)
{
    struct samples_columns c;

    *watch = (struct watch){0};
    if (samples_columns_parse(&c, body, NULL) != STATUS_OK ||
        column_count(&c.late_q) > LIMIT_TICKS || column_count(&c.thread) > LIMIT_THREADS)
        return false;
    watch->origin_ns = c.origin_ns;
    watch->interval_ns = c.interval_ns;
    watch->quantum_ns = quantum_ns;
    watch->before_q = c.before_q;
    watch->n_ticks = (uint32_t)column_count(&c.late_q);
    watch->number = zeros(watch->n_ticks, sizeof(*watch->number));
    watch->time_q = zeros(watch->n_ticks, sizeof(*watch->time_q));
    watch->missed = zeros(watch->n_ticks, sizeof(*watch->missed));
    watch->gap_q = zeros(watch->n_ticks, sizeof(*watch->gap_q));
    watch->n_threads = (uint32_t)column_count(&c.thread);
    watch->threads = zeros(watch->n_threads, sizeof(*watch->threads));
    return ticks_read(watch, &c, c.first_tick) && holders_read(watch, &c) &&
           threads_read(watch, &c);
}

void watch_clear(struct watch *watch)
{
    for (uint32_t i = 0; i < watch->n_threads; i++)
        free(watch->threads[i].seen);
    free(watch->number);
    free(watch->time_q);
    free(watch->missed);
    free(watch->gap_q);
    free(watch->holder);
    free(watch->threads);
    *watch = (struct watch){0};
}
