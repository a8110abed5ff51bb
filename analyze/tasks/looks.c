/* SPDX-License-Identifier: MIT */
#include "looks.h"

#include "format/trace.pb-c.h"

/* Its number in Samples; see trace.proto. */
#define SAMPLES_LOOK 29u

/* False at the end; *look NULL: it does not parse. */
static bool next(struct proto_column *rest, struct proto_arena *arena, Pyrec__V1__Look **look)
{
    uint32_t number;
    unsigned wire_type;
    uint64_t value;
    struct proto_column bytes;
    enum status status;
    while (field_next(rest, &number, &wire_type, &value, &bytes, &status)) {
        const size_t len = (size_t)(bytes.end - bytes.at);
        if (number != SAMPLES_LOOK)
            continue;
        *look = wire_type == 2
                    ? pyrec__v1__look__unpack(proto_arena_reset(arena, len), len, bytes.at)
                    : NULL;
        return true;
    }
    return false;
}

static bool are_contexts_right(const Pyrec__V1__Look *look)
{
    uint64_t entry = 0, sum = 0;
    if (look->n_context != look->n_context_entry || look->n_context_count != look->n_context_entry)
        return false;
    for (size_t i = 0; i < look->n_context_entry; i++) {
        entry += look->context_entry[i];
        sum += look->context_count[i];
        if (entry >= look->n_count)
            return false;
    }
    return sum <= look->tasks;
}

enum status looks_check(struct proto_column samples, uint32_t n_ticks, struct proto_arena *arena,
                        struct problem *why)
{
    Pyrec__V1__Look *look;
    while (next(&samples, arena, &look)) {
        if (look == NULL)
            return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "Look does not parse");
        if (look->tick >= n_ticks)
            return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                               "a look at tasks in tick %u of %u", (unsigned)look->tick,
                               (unsigned)n_ticks);
        uint64_t sum = (uint64_t)look->unread + look->unknown;
        for (size_t i = 0; i < look->n_count; i++)
            sum += look->count[i];
        if (look->n_stack != look->n_count || look->n_wait != look->n_count ||
            (look->n_name != 0 && look->n_name != look->n_count) || sum != look->tasks ||
            !are_contexts_right(look))
            return problem_set(why, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                               "a look at %u tasks does not add up", (unsigned)look->tasks);
    }
    return STATUS_OK;
}

bool looks_next(struct proto_column *rest, struct proto_arena *arena, struct look *look)
{
    Pyrec__V1__Look *from;
    do {
        if (!next(rest, arena, &from))
            return false;
    } while (from == NULL || (unsigned)from->outcome >= LOOK_COUNT); /* of a kind that came later */
    *look = (struct look){
        .thread = from->thread,
        .tick = from->tick,
        .wall_q = from->wall_q,
        .outcome = (enum look_outcome)from->outcome,
        .tasks = from->tasks,
        .unread = from->unread,
        .unknown = from->unknown,
        .n = from->n_count,
        .stack = from->stack,
        .wait = from->wait,
        .name = from->n_name > 0 ? from->name : NULL,
        .count = from->count,
        .n_contexts = from->n_context,
        .context_entry = from->context_entry,
        .context_count = from->context_count,
        .context = from->context,
    };
    return true;
}

bool look_next_context(const struct look *look, size_t *at, struct look_context *last)
{
    if (*at == look->n_contexts)
        return false;
    last->entry += look->context_entry[*at];
    last->context += (uint64_t)look->context[*at];
    last->count = look->context_count[*at];
    ++*at;
    return true;
}

uint32_t look_stack(const struct look *look, const struct dict *dict, size_t i)
{
    return look->stack[i] < dict->n_stacks ? look->stack[i] : DICT_STACK_LOST;
}
