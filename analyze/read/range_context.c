/* SPDX-License-Identifier: MIT */
/* In which phases and labels a span is, and whether it was asked for. */
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
           select_has_context(select, dict, span->context, range->time_q[span->first + 1]);
}
