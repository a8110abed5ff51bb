/* SPDX-License-Identifier: MIT */
#include "attribute.h"

#include "analyze/model/state.h"
#include "span.h"

#include <stdint.h>

#define SURELY_RAN (STATE_READY | STATE_HOLDS_GIL)

/*
 * It was seen running; or ready with the GIL in hand: then it ran a moment ago, just where it
 * stands. Without the GIL it may as well have been woken only now, out of a call that used none.
 */
static inline bool takes_cpu(const struct span *span)
{
    const unsigned state = span->state;
    return span->cpu_q > 0 && (state & STATE_WAITS_GIL) == 0 &&
           ((state & STATE_ON_CPU) || (state & SURELY_RAN) == SURELY_RAN);
}

/* Of those that do not take: has it something that may be its own? */
static inline bool keeps_cpu(const struct span *span)
{
    return state_gets_cpu(state_class(span->state));
}

struct share_window {
    size_t end;
    uint64_t used_q, ticks; /* to be shared; of those that take it */
    uint32_t takers;
    bool is_full;
};

/* The window that begins with the first span. What takes CPU is given its ticks for the time. */
static struct share_window share_window_find(struct span *spans, size_t n)
{
    const uint32_t first = spans[0].first;
    uint64_t used_q = 0, ticks = 0;
    uint32_t takers = 0;
    size_t i;
    for (i = 0; i < n && takers < ATTRIBUTE_TAKERS; i++) {
        struct span *const span = &spans[i];
        if (__builtin_expect(span->first - first >= ATTRIBUTE_TICKS, 0))
            return (struct share_window){i, used_q, ticks, takers, true};
        if (__builtin_expect(!takes_cpu(span), 0)) {
            span->given_q = 0;
            used_q += keeps_cpu(span) ? 0 : span->cpu_q;
            continue;
        }
        span->given_q = span->ticks;
        used_q += span->cpu_q;
        ticks += span->ticks;
        takers++;
    }
    return (struct share_window){i, used_q, ticks, takers, takers == ATTRIBUTE_TAKERS};
}

/*
 * Give the window's CPU to those that take it, by their ticks. Rounded so that the first k of them
 * together have what belongs to their ticks, rounded down.
 */
static void share_window_give(struct span *spans, const struct share_window *window)
{
    const uint64_t ticks = window->ticks;
    const uint64_t each = window->used_q / ticks, rest = window->used_q % ticks;
    uint64_t over = 0;
    if (window->takers == window->end && ticks == window->end) { /* all alike, as they mostly are */
        for (size_t i = 0; i < window->end; i++) {
            over += rest;
            const bool more = over >= ticks;
            spans[i].given_q = each + more;
            over -= more ? ticks : 0;
        }
        return;
    }
    for (size_t i = 0; i < window->end; i++) {
        const uint64_t own = spans[i].given_q;
        if (own == 0) {
            spans[i].given_q = keeps_cpu(&spans[i]) ? spans[i].cpu_q : 0;
            continue;
        }
        over += rest * own;
        uint64_t more = over >= ticks;
        if (__builtin_expect(own > 1 && more, 0))
            more = over / ticks;
        over -= more * ticks;
        spans[i].given_q = each * own + more;
    }
}

size_t attribute_spans(struct span *spans, size_t n, bool is_last)
{
    size_t i = 0;
    while (i < n) {
        if (spans[i].cpu_q == 0) {
            spans[i++].given_q = 0;
            continue;
        }
        const struct share_window window = share_window_find(spans + i, n - i);
        if (!window.is_full && !is_last)
            return i;
        if (window.ticks > 0 && window.ticks <= UINT32_MAX) /* more is no recording */
            share_window_give(spans + i, &window);
        else
            for (size_t k = i; k < i + window.end; k++)
                spans[k].given_q = spans[k].cpu_q;
        i += window.end;
    }
    return n;
}
