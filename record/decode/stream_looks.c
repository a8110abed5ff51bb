/* SPDX-License-Identifier: MIT */
/* What suspended tasks wait for: chains, and looks at them, into the batch. */
#include "format/chunk.h"
#include "record/tables/vec.h"
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_BYTES    12u /* in a chunk, about .. */
#define TASKS_BYTES   5u  /* .. and for each group of tasks, .. */
#define CONTEXT_BYTES 3u  /* .. and phase in it */

void looks_clear(struct looks *looks)
{
    for (uint32_t i = 0; looks->chains != NULL && i < WIRE_CHAINS_MAX; i++)
        free(looks->chains[i].frames);
    for (uint32_t i = 0; i < looks->n_last; i++) {
        free(looks->last[i].tasks);
        free(looks->last[i].contexts);
    }
    free(looks->chains);
    free(looks->list);
    free(looks->tasks);
    free(looks->contexts);
    *looks = (struct looks){0};
}

void looks_restart(struct looks *looks)
{
    looks->n = looks->n_tasks = looks->n_contexts = 0;
    for (uint32_t i = 0; i < looks->n_last; i++)
        looks->last[i].in_batch = 0;
}

void looks_restart_generation(struct looks *looks)
{
    for (uint32_t i = 0; looks->chains != NULL && i < WIRE_CHAINS_MAX; i++)
        looks->chains[i].stack = 0;
}

/* ---- chains ---- */

bool stream_tell_chain(struct stream *stream, const struct wire_chain *record, enum status *status)
{
    struct looks *looks = &stream->looks;
    const size_t len = record->record.len - sizeof *record;
    *status = STATUS_OK;
    if (record->chain == 0 || record->chain >= WIRE_CHAINS_MAX ||
        record->waits >= WIRE_AWAIT_COUNT || record->on >= WIRE_TASKS_MAX || record->n == 0 ||
        record->n >= LIMIT_DEPTH || (uint64_t)record->n * sizeof record->frames[0] != len)
        return false;
    for (uint32_t i = 0; i < record->n; i++)
        if (record->frames[i].code & WIRE_NATIVE)
            return false;
    if (looks->chains == NULL)
        looks->chains = calloc(WIRE_CHAINS_MAX, sizeof *looks->chains);
    struct looks_chain *chain = looks->chains + record->chain;
    if (looks->chains == NULL ||
        !vec_room(&chain->frames, &chain->capacity, record->n, sizeof *chain->frames)) {
        *status = STATUS_NO_MEMORY;
        return true;
    }
    memcpy(chain->frames, record->frames, len);
    chain->n = record->n;
    chain->waits = record->waits;
    chain->on = record->on;
    chain->is_cut = (record->record.flags & WIRE_CHAIN_CUT) != 0;
    chain->stack = 0;
    chain->told = ++looks->n_told;
    return true;
}

static uint32_t stack_of(struct stream *stream, struct looks_chain *chain)
{
    struct intern *in = &stream->intern;
    if (chain->stack != 0)
        return chain->stack;
    uint32_t node = 0;
    if (chain->is_cut)
        node = intern_stack(in, 0, intern_marker(in, INTERN_TRUNCATED, "<truncated>"));
    for (uint32_t i = 0; i < chain->n; i++)
        node =
            intern_stack(in, node, codebook_get_location(&stream->codebook, in, chain->frames[i]));
    chain->stack = node;
    return node;
}

/* In words, as readers show it. */
static uint32_t wait_of(struct stream *stream, const struct looks_chain *chain)
{
    static const char *const words[WIRE_AWAIT_COUNT] = {
        [WIRE_AWAIT_READY] = "ready to go on", [WIRE_AWAIT_NEW] = "not begun",
        [WIRE_AWAIT_FUTURE] = "future",        [WIRE_AWAIT_TASK] = "task",
        [WIRE_AWAIT_OTHER] = "object",
    };
    const struct stream_task *on =
        chain->on != 0 && stream->tasks != NULL ? &stream->tasks[chain->on] : NULL;
    char text[WIRE_TASK_NAME_MAX + 8];
    if (on == NULL || on->name == NULL)
        return intern_string(&stream->intern, words[chain->waits], strlen(words[chain->waits]));
    const int n = snprintf(text, sizeof text, "%s%.*s",
                           chain->waits == WIRE_AWAIT_TASK ? "task " : "", (int)on->len, on->name);
    return intern_string(&stream->intern, text, (size_t)n);
}

/* ---- looks ---- */

static struct looks_last *last_of(struct looks *looks, uint32_t thread)
{
    for (uint32_t i = 0; i < looks->n_last; i++)
        if (looks->last[i].look.thread == thread)
            return &looks->last[i];
    struct looks_last *last = &looks->last[looks->next_last++ % LOOKS_THREADS];
    if (looks->n_last < LOOKS_THREADS)
        looks->n_last++;
    last->look = (struct looks_look){.thread = thread, .outcome = WIRE_LOOK_RAN};
    last->in_batch = 0;
    return last;
}

/* What it saw, into the batch. */
static bool put(struct stream *stream, struct looks_last *last, uint32_t outcome, uint64_t wall_ns)
{
    struct looks *looks = &stream->looks;
    struct looks_look look = last->look;
    if (!vec_room(&looks->list, &looks->capacity, looks->n + 1ull, sizeof *looks->list) ||
        !vec_room(&looks->tasks, &looks->task_capacity, (uint64_t)looks->n_tasks + look.n,
                  sizeof *looks->tasks) ||
        !vec_room(&looks->contexts, &looks->context_capacity,
                  (uint64_t)looks->n_contexts + look.n_contexts, sizeof *looks->contexts))
        return false;
    look.first = looks->n_tasks;
    look.first_context = looks->n_contexts;
    look.n = look.n_contexts = 0;
    look.tick = stream->batch.n_ticks;
    look.outcome = outcome;
    look.wall_ns = wall_ns;
    for (uint32_t i = 0, at = 0; i < last->look.n; i++) {
        struct looks_tasks tasks = last->tasks[i];
        const uint32_t first = at;
        while (at < last->look.n_contexts && last->contexts[at].entry == i)
            at++;
        struct looks_chain *chain = looks->chains != NULL ? &looks->chains[tasks.chain] : NULL;
        if (chain == NULL || tasks.told == 0 || chain->told != tasks.told) {
            look.unknown += tasks.count;
            continue;
        }
        tasks.stack = stack_of(stream, chain);
        tasks.wait_id = wait_of(stream, chain);
        tasks.name_id = stream_task_id(stream, tasks.name);
        for (uint32_t k = first; k < at; k++) {
            struct looks_context *to = &looks->contexts[look.first_context + look.n_contexts++];
            *to = last->contexts[k];
            to->entry = look.n;
        }
        looks->tasks[look.first + look.n++] = tasks;
    }
    looks->n_tasks += look.n;
    looks->n_contexts += look.n_contexts;
    looks->list[looks->n++] = look;
    last->in_batch = looks->n;
    stream->batch.raw_bytes +=
        LOOK_BYTES + (size_t)TASKS_BYTES * look.n + (size_t)CONTEXT_BYTES * look.n_contexts;
    return true;
}

static int compare_contexts(const void *left, const void *right)
{
    const struct looks_context *a = left, *b = right;
    if (a->entry != b->entry)
        return a->entry < b->entry ? -1 : 1;
    return (a->context > b->context) - (a->context < b->context);
}

/* Which of its tasks are in a phase or label. */
static void take_contexts(const struct wire_awaits *record, struct looks_last *last)
{
    const struct wire_await_context *from =
        (const struct wire_await_context *)(const void *)(record->entries + record->n);
    uint32_t n = 0;
    for (uint32_t i = 0; i < record->n_contexts; i++)
        last->contexts[i] = (struct looks_context){from[i].context, from[i].entry, 1};
    if (record->n_contexts > 1)
        qsort(last->contexts, record->n_contexts, sizeof *last->contexts, compare_contexts);
    for (uint32_t i = 0; i < record->n_contexts; i++)
        if (n > 0 && compare_contexts(&last->contexts[n - 1], &last->contexts[i]) == 0)
            last->contexts[n - 1].count++;
        else
            last->contexts[n++] = last->contexts[i];
    last->look.n_contexts = n;
}

/* Remember it as the thread's last one. */
static bool take(struct looks *looks, const struct wire_awaits *record, struct looks_last *last)
{
    const bool is_taken = record->outcome == WIRE_LOOK_TAKEN;
    const uint32_t n = is_taken ? record->n : 0;
    if (!vec_room(&last->tasks, &last->capacity, n, sizeof *last->tasks) ||
        !vec_room(&last->contexts, &last->context_capacity, record->n_contexts,
                  sizeof *last->contexts))
        return false;
    last->look = (struct looks_look){
        .thread = record->thread,
        .outcome = record->outcome,
        .tasks = is_taken ? record->tasks : 0,
        .unread = is_taken ? record->unread : 0,
        .unknown = is_taken ? record->unknown : 0,
        .n = n,
    };
    for (uint32_t i = 0; i < n; i++) {
        const struct wire_await_entry *entry = &record->entries[i];
        last->tasks[i] = (struct looks_tasks){
            .chain = entry->chain,
            .told = looks->chains != NULL ? looks->chains[entry->chain].told : 0,
            .name = entry->name,
            .count = entry->count,
        };
    }
    if (is_taken)
        take_contexts(record, last);
    return true;
}

/* Each of the tasks that are in a phase or label is one of those that are told. */
static bool are_contexts_right(const struct wire_awaits *record)
{
    const struct wire_await_context *list =
        (const struct wire_await_context *)(const void *)(record->entries + record->n);
    for (uint32_t i = 0; i < record->n_contexts; i++)
        if (list[i].entry >= record->n || list[i].context == 0)
            return false;
    return record->n_contexts <= record->tasks;
}

static bool is_right(const struct wire_awaits *record)
{
    const size_t len = record->record.len - sizeof *record;
    uint64_t sum = (uint64_t)record->unread + record->unknown;
    if (record->outcome >= WIRE_LOOK_COUNT || record->wall_ns > INT64_MAX ||
        (uint64_t)record->n * sizeof record->entries[0] +
                (uint64_t)record->n_contexts * sizeof(struct wire_await_context) !=
            len ||
        !are_contexts_right(record))
        return false;
    for (uint32_t i = 0; i < record->n; i++) {
        if (record->entries[i].chain == 0 || record->entries[i].chain >= WIRE_CHAINS_MAX ||
            record->entries[i].name >= WIRE_TASKS_MAX)
            return false;
        sum += record->entries[i].count;
    }
    return record->outcome != WIRE_LOOK_TAKEN || sum == record->tasks;
}

bool stream_add_look(struct stream *stream, const struct wire_awaits *record, enum status *status)
{
    struct looks *looks = &stream->looks;
    *status = STATUS_OK;
    if (!is_right(record))
        return false;
    struct looks_last *last = last_of(looks, record->thread);
    const bool goes_on =
        record->outcome == WIRE_LOOK_SAME ||
        (record->outcome != WIRE_LOOK_TAKEN && record->outcome == last->look.outcome);
    if (goes_on && last->in_batch > 0) {
        looks->list[last->in_batch - 1].wall_ns += record->wall_ns;
        return true;
    }
    /* the same as what is not known: its record was lost */
    const uint32_t outcome =
        record->outcome == WIRE_LOOK_SAME && last->look.outcome > WIRE_LOOK_SAME
            ? WIRE_LOOK_UNREADABLE
            : record->outcome;
    if ((record->outcome != WIRE_LOOK_SAME && !take(looks, record, last)) ||
        !put(stream, last, outcome, record->wall_ns))
        *status = STATUS_NO_MEMORY;
    return true;
}
