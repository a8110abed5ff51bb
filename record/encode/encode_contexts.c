/* SPDX-License-Identifier: MIT */
/* The columns of Defs that are about phases and labels. */
#include "encode_parts.h"

static bool is_new_end(const struct context *context)
{
    return context->end_q != CONTEXT_OPEN && !context->is_end_written;
}

static void begins_fill(struct bump *bump, const struct contexts *contexts, Pyrec__V1__Defs *defs)
{
    const uint32_t most = contexts->n;
    bool any_label = false;
    uint64_t number = 0, begin_q = 0;
    defs->context = bump_take(bump, most, sizeof *defs->context);
    defs->context_up = bump_take(bump, most, sizeof *defs->context_up);
    defs->context_name = bump_take(bump, most, sizeof *defs->context_name);
    defs->context_value = bump_take(bump, most, sizeof *defs->context_value);
    defs->context_kind = bump_take(bump, most, sizeof *defs->context_kind);
    defs->context_thread = bump_take(bump, most, sizeof *defs->context_thread);
    defs->context_begin_q = bump_take(bump, most, sizeof *defs->context_begin_q);
    if (bump->has_failed)
        return;
    size_t n = 0;
    for (uint32_t i = 0; i < most; i++) {
        const struct context *context = &contexts->list[i];
        if (context->is_declared)
            continue;
        defs->context[n] = context->number - number;
        /* one that is over may be in no generation that can be read together with this */
        defs->context_up[n] = context->up != 0 && contexts_find(contexts, context->up) != NULL
                                  ? context->number - context->up
                                  : 0;
        defs->context_name[n] = context->name_id;
        defs->context_value[n] = context->value_id;
        defs->context_kind[n] = context->is_label ? PYREC__V1__DEFS__CONTEXT_KIND__LABEL
                                                  : PYREC__V1__DEFS__CONTEXT_KIND__PHASE;
        defs->context_thread[n] = context->thread;
        defs->context_begin_q[n] = (int64_t)(context->begin_q - begin_q);
        any_label = any_label || context->is_label;
        number = context->number;
        begin_q = context->begin_q;
        n++;
    }
    defs->n_context = defs->n_context_up = defs->n_context_name = defs->n_context_value = n;
    defs->n_context_thread = defs->n_context_begin_q = n;
    defs->n_context_kind = any_label ? n : 0;
}

static void ends_fill(struct bump *bump, const struct contexts *contexts, Pyrec__V1__Defs *defs)
{
    uint64_t number = 0, end_q = 0;
    defs->context_ended = bump_take(bump, contexts->n, sizeof *defs->context_ended);
    defs->context_end_q = bump_take(bump, contexts->n, sizeof *defs->context_end_q);
    if (bump->has_failed)
        return;
    size_t n = 0;
    for (uint32_t i = 0; i < contexts->n; i++) {
        const struct context *context = &contexts->list[i];
        if (!is_new_end(context))
            continue;
        defs->context_ended[n] = context->number - number;
        defs->context_end_q[n] = (int64_t)(context->end_q - end_q);
        number = context->number;
        end_q = context->end_q;
        n++;
    }
    defs->n_context_ended = defs->n_context_end_q = n;
}

void encode_contexts(struct bump *bump, const struct contexts *contexts, Pyrec__V1__Defs *defs)
{
    if (contexts->n_news == 0)
        return;
    begins_fill(bump, contexts, defs);
    ends_fill(bump, contexts, defs);
}
