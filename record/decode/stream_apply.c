/* SPDX-License-Identifier: MIT */
/*
 * One record at a time. Everything in it is checked here; behind this file it is believed.
 * What an honest agent may do when its ring was full (a thread or a code that is not known, a
 * record said twice) is taken; what none would do ends the process.
 */
#include "format/chunk.h"
#include "format/columns.h"
#include "format/trace.pb-c.h"
#include "record/tables/vec.h"
#include "stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Types of Event that matter here; the last one that may be written. */
enum {
    EVENT_THREAD_START = PYREC__V1__EVENT__TYPE__THREAD_START,
    EVENT_THREAD_END = PYREC__V1__EVENT__TYPE__THREAD_END,
    EVENT_EXEC = PYREC__V1__EVENT__TYPE__EXEC,
    EVENT_UNOBSERVED = PYREC__V1__EVENT__TYPE__UNOBSERVED,
    EVENT_INTERVAL = PYREC__V1__EVENT__TYPE__INTERVAL,
    EVENT_LAST = PYREC__V1__EVENT__TYPE__CLOCK_STEP,
};

/* The agent cannot include what is generated from trace.proto: its numbers are checked here. */
_Static_assert((unsigned)EVENT_INTERVAL == WIRE_EVENT_INTERVAL, "wire.h: an event's number");
#define SAME_STATE(name)                                                                           \
    _Static_assert((unsigned)WIRE_##name == (unsigned)PYREC__V1__STATE__##name,                    \
                   "wire.h: the bit of a state")
SAME_STATE(ON_CPU);
SAME_STATE(HOLDS_GIL);
SAME_STATE(WAITS_GIL);
SAME_STATE(IN_GC);
SAME_STATE(OUTSIDE);
SAME_STATE(READY);
SAME_STATE(STALLED);
SAME_STATE(IN_KERNEL);
SAME_STATE(UNKNOWN);
SAME_STATE(WAITS_WORLD);
SAME_STATE(WAITS_OBJECT);
SAME_STATE(STOPS_WORLD);

#define STATE_BITS                                                                                 \
    (WIRE_ON_CPU | WIRE_HOLDS_GIL | WIRE_WAITS_GIL | WIRE_IN_GC | WIRE_OUTSIDE | WIRE_READY |      \
     WIRE_STALLED | WIRE_IN_KERNEL | WIRE_UNKNOWN | WIRE_WAITS_WORLD | WIRE_WAITS_OBJECT |         \
     WIRE_STOPS_WORLD)

struct applied {
    struct stream *stream;
    uint64_t now_ns;
    struct problem *why;
};

static enum status damaged(const struct applied *to, const char *text, uint64_t value)
{
    return problem_set(to->why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "%s (%" PRIu64 ")", text, value);
}

static enum status no_memory(const struct applied *to)
{
    return problem_set(to->why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "records of a process");
}

/* seq of the tick in progress, or of the next one. */
static uint64_t seq_now(const struct stream *stream)
{
    return stream->batch.first_seq + stream->batch.n_ticks;
}

static uint64_t time_quanta(const struct applied *to, uint64_t mono_ns)
{
    return stream_quanta(&to->stream->clock, mono_ns < to->now_ns ? mono_ns : to->now_ns);
}

static enum status event_add(const struct applied *to, uint64_t time_ns, uint32_t thread,
                             uint32_t type, int64_t value)
{
    const struct batch_event event = {
        .time_q = time_quanta(to, time_ns), .thread = thread, .type = type, .value = value};
    return batch_add_event(&to->stream->batch, &event) ? STATUS_OK : no_memory(to);
}

/* ---- ticks and samples ---- */

/* Which tick it is and how late: false when number and time cannot belong together. */
static bool tick_place(const struct stream *stream, const struct wire_tick *record,
                       struct batch_tick *tick)
{
    if (record->number > (UINT64_MAX >> 2) / stream->interval_ns)
        return false;
    const uint64_t due_ns = tick_due_ns(stream->origin_ns, stream->interval_ns, record->number);
    const int64_t late_q = (int64_t)(tick->time_q - due_ns / stream->clock.quantum_ns);
    const uint64_t missed =
        stream->has_number ? record->number - stream->last_number - 1 : record->missed;
    tick->late_q = (int32_t)late_q;
    tick->missed = (uint32_t)missed;
    return late_q >= INT32_MIN && late_q <= INT32_MAX && missed <= UINT32_MAX;
}

static enum status apply_tick(const struct applied *to, const struct wire_record *bytes)
{
    const struct wire_tick *record = (const struct wire_tick *)(const void *)bytes;
    struct stream *stream = to->stream;
    struct batch_tick tick = {.number = record->number,
                              .time_q = stream_quanta(&stream->clock, record->time_ns)};
    if (stream->is_tick_open)
        return damaged(to, "tick inside a tick", record->number);
    if (record->time_ns > to->now_ns || tick.time_q < stream->batch.last_q)
        return damaged(to, "tick at an impossible time", record->time_ns);
    if ((stream->has_number && record->number <= stream->last_number) ||
        !tick_place(stream, record, &tick))
        return damaged(to, "tick with an impossible number", record->number);

    const uint64_t passed_q = tick.time_q - stream->batch.last_q;
    tick.gap_q = record->gap_ns / stream->clock.quantum_ns;
    if (tick.gap_q > passed_q)
        tick.gap_q = passed_q;
    tick.holder = record->holder;
    if (record->holder != stream->last_holder &&
        roster_find(&stream->roster, record->holder) == NULL)
        tick.holder = 0;
    stream->last_holder = tick.holder;
    stream->last_number = record->number;
    stream->has_number = true;
    stream->tick = tick;
    stream->is_tick_open = true;
    return STATUS_OK;
}

/* Put n frames on top of what is kept. */
static enum status path_update(const struct applied *to, struct roster_thread *thread, bool is_cut,
                               uint32_t keep, const struct wire_frame *frames, uint32_t n)
{
    if (keep > thread->depth)
        return damaged(to, "stack on a stack that was never sent", keep);
    const uint64_t depth = (uint64_t)keep + n;
    if (depth >= LIMIT_DEPTH)
        return damaged(to, "stack deeper than the limit", depth);
    if (!vec_room(&thread->frames, &thread->frame_capacity, depth, sizeof *thread->frames))
        return no_memory(to);
    if (n > 0)
        memcpy(thread->frames + keep, frames, n * sizeof *frames);
    thread->depth = (uint32_t)depth;
    const uint32_t from = is_cut == thread->is_cut ? keep : 0;
    thread->is_cut = is_cut;
    if (!stream_walk(to->stream, thread, from))
        return no_memory(to);
    if (keep == 0)
        stream_entry_name(to->stream, thread);
    return STATUS_OK;
}

static enum status apply_sample(const struct applied *to, const struct wire_record *bytes)
{
    const struct wire_sample *record = (const struct wire_sample *)(const void *)bytes;
    struct stream *stream = to->stream;
    if ((uint64_t)record->n * sizeof record->frames[0] != record->record.len - sizeof *record)
        return damaged(to, "sample with more or fewer frames than it has room for", record->n);
    if (record->failed >= WIRE_FAIL_COUNT)
        return damaged(to, "sample with an unknown failure", record->failed);
    if (!stream->is_tick_open)
        return damaged(to, "sample outside a tick, thread", record->thread);
    struct roster_thread *thread = roster_find(&stream->roster, record->thread);
    if (thread == NULL || thread->is_ended) {
        stream->orphans++;
        return STATUS_OK;
    }
    if (record->failed == WIRE_FAIL_NONE)
        TRY(path_update(to, thread, (record->record.flags & WIRE_SAMPLE_CUT) != 0, record->keep,
                        record->frames, record->n));
    if (thread->still_ns != record->cpu_ns) {
        thread->still_ns = record->cpu_ns;
        if ((record->record.flags & WIRE_SAMPLE_JOINED) == 0) {
            thread->still_seq = seq_now(stream);
            thread->still_from = stream->batch.n_entries;
        }
    }
    if (!thread->is_sampled) {
        if (!vec_room(&stream->sampled, &stream->sampled_capacity, stream->n_sampled + 1ull,
                      sizeof *stream->sampled))
            return no_memory(to);
        stream->sampled[stream->n_sampled++] = thread;
        thread->is_sampled = true;
    }
    const uint64_t cpu_q = record->cpu_ns / stream->clock.quantum_ns;
    thread->next = (struct roster_sample){
        .cpu_q = cpu_q > thread->now.cpu_q ? cpu_q : thread->now.cpu_q, /* clocks do not go back */
        .stack = stream_stack_of(stream, thread, record->failed),
        .state = record->state & STATE_BITS,
        .call = record->call < 0 || record->call >= STREAM_CALLS ? -1 : record->call,
        .context = thread->context,
        .task = stream->tasks != NULL && record->task < WIRE_TASKS_MAX ? record->task : 0,
        .failed = record->failed,
    };
    return STATUS_OK;
}

/* The entries of a thread that has stood still get this stack; how many. What is in the file
 * already, and ticks at the beginning of a batch that are as those, stay as they are. */
static uint32_t entries_correct(struct stream *stream, struct roster_thread *thread, uint32_t stack)
{
    struct batch_entry *first = NULL;
    uint32_t before = thread->now.stack, n = 0;
    for (uint32_t i = thread->still_from; i < stream->batch.n_entries; i++) {
        struct batch_entry *const entry = &stream->batch.entries[i];
        if (entry->thread != thread)
            continue;
        before -= (uint32_t)entry->stack;
        entry->stack = 0;
        n++;
        if (first == NULL)
            first = entry;
    }
    if (first == NULL)
        return 0;
    first->stack = (int32_t)(stack - before);
    thread->now.stack = stack;
    thread->now.failed = WIRE_FAIL_NONE;
    return n;
}

static enum status apply_late(const struct applied *to, const struct wire_record *bytes)
{
    const struct wire_late *record = (const struct wire_late *)(const void *)bytes;
    struct roster_thread *thread = roster_find(&to->stream->roster, record->thread);
    if ((uint64_t)record->n * sizeof record->frames[0] != record->record.len - sizeof *record)
        return damaged(to, "late answer with more or fewer frames than it has room for", record->n);
    if (record->why > WIRE_C_MISSING_COUNT)
        return damaged(to, "late answer without C frames, for an unknown reason", record->why);
    if (thread == NULL || thread->is_ended) {
        to->stream->orphans++;
        return STATUS_OK;
    }
    TRY(path_update(to, thread, false, record->keep, record->frames, record->n));
    if (thread->still_ns != record->cpu_ns)
        return STATUS_OK; /* the sample that it is about found no room */
    const uint32_t stack = stream_stack_of(to->stream, thread, WIRE_FAIL_NONE);
    uint32_t n = 0;
    if (thread->still_seq < seq_now(to->stream))
        n = entries_correct(to->stream, thread, stack);
    if (thread->is_sampled) {
        thread->next.stack = stack;
        thread->next.failed = WIRE_FAIL_NONE;
        n++;
    }
    to->stream->late[record->why] += n < record->n_counted ? n : record->n_counted;
    return STATUS_OK;
}

static enum status apply_context(const struct applied *to, const struct wire_record *bytes)
{
    const struct wire_context *record = (const struct wire_context *)(const void *)bytes;
    struct roster_thread *thread = roster_find(&to->stream->roster, record->thread);
    if (thread != NULL)
        thread->context = record->context;
    return STATUS_OK;
}

/* ---- threads ---- */

static enum status apply_thread(const struct applied *to, const struct wire_record *bytes)
{
    const struct wire_thread *record = (const struct wire_thread *)(const void *)bytes;
    struct stream *stream = to->stream;
    if (record->thread == 0)
        return damaged(to, "thread without a number", 0);
    struct roster_thread *const known = roster_find(&stream->roster, record->thread);
    if (known != NULL && known->python_ident == 0 && record->python_ident != 0) {
        known->python_ident = record->python_ident; /* a thread of C has begun to run Python */
        known->interpreter = record->interpreter;
        known->is_declared = false;
    }
    if (known != NULL || stream->roster.n >= LIMIT_THREADS - 1)
        return STATUS_OK;
    struct roster_thread *thread = roster_add(&stream->roster, record->thread);
    if (thread == NULL)
        return no_memory(to);
    thread->os_tid = record->os_tid;
    thread->python_ident = record->python_ident;
    thread->interpreter = record->interpreter;
    thread->start_q = time_quanta(to, record->start_ns);
    thread->is_main = (record->record.flags & WIRE_THREAD_MAIN) != 0;
    thread->now.cpu_q = record->cpu_ns / stream->clock.quantum_ns;
    thread->generation_cpu_q = thread->now.cpu_q;
    thread->chunk = thread->now;
    thread->begin_seq = seq_now(stream);
    stream->n_declared++;
    stream->n_threads++;
    return event_add(to, record->start_ns, thread->id, EVENT_THREAD_START, 0);
}

static enum status apply_thread_name(const struct applied *to, const struct wire_record *bytes)
{
    const struct wire_thread_name *record = (const struct wire_thread_name *)(const void *)bytes;
    if (record->len > record->record.len - sizeof *record)
        return damaged(to, "name longer than its record", record->len);
    struct roster_thread *thread = roster_find(&to->stream->roster, record->thread);
    if (thread == NULL || roster_set_name(thread, record->name, record->len, false))
        return STATUS_OK;
    return no_memory(to);
}

/* Only what a function can be called: it is shown as it is. */
static enum status apply_call_function(const struct applied *to, const struct wire_record *bytes)
{
    const struct wire_call_function *record =
        (const struct wire_call_function *)(const void *)bytes;
    char name[WIRE_CALL_FUNCTION_MAX] = "";
    if (record->len > record->record.len - sizeof *record || record->len >= sizeof name)
        return damaged(to, "name of a call that does not fit its record", record->len);
    if (record->call < WIRE_CALL_FIRST_FUNCTION || record->call >= STREAM_CALLS)
        return damaged(to, "name of an impossible call", record->call);
    memcpy(name, record->name, record->len);
    if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") !=
        record->len)
        return damaged(to, "name of a call that is none", record->call);
    memcpy(to->stream->functions[record->call - WIRE_CALL_FIRST_FUNCTION], name, sizeof name);
    return STATUS_OK;
}

/* Said once; what is not UTF-8 is made it where it becomes a string. */
static enum status apply_task(const struct applied *to, const struct wire_record *bytes)
{
    const struct wire_task *record = (const struct wire_task *)(const void *)bytes;
    struct stream *stream = to->stream;
    if (record->len > record->record.len - sizeof *record || record->len > WIRE_TASK_NAME_MAX)
        return damaged(to, "name of a task that does not fit its record", record->len);
    if (record->task == 0 || record->task >= WIRE_TASKS_MAX)
        return damaged(to, "name of an impossible task", record->task);
    if (stream->tasks == NULL)
        stream->tasks = calloc(WIRE_TASKS_MAX, sizeof *stream->tasks);
    if (stream->tasks == NULL)
        return no_memory(to);
    struct stream_task *task = &stream->tasks[record->task];
    if (task->name != NULL)
        return STATUS_OK;
    task->name = malloc(record->len + 1);
    if (task->name == NULL)
        return no_memory(to);
    memcpy(task->name, record->name, record->len);
    task->len = record->len;
    return STATUS_OK;
}

static enum status apply_chain(const struct applied *to, const struct wire_record *bytes)
{
    const struct wire_chain *record = (const struct wire_chain *)(const void *)bytes;
    enum status status;
    if (!stream_tell_chain(to->stream, record, &status))
        return damaged(to, "await chain that makes no sense", record->chain);
    return status == STATUS_OK ? STATUS_OK : no_memory(to);
}

static enum status apply_awaits(const struct applied *to, const struct wire_record *bytes)
{
    const struct wire_awaits *record = (const struct wire_awaits *)(const void *)bytes;
    enum status status;
    if (!to->stream->is_tick_open)
        return damaged(to, "look at tasks outside a tick, thread", record->thread);
    if (roster_find(&to->stream->roster, record->thread) == NULL)
        return STATUS_OK;
    if (!stream_add_look(to->stream, record, &status))
        return damaged(to, "look at tasks that makes no sense, thread", record->thread);
    return status == STATUS_OK ? STATUS_OK : no_memory(to);
}

static enum status apply_module(const struct applied *to, const struct wire_record *bytes)
{
    const struct wire_module *record = (const struct wire_module *)(const void *)bytes;
    if (!modules_add(&to->stream->modules, record))
        return damaged(to, "file that does not fit its record", record->module);
    return STATUS_OK;
}

static enum status apply_thread_end(const struct applied *to, const struct wire_record *bytes)
{
    const struct wire_thread_end *record = (const struct wire_thread_end *)(const void *)bytes;
    struct stream *stream = to->stream;
    struct roster_thread *thread = roster_find(&stream->roster, record->thread);
    if (thread == NULL || thread->is_ended)
        return STATUS_OK;
    const uint64_t seen_q = thread->is_sampled ? thread->next.cpu_q : thread->now.cpu_q;
    const uint64_t end_q = record->cpu_ns / stream->clock.quantum_ns;
    if (end_q > seen_q) {
        thread->end_cpu_q = end_q;
        stream->python_cpu_q += end_q - seen_q;
    }
    thread->is_ended = true;
    thread->is_declared = false;
    thread->end_seq = seq_now(stream) + thread->is_sampled;
    stream->n_ended_sampled += thread->is_sampled;
    stream->roster.n_alive--;
    return event_add(to, record->time_ns, thread->id, EVENT_THREAD_END, 0);
}

/* ---- code and events ---- */

static enum status apply_code(const struct applied *to, const struct wire_record *bytes)
{
    const struct wire_code *record = (const struct wire_code *)(const void *)bytes;
    if (!codebook_add_code(&to->stream->codebook, record))
        return damaged(to, "code that does not fit its record", record->code);
    return STATUS_OK;
}

static enum status apply_code_table(const struct applied *to, const struct wire_record *bytes)
{
    const struct wire_code_table *record = (const struct wire_code_table *)(const void *)bytes;
    if (!codebook_add_table(&to->stream->codebook, record))
        return damaged(to, "line table that does not fit its record", record->code);
    return STATUS_OK;
}

static enum status apply_code_free(const struct applied *to, const struct wire_record *bytes)
{
    const struct wire_code_free *record = (const struct wire_code_free *)(const void *)bytes;
    codebook_free_code(&to->stream->codebook, record->code);
    return STATUS_OK;
}

static enum status apply_event(const struct applied *to, const struct wire_record *bytes)
{
    const struct wire_event *record = (const struct wire_event *)(const void *)bytes;
    struct stream *stream = to->stream;
    const bool is_known = roster_find(&stream->roster, record->thread) != NULL;
    int64_t value = record->value;
    if (record->event > EVENT_LAST)
        return damaged(to, "unknown event", record->event);
    if (record->event == EVENT_INTERVAL &&
        (record->value < (int64_t)stream->clock.quantum_ns || record->value > LIMIT_INTERVAL_NS))
        return damaged(to, "impossible interval", (uint64_t)record->value);
    if (record->event <= EVENT_EXEC)
        return STATUS_OK; /* the collector's own to say */
    if (record->event == EVENT_UNOBSERVED)
        value /= (int64_t)stream->clock.quantum_ns;
    return event_add(to, record->time_ns, is_known ? record->thread : 0, record->event, value);
}

enum status stream_apply(struct stream *stream, const struct wire_record *record, uint64_t now_ns,
                         struct problem *why)
{
    static const struct {
        size_t min_len;
        enum status (*apply)(const struct applied *to, const struct wire_record *record);
    } types[] = {
        [WIRE_TICK] = {sizeof(struct wire_tick), apply_tick},
        [WIRE_SAMPLE] = {sizeof(struct wire_sample), apply_sample},
        [WIRE_THREAD] = {sizeof(struct wire_thread), apply_thread},
        [WIRE_THREAD_NAME] = {sizeof(struct wire_thread_name), apply_thread_name},
        [WIRE_THREAD_END] = {sizeof(struct wire_thread_end), apply_thread_end},
        [WIRE_CODE] = {sizeof(struct wire_code), apply_code},
        [WIRE_CODE_TABLE] = {sizeof(struct wire_code_table), apply_code_table},
        [WIRE_EVENT] = {sizeof(struct wire_event), apply_event},
        [WIRE_CODE_FREE] = {sizeof(struct wire_code_free), apply_code_free},
        [WIRE_CONTEXT] = {sizeof(struct wire_context), apply_context},
        [WIRE_CALL_FUNCTION] = {sizeof(struct wire_call_function), apply_call_function},
        [WIRE_TASK] = {sizeof(struct wire_task), apply_task},
        [WIRE_CHAIN] = {sizeof(struct wire_chain), apply_chain},
        [WIRE_AWAITS] = {sizeof(struct wire_awaits), apply_awaits},
        [WIRE_MODULE] = {sizeof(struct wire_module), apply_module},
        [WIRE_LATE] = {sizeof(struct wire_late), apply_late},
    };
    const struct applied to = {stream, now_ns, why};
    if (record->type >= ARRAY_LEN(types) || types[record->type].apply == NULL)
        return damaged(&to, "record of an unknown type", record->type);
    if (record->len < types[record->type].min_len)
        return damaged(&to, "record too short for its type", record->type);
    return types[record->type].apply(&to, record);
}

/* ---- what the program says of itself ---- */

static uint32_t thread_of_ident(const struct roster *roster, uint64_t ident)
{
    for (uint32_t i = roster->n; i-- > 0;) /* the newest: pthreads use theirs again */
        if (roster->threads[i]->python_ident == ident)
            return roster->threads[i]->id;
    return 0;
}

static enum status point_add(const struct applied *to, const struct mark *mark, uint32_t thread)
{
    struct contexts *contexts = &to->stream->contexts;
    const char *name = contexts_name(contexts, mark->name);
    if (contexts->n_points >= CONTEXTS_POINTS) {
        contexts->lost++;
        return STATUS_OK;
    }
    const struct batch_event event = {.time_q = time_quanta(to, mark->time_ns),
                                      .thread = thread,
                                      .type = PYREC__V1__EVENT__TYPE__MARK,
                                      .text = strdup(name)};
    if (event.text == NULL || !batch_add_event(&to->stream->batch, &event)) {
        free(event.text);
        return no_memory(to);
    }
    to->stream->batch.raw_bytes += strlen(event.text);
    contexts->n_points++;
    return STATUS_OK;
}

enum status stream_apply_mark(struct stream *stream, const struct mark *mark, uint64_t now_ns,
                              struct problem *why)
{
    const struct applied to = {stream, now_ns, why};
    struct context context = {.number = mark->context, .up = mark->up};
    bool good = true;
    switch (mark->kind) {
    case MARK_NAME:
        good = contexts_tell_name(&stream->contexts, mark);
        break;
    case MARK_POINT:
        return point_add(&to, mark, thread_of_ident(&stream->roster, mark->ident));
    case MARK_PHASE:
    case MARK_LABEL:
        context.is_label = mark->kind == MARK_LABEL;
        context.name = mark->name;
        context.value = mark->value;
        context.begin_q = time_quanta(&to, mark->time_ns);
        context.thread = thread_of_ident(&stream->roster, mark->ident);
        good = contexts_begin(&stream->contexts, &context);
        break;
    case MARK_END:
        contexts_end(&stream->contexts, mark->context, time_quanta(&to, mark->time_ns));
        break;
    default: /* what it should mean is not known */
        stream->contexts.lost++;
    }
    return good ? STATUS_OK : no_memory(&to);
}
