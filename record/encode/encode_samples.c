/* SPDX-License-Identifier: MIT */
/* Samples: from a log in the order of time to columns, one thread behind the other. */
#include "encode_parts.h"

/* The threads that a batch has ticks of, and their columns. */
struct sorted {
    struct roster_thread **threads;
    uint32_t n_threads;
    uint32_t *ticks; /* of explicit ticks, parallel to stack, cpu, state; for the runs only */
    uint32_t *calls; /* string id + 1 where a call begins, else 0 */
    uint32_t n_calls;
    uint64_t *contexts; /* number + 1 where another context begins, else 0 */
    uint32_t n_contexts;
    uint32_t *tasks; /* likewise */
    uint32_t n_tasks;
};

static uint64_t end_of(const struct roster_thread *thread, const struct batch *batch)
{
    const uint64_t end = batch->first_seq + batch->n_ticks;
    return thread->end_seq < end ? thread->end_seq : end;
}

/* Seen in at least one tick of the batch. */
static bool is_in(const struct roster_thread *thread, const struct batch *batch)
{
    const uint64_t begin =
        thread->begin_seq > batch->first_seq ? thread->begin_seq : batch->first_seq;
    return begin < end_of(thread, batch);
}

/* First tick of the batch in which the thread was seen. */
static uint32_t begin_in(const struct roster_thread *thread, const struct batch *batch)
{
    return thread->begin_seq > batch->first_seq ? (uint32_t)(thread->begin_seq - batch->first_seq)
                                                : 0;
}

/* ---- explicit ticks ---- */

/* Counting sort: where a thread's entries begin is known, and they are in order already. */
static bool entries_sort(struct bump *bump, const struct batch *batch, struct sorted *sorted,
                         Pyrec__V1__Samples *samples)
{
    const uint32_t n = batch->n_entries;
    samples->stack = bump_take(bump, n, sizeof *samples->stack);
    samples->cpu = bump_take(bump, n, sizeof *samples->cpu);
    samples->state = bump_take(bump, n, sizeof *samples->state);
    sorted->ticks = bump_take(bump, n, sizeof *sorted->ticks);
    sorted->calls = bump_take(bump, n, sizeof *sorted->calls);
    sorted->contexts = bump_take(bump, n, sizeof *sorted->contexts);
    sorted->tasks = bump_take(bump, n, sizeof *sorted->tasks);
    if (bump->has_failed)
        return false;
    samples->n_stack = samples->n_cpu = samples->n_state = n;
    uint32_t at = 0;
    for (uint32_t i = 0; i < sorted->n_threads; i++) {
        sorted->threads[i]->at = at;
        at += sorted->threads[i]->n_entries;
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct batch_entry *entry = &batch->entries[i];
        const uint32_t to = entry->thread->at++;
        samples->stack[to] = entry->stack;
        samples->cpu[to] = entry->cpu;
        samples->state[to] = entry->state;
        sorted->ticks[to] = entry->tick;
        if (entry->has_call) {
            sorted->calls[to] = entry->call + 1;
            sorted->n_calls++;
        }
        if (entry->has_context) {
            sorted->contexts[to] = entry->context + 1;
            sorted->n_contexts++;
        }
        if (entry->has_task) {
            sorted->tasks[to] = entry->task + 1;
            sorted->n_tasks++;
        }
    }
    return true;
}

static void calls_fill(struct bump *bump, const struct sorted *sorted, uint32_t n_entries,
                       Pyrec__V1__Samples *samples)
{
    samples->call_at = bump_take(bump, sorted->n_calls, sizeof *samples->call_at);
    samples->call = bump_take(bump, sorted->n_calls, sizeof *samples->call);
    if (bump->has_failed)
        return;
    uint32_t last = 0;
    for (uint32_t i = 0; i < n_entries; i++) {
        if (sorted->calls[i] == 0)
            continue;
        samples->call_at[samples->n_call_at++] = i - last;
        samples->call[samples->n_call++] = sorted->calls[i] - 1;
        last = i;
    }
}

static void contexts_fill(struct bump *bump, const struct sorted *sorted, uint32_t n_entries,
                          Pyrec__V1__Samples *samples)
{
    samples->context_at = bump_take(bump, sorted->n_contexts, sizeof *samples->context_at);
    samples->context = bump_take(bump, sorted->n_contexts, sizeof *samples->context);
    if (bump->has_failed)
        return;
    uint32_t last = 0;
    uint64_t number = 0;
    for (uint32_t i = 0; i < n_entries && sorted->n_contexts > 0; i++) {
        if (sorted->contexts[i] == 0)
            continue;
        samples->context_at[samples->n_context_at++] = i - last;
        samples->context[samples->n_context++] = (int64_t)(sorted->contexts[i] - 1 - number);
        number = sorted->contexts[i] - 1;
        last = i;
    }
}

/* Where a thread ran a task before its first tick here, all threads say so first. */
static void tasks_fill(struct bump *bump, const struct stream *stream, const struct sorted *sorted,
                       Pyrec__V1__Samples *samples)
{
    bool any = false;
    for (uint32_t i = 0; i < sorted->n_threads; i++)
        any = any || sorted->threads[i]->chunk.task != 0;
    const uint32_t n_before = any ? sorted->n_threads : 0;
    samples->task_at = bump_take(bump, sorted->n_tasks, sizeof *samples->task_at);
    samples->task = bump_take(bump, (size_t)n_before + sorted->n_tasks, sizeof *samples->task);
    if (bump->has_failed)
        return;
    for (uint32_t i = 0; i < n_before; i++) {
        const uint32_t task = sorted->threads[i]->chunk.task;
        samples->task[samples->n_task++] = task == 0 ? 0 : stream->tasks[task].id;
    }
    uint32_t last = 0;
    for (uint32_t i = 0; i < stream->batch.n_entries; i++) {
        if (sorted->tasks[i] == 0)
            continue;
        samples->task_at[samples->n_task_at++] = i - last;
        samples->task[samples->n_task++] = sorted->tasks[i] - 1;
        last = i;
    }
}

/* Implied ticks, explicit ticks, implied, ..; implied ones at the end are left out. */
static uint32_t runs_of(const uint32_t *ticks, uint32_t n, uint32_t begin, uint32_t *runs)
{
    uint32_t n_runs = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t next = i == 0 ? begin : ticks[i - 1] + 1;
        if (i == 0 || ticks[i] != next) {
            runs[n_runs++] = ticks[i] - next;
            runs[n_runs++] = 0;
        }
        runs[n_runs - 1]++;
    }
    return n_runs;
}

static void runs_fill(struct bump *bump, const struct batch *batch, const struct sorted *sorted,
                      Pyrec__V1__Samples *samples)
{
    samples->run = bump_take(bump, 2 * (size_t)batch->n_entries, sizeof *samples->run);
    samples->thread_runs = bump_take(bump, sorted->n_threads, sizeof *samples->thread_runs);
    if (bump->has_failed)
        return;
    uint32_t at = 0;
    for (uint32_t i = 0; i < sorted->n_threads; i++) {
        const struct roster_thread *thread = sorted->threads[i];
        const uint32_t n = runs_of(sorted->ticks + at, thread->n_entries, begin_in(thread, batch),
                                   samples->run + samples->n_run);
        samples->thread_runs[samples->n_thread_runs++] = n;
        samples->n_run += n;
        at += thread->n_entries;
    }
}

/* ---- threads ---- */

static uint32_t call_id(const struct stream *stream, int32_t call)
{
    return call < 0 ? 0 : stream->call_ids[call];
}

static void threads_fill(struct bump *bump, const struct stream *stream,
                         const struct sorted *sorted, Pyrec__V1__Samples *samples)
{
    const struct batch *batch = &stream->batch;
    const uint32_t n = sorted->n_threads;
    bool any_begin = false, any_end = false, any_context = false;
    samples->thread = bump_take(bump, n, sizeof *samples->thread);
    samples->thread_stack = bump_take(bump, n, sizeof *samples->thread_stack);
    samples->thread_state = bump_take(bump, n, sizeof *samples->thread_state);
    samples->thread_call = bump_take(bump, n, sizeof *samples->thread_call);
    samples->thread_begin = bump_take(bump, n, sizeof *samples->thread_begin);
    samples->thread_end = bump_take(bump, n, sizeof *samples->thread_end);
    samples->thread_context = bump_take(bump, n, sizeof *samples->thread_context);
    if (bump->has_failed)
        return;
    for (uint32_t i = 0; i < n; i++) {
        const struct roster_thread *thread = sorted->threads[i];
        samples->thread[i] = thread->id - (i == 0 ? 0 : sorted->threads[i - 1]->id);
        samples->thread_stack[i] = thread->chunk.stack;
        samples->thread_state[i] = thread->chunk.state;
        samples->thread_call[i] = call_id(stream, thread->chunk.call);
        samples->thread_begin[i] = begin_in(thread, batch);
        samples->thread_end[i] =
            (uint32_t)(batch->first_seq + batch->n_ticks - end_of(thread, batch));
        samples->thread_context[i] = thread->chunk.context;
        any_context = any_context || thread->chunk.context != 0;
        any_begin = any_begin || samples->thread_begin[i] != 0;
        any_end = any_end || samples->thread_end[i] != 0;
    }
    samples->n_thread = samples->n_thread_stack = samples->n_thread_state = n;
    samples->n_thread_call = n;
    samples->n_thread_begin = any_begin ? n : 0;
    samples->n_thread_end = any_end ? n : 0;
    samples->n_thread_context = any_context ? n : 0;
}

/* ---- ticks ---- */

static void missed_fill(struct bump *bump, const struct batch *batch, Pyrec__V1__Samples *samples)
{
    bool any_gap = false;
    samples->missed_at = bump_take(bump, batch->n_missed, sizeof *samples->missed_at);
    samples->missed_n = bump_take(bump, batch->n_missed, sizeof *samples->missed_n);
    samples->missed_gap_q = bump_take(bump, batch->n_missed, sizeof *samples->missed_gap_q);
    if (bump->has_failed)
        return;
    for (uint32_t i = 0; i < batch->n_missed; i++) {
        const struct batch_missed *missed = &batch->missed[i];
        samples->missed_at[i] = missed->tick - (i == 0 ? 0 : batch->missed[i - 1].tick);
        samples->missed_n[i] = missed->n;
        samples->missed_gap_q[i] = missed->gap_q;
        any_gap = any_gap || missed->gap_q != 0;
    }
    samples->n_missed_at = samples->n_missed_n = batch->n_missed;
    samples->n_missed_gap_q = any_gap ? batch->n_missed : 0;
}

static void holders_fill(struct bump *bump, const struct batch *batch, Pyrec__V1__Samples *samples)
{
    if (batch->n_holders == 1 && batch->holders[0].thread == 0)
        return; /* not known at all */
    samples->holder_run = bump_take(bump, batch->n_holders, sizeof *samples->holder_run);
    samples->holder = bump_take(bump, batch->n_holders, sizeof *samples->holder);
    if (bump->has_failed)
        return;
    for (uint32_t i = 0; i < batch->n_holders; i++) {
        samples->holder_run[i] = batch->holders[i].n_ticks;
        samples->holder[i] = batch->holders[i].thread;
    }
    samples->n_holder_run = samples->n_holder = batch->n_holders;
}

/* ---- looks at suspended tasks ---- */

/* Entries delta coded, and numbers likewise: of one entry they go up. */
static void look_contexts(struct bump *bump, const struct stream *stream,
                          const struct looks_look *from, Pyrec__V1__Look *look)
{
    const struct looks_context *list = stream->looks.contexts + from->first_context;
    uint32_t *columns = bump_take(bump, 2 * (size_t)from->n_contexts, sizeof *columns);
    int64_t *numbers = bump_take(bump, from->n_contexts, sizeof *numbers);
    if (bump->has_failed)
        return;
    look->context_entry = columns;
    look->context_count = columns + from->n_contexts;
    look->context = numbers;
    for (uint32_t i = 0; i < from->n_contexts; i++) {
        look->context_entry[i] = list[i].entry - (i > 0 ? list[i - 1].entry : 0);
        look->context[i] = (int64_t)(list[i].context - (i > 0 ? list[i - 1].context : 0));
        look->context_count[i] = list[i].count;
    }
    look->n_context_entry = look->n_context = look->n_context_count = from->n_contexts;
}

static Pyrec__V1__Look *look_of(struct bump *bump, const struct stream *stream,
                                const struct looks_look *from)
{
    const struct looks_tasks *tasks = stream->looks.tasks + from->first;
    Pyrec__V1__Look *look = encode_new(bump, &pyrec__v1__look__descriptor);
    uint32_t *columns = bump_take(bump, 4 * (size_t)from->n, sizeof *columns);
    bool any_name = false;
    if (bump->has_failed)
        return NULL;
    look->thread = from->thread;
    look->tick = from->tick < stream->batch.n_ticks ? from->tick : stream->batch.n_ticks - 1;
    look->wall_q = from->wall_ns / stream->clock.quantum_ns;
    look->outcome = (Pyrec__V1__Look__Outcome)from->outcome;
    look->tasks = from->tasks;
    look->unread = from->unread;
    look->unknown = from->unknown;
    look->stack = columns;
    look->wait = columns + from->n;
    look->name = columns + 2 * (size_t)from->n;
    look->count = columns + 3 * (size_t)from->n;
    for (uint32_t i = 0; i < from->n; i++) {
        look->stack[i] = tasks[i].stack;
        look->wait[i] = tasks[i].wait_id;
        look->name[i] = tasks[i].name_id;
        look->count[i] = tasks[i].count;
        any_name = any_name || tasks[i].name_id != 0;
    }
    look->n_stack = look->n_wait = look->n_count = from->n;
    look->n_name = any_name ? from->n : 0;
    look_contexts(bump, stream, from, look);
    return look;
}

static void looks_fill(struct bump *bump, const struct stream *stream, Pyrec__V1__Samples *samples)
{
    const struct looks *looks = &stream->looks;
    samples->look = bump_take(bump, looks->n, sizeof *samples->look);
    for (uint32_t i = 0; i < looks->n && !bump->has_failed; i++)
        samples->look[samples->n_look++] = look_of(bump, stream, &looks->list[i]);
}

Pyrec__V1__Samples *encode_samples(struct bump *bump, const struct encode_job *job)
{
    const struct stream *stream = job->stream;
    const struct batch *batch = &stream->batch;
    Pyrec__V1__Samples *samples = encode_new(bump, &pyrec__v1__samples__descriptor);
    struct sorted sorted = {
        .threads = bump_take(bump, stream->roster.n, sizeof *sorted.threads),
    };
    if (bump->has_failed)
        return NULL;
    samples->origin_ns = stream->origin_ns;
    samples->interval_ns = stream->interval_ns;
    samples->first_tick = batch->first_number;
    samples->before_q = batch->before_q;
    samples->late_q = batch->late_q;
    samples->n_late_q = batch->n_ticks;
    for (uint32_t i = 0; i < stream->roster.n; i++)
        if (is_in(stream->roster.threads[i], batch))
            sorted.threads[sorted.n_threads++] = stream->roster.threads[i];
    missed_fill(bump, batch, samples);
    threads_fill(bump, stream, &sorted, samples);
    if (entries_sort(bump, batch, &sorted, samples)) {
        calls_fill(bump, &sorted, batch->n_entries, samples);
        contexts_fill(bump, &sorted, batch->n_entries, samples);
        tasks_fill(bump, stream, &sorted, samples);
        runs_fill(bump, batch, &sorted, samples);
    }
    holders_fill(bump, batch, samples);
    looks_fill(bump, stream, samples);
    if (job->account != NULL)
        samples->account = encode_account(bump, job->account);
    if (job->natives != NULL)
        samples->n_native =
            encode_native_list(bump, job->natives, ENCODE_CHANGED_NATIVES, &samples->native);
    return samples;
}
