/* SPDX-License-Identifier: MIT */
/* In which phases and labels a span is, whether it was asked for, and where that changes. */
#include "range.h"

/* A tick is taken at its time, and so is what it saw; what is over by then is not in force. */
uint32_t range_context(const struct range *range, uint32_t context, uint32_t tick)
{
    return dict_context_live(range->dict, context, range->time_q[tick + 1]);
}

bool range_chosen(const struct range *range, const struct select *select, const struct span *span)
{
    const struct dict *const dict = range->dict;
    if (!select_by_state(select))
        return true;
    return select_has_state(select, span->state,
                            span->call > 0 ? dict_string(dict, span->call) : NULL) &&
           select_has_context(select, dict, span->context, range->time_q[span->first + 1]) &&
           (select->n_tasks == 0 ||
            select_has_task(select, span->task > 0 ? dict_string(dict, span->task) : NULL));
}

/* The next entry of sparse columns: where a call or a task begins, and which; NO_CALL behind the
 * last. */
static bool next_change(struct proto_column *at, struct proto_column *value, uint32_t *next_at,
                        uint32_t *next)
{
    uint32_t delta;
    if (column_empty(at)) {
        *next_at = NO_CALL;
        return true;
    }
    if (!next_u32(at, &delta) || delta >= NO_CALL - *next_at)
        return false;
    *next_at += delta;
    return next_u32(value, next);
}

bool range_next_call(struct range *range)
{
    struct samples_columns *const c = &range->columns;
    return next_change(&c->call_at, &c->call, &range->next_call_at, &range->next_call);
}

bool range_next_task(struct range *range)
{
    struct samples_columns *const c = &range->columns;
    return next_change(&c->task_at, &c->task, &range->next_task_at, &range->next_task);
}

/* What threads ran before stands in front of what they ran then, if it is there. */
bool range_read_tasks(struct range *range)
{
    struct samples_columns *const c = &range->columns;
    const size_t n = column_count(&c->task), n_at = column_count(&c->task_at);
    range->tasks_before = (struct proto_column){0};
    if (n != n_at && n != n_at + range->n_threads)
        return false;
    if (n > n_at) {
        uint64_t skipped;
        range->tasks_before = c->task;
        for (uint32_t i = 0; i < range->n_threads; i++)
            if (!column_next(&c->task, &skipped))
                return false;
    }
    return range_next_task(range);
}

/* Likewise of the phase or label that a thread is in. */
bool range_next_context(struct range *range)
{
    struct samples_columns *const c = &range->columns;
    int64_t up;
    uint32_t delta;
    if (column_empty(&c->context_at)) {
        range->next_context_at = NO_CALL;
        return column_empty(&c->context);
    }
    if (!next_u32(&c->context_at, &delta) || delta >= NO_CALL - range->next_context_at ||
        !column_next_signed(&c->context, &up))
        return false;
    range->next_context_at += delta;
    range->next_context += (uint64_t)up;
    return true;
}
