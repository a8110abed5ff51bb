/* SPDX-License-Identifier: MIT */
#include "attribute.h"

#include "span.h"
#include "state.h"

#include <stdint.h>

/*
 * What a sample has to do with the CPU that was used around it. One that is ready and holds the GIL
 * was running a moment ago, just where it stands. Without the GIL it may as well have been woken
 * only now, out of a call that used none.
 */
enum role { ROLE_NONE, ROLE_TAKES, ROLE_KEEPS };

static inline enum role role_of(const struct span *span)
{
    const uint8_t state = span->state;
    if (span->cpu_q == 0 || !state_gets_cpu(state_class(state)))
        return ROLE_NONE;
    return state & (STATE_ON_CPU | STATE_HOLDS_GIL) ? ROLE_TAKES : ROLE_KEEPS;
}

struct window {
    size_t end;
    uint64_t used_q, ticks; /* to be shared; of those that take it */
    bool is_full;
};

/* The window that begins with the first span. What takes CPU is given its ticks for the time. */
static struct window window_find(struct span *spans, size_t n)
{
    const uint32_t first = spans[0].first;
    uint64_t used_q = 0, ticks = 0;
    uint32_t takers = 0;
    size_t i;
    for (i = 0; i < n && takers < ATTRIBUTE_TAKERS; i++) {
        struct span *const span = &spans[i];
        if (__builtin_expect(span->first - first >= ATTRIBUTE_TICKS, 0))
            return (struct window){i, used_q, ticks, true};
        const enum role role = role_of(span);
        span->given_q = role == ROLE_TAKES ? span->ticks : 0;
        used_q += role == ROLE_KEEPS ? 0 : span->cpu_q;
        ticks += span->given_q;
        takers += role == ROLE_TAKES;
    }
    return (struct window){i, used_q, ticks, takers == ATTRIBUTE_TAKERS};
}

/*
 * Give the window's CPU to those that take it, by their ticks. Rounded so that the first k of them
 * together have what belongs to their ticks, rounded down.
 */
static void window_give(struct span *spans, const struct window *window)
{
    const uint64_t ticks = window->ticks;
    const uint64_t each = window->used_q / ticks, rest = window->used_q % ticks;
    uint64_t over = 0;
    for (size_t i = 0; i < window->end; i++) {
        const uint64_t own = spans[i].given_q;
        if (own == 0) {
            spans[i].given_q = role_of(&spans[i]) == ROLE_KEEPS ? spans[i].cpu_q : 0;
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
        const struct window window = window_find(spans + i, n - i);
        if (!window.is_full && !is_last)
            return i;
        if (window.ticks > 0 && window.ticks <= UINT32_MAX) /* more is no recording */
            window_give(spans + i, &window);
        else
            for (size_t k = i; k < i + window.end; k++)
                spans[k].given_q = spans[k].cpu_q;
        i += window.end;
    }
    return n;
}
