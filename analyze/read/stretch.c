/* SPDX-License-Identifier: MIT */
#include "stretch.h"

#include "analyze/base/memory.h"
#include "analyze/model/carry.h"
#include "analyze/model/select.h"
#include "unit.h"

#include <stdlib.h>

/* Are samples as far from each other in both? A quarter more or less is jitter. */
static bool same_pace(uint64_t a_ns, uint64_t a_samples, uint64_t b_ns, uint64_t b_samples)
{
    if (a_samples == 0 || b_samples == 0)
        return a_samples == b_samples;
    const uint64_t a = a_ns / a_samples, b = b_ns / b_samples;
    return a <= b + b / 4 && b <= a + a / 4;
}

static bool goes_on(const struct stretch_list *list, const struct stretch *last,
                    const struct stretch *next)
{
    return last->end_ns == next->start_ns && last->node == next->node &&
           last->class == next->class && last->halt == next->halt && last->call == next->call &&
           last->left_out == next->left_out &&
           (!list->keeps_pace || same_pace(last->end_ns - last->start_ns, last->samples,
                                           next->end_ns - next->start_ns, next->samples));
}

void stretch_add(struct stretch_list *list, const struct stretch *stretch)
{
    struct stretch *const last = list->n > 0 ? &list->items[list->n - 1] : NULL;
    if (last != NULL && goes_on(list, last, stretch)) {
        last->end_ns = stretch->end_ns;
        last->weight += stretch->weight;
        last->cpu_ns += stretch->cpu_ns;
        last->samples += stretch->samples;
        return;
    }
    list->items = memory_grow(list->items, &list->size, list->n + 1, sizeof *list->items);
    list->items[list->n++] = *stretch;
}

/* Those whose spans are added. */
struct stretch_source {
    const struct range *range;
    const struct metric *metric;
    uint64_t shift_ns;
};

/* The ticks from .. to - 1 of a span, in which no time was left unobserved but at their begin. */
static void add_piece(struct stretch_list *list, const struct stretch_source *source,
                      struct stretch stretch, uint32_t from, uint32_t to)
{
    const struct range *const range = source->range;
    const uint64_t quantum_ns = range->quantum_ns;
    const uint64_t wall_ns = range_wall_q(range, from, to - from) * quantum_ns;
    struct weights w = {0};
    w.by[stretch.class] = (struct weight){
        .samples = to - from,
        .ticks = range_ticks(range, from, to - from),
        .wall = wall_ns,
    };
    stretch.samples = to - from;
    stretch.weight = stretch.left_out ? 0 : source->metric->of(&w);
    stretch.end_ns = range->border_q[to] * quantum_ns + source->shift_ns;
    stretch.start_ns = stretch.end_ns - wall_ns;
    stretch_add(list, &stretch);
}

/* Is there time before the tick that nobody observed? */
static bool is_gap(const struct range *range, uint32_t tick)
{
    return range->border_q[tick + 1] - range->border_q[tick] != range_wall_q(range, tick, 1);
}

/* Is the tick as long after the one before as that is after its own? */
static bool keeps_pace(const struct range *range, uint32_t tick)
{
    return same_pace(range_wall_q(range, tick - 1, 1), 1, range_wall_q(range, tick, 1), 1);
}

static void add_span(struct stretch_list *list, const struct stretch_source *source,
                     const struct select *select, const struct span *span)
{
    const struct range *const range = source->range;
    const char *const call = span->call > 0 ? dict_string(range->dict, span->call) : NULL;
    const bool tells = source->metric == &metrics[METRIC_KERNEL_UNKNOWN];
    const enum state_class class = tells ? state_part(span->state) : state_shown(span->state);
    struct stretch stretch = {
        .cpu_ns = span->given_q * range->quantum_ns,
        .call = class == CLASS_BLOCKED ? call : NULL,
        .node = span->stack + 1,
        .class = class,
        .halt = state_halt(span->state),
        .left_out = !range_chosen(range, select, span),
    };
    uint32_t from = span->first;
    const uint32_t end = span->first + span->n;
    const bool pace = list->keeps_pace, gaps = range->wall_q != range->border_q;
    for (uint32_t at = from + 1; at < end && (gaps || pace); at++) {
        if (!(gaps && is_gap(range, at)) && (!pace || keeps_pace(range, at)))
            continue;
        add_piece(list, source, stretch, from, at);
        stretch.cpu_ns = 0;
        from = at;
    }
    add_piece(list, source, stretch, from, end);
}

void stretch_add_spans(struct stretch_list *list, const struct unit_reader *reader,
                       const struct metric *metric, const struct select *select,
                       const struct span *spans, size_t n)
{
    const struct stretch_source source = {&reader->range, metric,
                                          reader->unit->recording->shift_ns};
    for (size_t i = 0; i < n; i++)
        add_span(list, &source, select, &spans[i]);
}

static int compare_lists(const void *left, const void *right)
{
    const struct stretch_list *const a = *(struct stretch_list *const *)left;
    const struct stretch_list *const b = *(struct stretch_list *const *)right;
    return (a->generation > b->generation) - (a->generation < b->generation);
}

static void attribute_cpu(struct stretch_list *list, const struct metric *metric)
{
    struct carry carry = {0};
    for (size_t i = 0; i < list->n; i++) {
        struct stretch *const s = &list->items[i];
        struct weights w = {0};
        s->cpu_ns = carry_take(&carry, s->class, s->cpu_ns);
        w.by[s->class].cpu = s->cpu_ns;
        s->weight += s->left_out ? 0 : metric->of(&w);
    }
}

void stretch_join(struct stretch_list *whole, struct stretch_list *parts,
                  const struct metric *metric)
{
    size_t n = 0, n_items = 0;
    for (const struct stretch_list *p = parts; p != NULL; p = p->next, n++)
        n_items += p->n;
    struct stretch_list **const sorted = memory_get((n + 1) * sizeof(struct stretch_list *));
    n = 0;
    for (struct stretch_list *p = parts; p != NULL; p = p->next)
        sorted[n++] = p;
    qsort(sorted, n, sizeof(struct stretch_list *), compare_lists);
    whole->items = memory_grow(whole->items, &whole->size, n_items, sizeof *whole->items);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < sorted[i]->n; k++)
            stretch_add(whole, &sorted[i]->items[k]);
        free(sorted[i]->items);
        sorted[i]->items = NULL;
    }
    free(sorted);
    attribute_cpu(whole, metric);
}

void stretch_clear(struct stretch_list *list)
{
    for (struct stretch_list *at = list; at != NULL; at = at->next) {
        free(at->items);
        at->items = NULL;
        at->n = at->size = 0;
    }
}
