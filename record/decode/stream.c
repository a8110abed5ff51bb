/* SPDX-License-Identifier: MIT */
#include "stream.h"

#include "account.h"
#include "format/chunk.h"
#include "record/tables/vec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DECLARED                                                                               \
    (LIMIT_THREADS - 4096) /* threads of a generation; the limit is the format's                   \
                            */
#define MAX_LOCATIONS (LIMIT_IDS / 4)

uint64_t stream_quanta(const struct stream_clock *clock, uint64_t mono_ns)
{
    return mono_ns < clock->start_mono_ns ? 0
                                          : (mono_ns - clock->start_mono_ns) / clock->quantum_ns;
}

void stream_init(struct stream *stream, struct stream_clock clock, uint64_t start_ns,
                 uint64_t origin_ns, uint64_t interval_ns)
{
    *stream = (struct stream){
        .clock = clock,
        .origin_ns = origin_ns - clock.start_mono_ns,
        .interval_ns = interval_ns,
        .chunk_ns = STREAM_CHUNK_NS,
        .is_generation_new = true,
    };
    codebook_init(&stream->codebook);
    stream->modules.seed = stream->codebook.seed;
    intern_init(&stream->intern);
    stream->generation_start_q = stream_quanta(&clock, start_ns);
    stream->batch.before_q = stream->batch.last_q = stream->generation_start_q;
}

void stream_clear(struct stream *stream)
{
    roster_clear(&stream->roster);
    codebook_clear(&stream->codebook);
    modules_clear(&stream->modules);
    intern_clear(&stream->intern);
    contexts_clear(&stream->contexts);
    batch_clear(&stream->batch);
    looks_clear(&stream->looks);
    free(stream->sampled);
    stream->sampled = NULL;
    for (uint32_t i = 0; stream->tasks != NULL && i < WIRE_TASKS_MAX; i++)
        free(stream->tasks[i].name);
    free(stream->tasks);
    stream->tasks = NULL;
}

uint32_t stream_call_id(struct stream *stream, int32_t call)
{
    if (call < 0 || call >= STREAM_CALLS)
        return 0;
    if (stream->call_ids[call] == 0) {
        char made[WIRE_CALL_FUNCTION_MAX + 2];
        const char *name = syscall_find_name(call);
        if (call >= (int32_t)WIRE_CALL_FIRST_FUNCTION)
            snprintf(made, sizeof made, "[%s]", stream->functions[call - WIRE_CALL_FIRST_FUNCTION]);
        else
            snprintf(made, sizeof made, "syscall %" PRId32, call);
        if (name == NULL)
            name = made;
        stream->call_ids[call] = intern_string(&stream->intern, name, strlen(name));
    }
    return stream->call_ids[call];
}

uint32_t stream_task_id(struct stream *stream, uint32_t task)
{
    if (task == 0 || task >= WIRE_TASKS_MAX || stream->tasks == NULL)
        return 0;
    struct stream_task *const named = &stream->tasks[task];
    if (named->id == 0 && named->name != NULL)
        named->id = intern_string(&stream->intern, named->name, named->len);
    return named->id;
}

/* ---- stacks ---- */

static uint32_t marker_stack(struct stream *stream, enum intern_kind kind, const char *text)
{
    return intern_stack(&stream->intern, 0, intern_marker(&stream->intern, kind, text));
}

bool stream_walk(struct stream *stream, struct roster_thread *thread, uint32_t from)
{
    if (!vec_room(&thread->nodes, &thread->node_capacity, thread->depth, sizeof *thread->nodes))
        return false;
    uint32_t node = from > 0          ? thread->nodes[from - 1]
                    : !thread->is_cut ? 0
                                      : marker_stack(stream, INTERN_TRUNCATED, "<truncated>");
    for (uint32_t i = from; i < thread->depth; i++) {
        const struct wire_frame frame = thread->frames[i];
        const uint32_t location =
            frame.code & WIRE_NATIVE
                ? modules_get_location(&stream->modules, &stream->intern, frame)
                : codebook_get_location(&stream->codebook, &stream->intern, frame);
        node = intern_stack(&stream->intern, node, location);
        thread->nodes[i] = node;
    }
    return true;
}

uint32_t stream_stack_of(struct stream *stream, const struct roster_thread *thread, uint32_t failed)
{
    if (failed != WIRE_FAIL_NONE)
        return marker_stack(stream, INTERN_FAILED, account_failure_text(failed));
    return thread->depth == 0 ? 0 : thread->nodes[thread->depth - 1];
}

/* ---- ticks ---- */

/* One explicit tick, unless nothing differs by a quantum or more. */
static bool sample_close(struct stream *stream, struct roster_thread *thread, uint64_t passed_q)
{
    const struct roster_sample *was = &thread->now, *is = &thread->next;
    struct batch_entry entry = {
        .thread = thread,
        .tick = stream->batch.n_ticks,
        .stack = (int32_t)(is->stack - was->stack),
        .cpu = (int64_t)(is->cpu_q - was->cpu_q) - (int64_t)passed_q,
        .state = (uint16_t)is->state,
        .has_call = is->call != was->call,
        .has_context = is->context != was->context,
        .context = is->context,
        .has_task = is->task != was->task,
    };
    thread->is_sampled = false;
    if (is->cpu_q == was->cpu_q && is->stack == was->stack && is->state == was->state &&
        !entry.has_call && !entry.has_context && !entry.has_task)
        return true;
    if (entry.has_call)
        entry.call = stream_call_id(stream, is->call);
    if (entry.has_task)
        entry.task = stream_task_id(stream, is->task);
    stream->python_cpu_q += is->cpu_q - was->cpu_q;
    thread->now = *is;
    return batch_add_entry(&stream->batch, &entry);
}

enum status stream_close_tick(struct stream *stream, struct problem *why)
{
    if (!stream->is_tick_open)
        return STATUS_OK;
    const uint64_t passed_q = stream->tick.time_q - stream->batch.last_q;
    bool good = true;
    for (uint32_t i = 0; i < stream->n_sampled; i++)
        good = sample_close(stream, stream->sampled[i], passed_q) && good;
    stream->samples += stream->roster.n_alive + stream->n_ended_sampled;
    stream->n_sampled = stream->n_ended_sampled = 0;
    stream->is_tick_open = false;
    stream->ticks++;
    if (!good || !batch_add_tick(&stream->batch, &stream->tick))
        return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "ticks of a process");
    return STATUS_OK;
}

/* ---- chunks and generations ---- */

/* Bytes of the dictionary entries that are not in the file yet, about. */
static size_t defs_bytes(const struct intern *in)
{
    const uint32_t strings = in->count.strings - in->sent.strings;
    const size_t text = strings == 0 ? 0 : in->text_len - in->strings[in->sent.strings];
    return text + 2 * (size_t)strings + 7 * (size_t)(in->count.functions - in->sent.functions) +
           8 * (size_t)(in->count.locations - in->sent.locations) +
           4 * (size_t)(in->count.stacks - in->sent.stacks);
}

bool stream_cut_due(const struct stream *stream, uint64_t time_ns)
{
    const struct batch *batch = &stream->batch;
    const uint64_t chunk_q = stream->chunk_ns / stream->clock.quantum_ns;
    const uint64_t time_q = stream_quanta(&stream->clock, time_ns);
    return (time_q > batch->before_q && time_q - batch->before_q >= chunk_q) ||
           batch->raw_bytes + defs_bytes(&stream->intern) + contexts_bytes(&stream->contexts) >=
               STREAM_CHUNK_BYTES ||
           batch->n_ticks >= LIMIT_TICKS / 4 || stream_generation_due(stream);
}

bool stream_generation_due(const struct stream *stream)
{
    const uint64_t age_q = stream->batch.last_q - stream->generation_start_q;
    const bool is_full = intern_full(&stream->intern) ||
                         stream->codebook.n_locations >= MAX_LOCATIONS ||
                         stream->n_declared >= MAX_DECLARED;
    /* What lives may be too much by itself: then not at every tick. */
    return age_q >= STREAM_GENERATION_NS / stream->clock.quantum_ns ||
           (is_full && age_q >= STREAM_CHUNK_NS / stream->clock.quantum_ns);
}

bool stream_is_idle(const struct stream *stream)
{
    return !stream->is_generation_new && stream->batch.n_ticks == 0 &&
           stream->batch.n_events == 0 && defs_bytes(&stream->intern) == 0 &&
           contexts_bytes(&stream->contexts) == 0;
}

void stream_entry_name(struct stream *stream, struct roster_thread *thread)
{
    if (thread->name != NULL || thread->is_main || thread->python_ident != 0 || thread->is_cut)
        return;
    const uint32_t id =
        modules_entry_name(&stream->modules, &stream->intern, thread->frames, thread->depth);
    if (id == 0)
        return;
    const char *name = intern_get_string(&stream->intern, id);
    (void)roster_set_name(thread, name, strlen(name), true);
}

void stream_intern_names(struct stream *stream)
{
    static const char main_name[] = "MainThread"; /* what Python calls it, asked or not */
    for (uint32_t i = 0; i < stream->roster.n; i++) {
        struct roster_thread *thread = stream->roster.threads[i];
        if (thread->is_declared)
            continue;
        if (thread->name == NULL && thread->is_main)
            (void)roster_set_name(thread, main_name, sizeof main_name - 1, false);
        thread->name_id = thread->name == NULL
                              ? 0
                              : intern_string(&stream->intern, thread->name, thread->name_len);
    }
    contexts_intern_names(&stream->contexts, &stream->intern);
}

void stream_restart_batch(struct stream *stream)
{
    batch_restart(&stream->batch);
    looks_restart(&stream->looks);
    roster_drop_ended(&stream->roster, stream->batch.first_seq);
    for (uint32_t i = 0; i < stream->roster.n; i++) {
        stream->roster.threads[i]->n_entries = 0;
        stream->roster.threads[i]->still_from = 0;
        stream->roster.threads[i]->chunk = stream->roster.threads[i]->now;
        /* one that ended in the open tick has yet to say with what on its clock */
        stream->roster.threads[i]->is_declared = !stream->roster.threads[i]->is_ended;
    }
    contexts_have_written(&stream->contexts);
    stream->intern.sent = stream->intern.count;
    stream->is_generation_new = false;
}

enum status stream_restart_generation(struct stream *stream, struct problem *why)
{
    bool good = true;
    intern_restart(&stream->intern);
    codebook_restart(&stream->codebook);
    modules_restart(&stream->modules);
    contexts_restart(&stream->contexts);
    looks_restart_generation(&stream->looks);
    memset(stream->call_ids, 0, sizeof stream->call_ids);
    for (uint32_t i = 0; stream->tasks != NULL && i < WIRE_TASKS_MAX; i++)
        stream->tasks[i].id = 0;
    stream->generation++;
    stream->generation_start_q = stream->batch.last_q;
    stream->is_generation_new = true;
    stream->n_declared = stream->roster.n;
    for (uint32_t i = 0; i < stream->roster.n; i++) {
        struct roster_thread *thread = stream->roster.threads[i];
        good = stream_walk(stream, thread, 0) && good;
        if (thread->is_sampled) { /* its frames are those of the open tick already */
            thread->next.stack = stream_stack_of(stream, thread, thread->next.failed);
            thread->now.stack = 0;
        } else {
            thread->now.stack = stream_stack_of(stream, thread, thread->now.failed);
        }
        thread->chunk = thread->now;
        (void)stream_call_id(stream, thread->now.call); /* so that its name has an id again */
        (void)stream_task_id(stream, thread->now.task);
        thread->generation_cpu_q = thread->now.cpu_q;
        thread->is_declared = false;
    }
    if (!good)
        return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "stacks of a generation");
    return STATUS_OK;
}
