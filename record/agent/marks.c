/* SPDX-License-Identifier: MIT */
#include "marks.h"
#include "agent.h"
#include "record/agent/base/clock.h"
#include "record/agent/interpose/interpose.h"
#include "record/wire/mark_queue.h"
#include <pthread.h>
#include <string.h>

#define NAME_BYTES (1u << 20)

static struct {
    char bytes[NAME_BYTES];
    uint32_t at[MARK_NAMES];
    uint8_t len[MARK_NAMES];           /* 0 until its text is there: no name is empty */
    _Atomic uint64_t told[MARK_NAMES]; /* to which recording: `origin_ns` of its head */
    _Atomic uint32_t n_bytes, n;
} names;

static _Atomic uint64_t n_ranges;

EXPORT uint32_t pyrec_name(const char *text, size_t len)
{
    if (len == 0)
        return MARK_NAME_NONE;
    if (len > MARK_TEXT_MAX)
        len = MARK_TEXT_MAX;
    if (atomic_load(&names.n) >= MARK_NAMES - 2 ||
        atomic_load(&names.n_bytes) > NAME_BYTES - MARK_TEXT_MAX)
        return MARK_NAME_OTHERS;
    const uint32_t at = atomic_fetch_add(&names.n_bytes, (uint32_t)len);
    const uint32_t number = MARK_NAME_OTHERS + 1 + atomic_fetch_add(&names.n, 1);
    if (number >= MARK_NAMES || at > NAME_BYTES - MARK_TEXT_MAX) /* others were quicker */
        return MARK_NAME_OTHERS;
    memcpy(names.bytes + at, text, len);
    names.at[number] = at;
    names.len[number] = (uint8_t)len;
    return number;
}

/* Before its first use. Several threads may do so at once: all of them say the same. */
static void name_tell(struct mark_queue *queue, uint32_t number, uint64_t recording)
{
    if (number <= MARK_NAME_OTHERS || number >= MARK_NAMES ||
        atomic_load_explicit(&names.told[number], memory_order_relaxed) == recording)
        return;
    const uint8_t len = names.len[number];
    bool is_whole = len != 0;
    for (uint32_t at = 0; at < len; at += MARK_PIECE) {
        struct mark piece = {.kind = MARK_NAME, .name = number};
        piece.at = (uint16_t)at;
        piece.len = len;
        memcpy(piece.text, names.bytes + names.at[number] + at,
               len - at < MARK_PIECE ? len - at : MARK_PIECE);
        is_whole = mark_queue_push(queue, &piece) && is_whole;
    }
    if (is_whole)
        atomic_store_explicit(&names.told[number], recording, memory_order_relaxed);
}

/* False when nobody records. */
static bool mark_say(struct mark *mark)
{
    struct agent *const agent = agent_get();
    if (atomic_load_explicit(&agent->state, memory_order_relaxed) == AGENT_OFF ||
        !agent_enter(agent))
        return false;
    struct wire_head *const head = agent->link.head;
    const bool is_there = head != NULL && head->marks_len != 0;
    if (is_there) {
        struct mark_queue *const queue = wire_marks(head);
        name_tell(queue, mark->name, head->origin_ns);
        name_tell(queue, mark->value, head->origin_ns);
        mark->time_ns = clock_now();
        mark->ident = (uint64_t)pthread_self();
        (void)mark_queue_push(queue, mark);
    }
    agent_exit(agent);
    return is_there;
}

EXPORT uint64_t pyrec_numbers(void)
{
    return (atomic_fetch_add(&n_ranges, 1) << 48) + 1;
}

EXPORT int pyrec_context_begin(const struct marks_context *context)
{
    struct mark mark = {.kind = context->name & MARKS_LABEL ? MARK_LABEL : MARK_PHASE,
                        .name = context->name & ~MARKS_LABEL};
    mark.value = context->value;
    mark.context = context->number;
    mark.up = context->up;
    return mark_say(&mark);
}

EXPORT int pyrec_context_end(const struct marks_context *context)
{
    struct mark mark = {.kind = MARK_END};
    mark.context = context->number;
    return mark_say(&mark);
}

EXPORT int pyrec_mark(uint32_t name)
{
    struct mark mark = {.kind = MARK_POINT, .name = name};
    return mark_say(&mark);
}

/* ---- called by Python itself ---- */

#define METHOD_ONE_ARGUMENT 8 /* METH_O, in all versions */

static struct marks_objects objects;

EXPORT void pyrec_methods(const struct marks_objects *those)
{
    objects = *those;
}

/* A new reference to True or False. */
static void *answer(bool is)
{
    const uintptr_t object = (uintptr_t)(is ? objects.is_true : objects.is_false);
    if (objects.is_counted)
        ++*(intptr_t *)object; /* ob_refcnt is an object's first word */
    return (void *)object;
}

/* NULL when it is no bytes of that size, which only somebody else would pass. */
static const struct marks_context *context_in(const void *bytes)
{
    const uint8_t *const object = bytes;
    uint64_t type, size;
    memcpy(&type, object + objects.bytes_data - 32 + 8, sizeof(type));
    memcpy(&size, object + objects.bytes_data - 32 + 16, sizeof(size));
    return type == objects.bytes_type && size == sizeof(struct marks_context)
               ? (const struct marks_context *)(const void *)(object + objects.bytes_data)
               : NULL;
}

static void *method_begin(void *self, void *bytes)
{
    (void)self;
    const struct marks_context *const context = context_in(bytes);
    return answer(context != NULL && pyrec_context_begin(context));
}

static void *method_end(void *self, void *bytes)
{
    (void)self;
    const struct marks_context *const context = context_in(bytes);
    return answer(context != NULL && pyrec_context_end(context));
}

EXPORT struct marks_method pyrec_method_begin = {"begin", method_begin, METHOD_ONE_ARGUMENT, NULL};
EXPORT struct marks_method pyrec_method_end = {"end", method_end, METHOD_ONE_ARGUMENT, NULL};

/* ---- what is in force where ---- */

EXPORT int pyrec_context_layout(const struct context_layout *layout)
{
    return context_set_layout(layout);
}

EXPORT int pyrec_context_variable(uint64_t variable, uint64_t hash)
{
    return context_add_variable(variable, hash);
}

/* Called by the thread itself: what it reads cannot change meanwhile. */
EXPORT uint64_t pyrec_context_now(uint64_t tstate)
{
    return context_read((uintptr_t)tstate);
}
