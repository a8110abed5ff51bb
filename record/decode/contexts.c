/* SPDX-License-Identifier: MIT */
#include "contexts.h"

#include "format/base/bisect.h"
#include "record/tables/vec.h"

#include <stdlib.h>
#include <string.h>

#define NEWS_BYTES 14u /* of one of them in columns, about */

void contexts_clear(struct contexts *contexts)
{
    for (uint32_t i = 0; i < MARK_NAMES; i++)
        free(contexts->names[i]);
    free(contexts->list);
    *contexts = (struct contexts){0};
}

/* ---- names ---- */

bool contexts_tell_name(struct contexts *contexts, const struct mark *piece)
{
    if (piece->name <= MARK_NAME_OTHERS || piece->name >= MARK_NAMES ||
        piece->len > MARK_TEXT_MAX || piece->at >= piece->len || piece->at % MARK_PIECE != 0)
        return true; /* no agent says so */
    char **name = &contexts->names[piece->name];
    if (*name == NULL)
        *name = calloc(1, MARK_TEXT_MAX + 1);
    if (*name == NULL)
        return false;
    const uint32_t rest = (uint32_t)piece->len - piece->at;
    memcpy(*name + piece->at, piece->text, rest < MARK_PIECE ? rest : MARK_PIECE);
    return true;
}

const char *contexts_name(const struct contexts *contexts, uint32_t name)
{
    if (name == MARK_NAME_NONE)
        return "";
    if (name == MARK_NAME_OTHERS)
        return "<other names>";
    return name < MARK_NAMES && contexts->names[name] != NULL ? contexts->names[name]
                                                              : "<name not known>";
}

/* ---- the list ---- */

static bool is_before(const void *list, size_t i, const void *number)
{
    return ((const struct context *)list)[i].number < *(const uint64_t *)number;
}

/* Where the number is, or would be. */
static uint32_t index_of(const struct contexts *contexts, uint64_t number)
{
    return (uint32_t)bisect(contexts->list, contexts->n, is_before, &number);
}

static struct context *find(const struct contexts *contexts, uint64_t number)
{
    const uint32_t at = index_of(contexts, number);
    return at < contexts->n && contexts->list[at].number == number ? &contexts->list[at] : NULL;
}

const struct context *contexts_find(const struct contexts *contexts, uint64_t number)
{
    return find(contexts, number);
}

bool contexts_begin(struct contexts *contexts, const struct context *context)
{
    const uint32_t at = index_of(contexts, context->number);
    const bool is_there = at < contexts->n && contexts->list[at].number == context->number;
    if (contexts->n >= CONTEXTS_MAX || context->number == 0 || is_there) {
        contexts->lost++;
        return true;
    }
    if (!vec_room(&contexts->list, &contexts->capacity, contexts->n + 1ull, sizeof *contexts->list))
        return false;
    struct context *to = &contexts->list[at];
    memmove(to + 1, to, (contexts->n - at) * sizeof *to);
    *to = *context;
    to->end_q = CONTEXT_OPEN;
    if (to->up >= to->number)
        to->up = 0;
    contexts->n++;
    contexts->n_news++;
    return true;
}

void contexts_end(struct contexts *contexts, uint64_t number, uint64_t end_q)
{
    struct context *context = find(contexts, number);
    if (context == NULL || context->end_q != CONTEXT_OPEN)
        return;
    context->end_q = end_q > context->begin_q ? end_q : context->begin_q;
    contexts->n_news++;
}

/* ---- chunks and generations ---- */

size_t contexts_bytes(const struct contexts *contexts)
{
    return (size_t)NEWS_BYTES * (contexts->n_news + (contexts->lost != contexts->lost_told));
}

static uint32_t name_id(const struct contexts *contexts, struct intern *in, uint32_t name)
{
    const char *text = contexts_name(contexts, name);
    return intern_string(in, text, strlen(text));
}

void contexts_intern_names(struct contexts *contexts, struct intern *in)
{
    for (uint32_t i = 0; i < contexts->n; i++) {
        struct context *context = &contexts->list[i];
        if (context->is_declared)
            continue;
        context->name_id = name_id(contexts, in, context->name);
        context->value_id = name_id(contexts, in, context->value);
    }
}

void contexts_have_written(struct contexts *contexts)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < contexts->n; i++) {
        struct context context = contexts->list[i];
        if (context.is_end_written)
            continue;
        context.is_declared = true;
        context.is_end_written = context.end_q != CONTEXT_OPEN;
        contexts->list[n++] = context;
    }
    contexts->n = n;
    contexts->n_news = 0;
    contexts->lost_told = contexts->lost;
}

void contexts_restart(struct contexts *contexts)
{
    for (uint32_t i = 0; i < contexts->n; i++) {
        contexts->list[i].is_declared = false;
        contexts->list[i].is_end_written = false;
    }
    contexts->n_news = contexts->n;
}
