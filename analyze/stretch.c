/* SPDX-License-Identifier: MIT */
#include "stretch.h"

#include "memory.h"
#include "select.h"
#include "unit.h"

#include <stdlib.h>

void stretch_add(struct stretch_list *list, const struct stretch *stretch)
{
    struct stretch *const last = list->n > 0 ? &list->items[list->n - 1] : NULL;
    if (last != NULL && last->end_ns == stretch->start_ns && last->node == stretch->node &&
        last->class == stretch->class && last->call == stretch->call &&
        last->left_out == stretch->left_out) {
        last->end_ns = stretch->end_ns;
        last->weight += stretch->weight;
        last->cpu_ns += stretch->cpu_ns;
        return;
    }
    list->items = memory_grow(list->items, &list->size, list->n + 1, sizeof *list->items);
    list->items[list->n++] = *stretch;
}

/* Those whose spans are added. */
struct source {
    const struct range *range;
    const struct metric *metric;
    uint64_t shift_ns;
};

/* The ticks from .. to - 1 of a span, in which no time was left unobserved but at their begin. */
static void add_piece(struct stretch_list *list, const struct source *source,
                      struct stretch stretch, uint32_t from, uint32_t to)
{
    const struct range *const range = source->range;
    const uint64_t quantum_ns = range->quantum_ns;
    const uint64_t wall_ns = (range->wall_q[to] - range->wall_q[from]) * quantum_ns;
    struct weights w = {0};
    w.by[stretch.class] = (struct weight){
        .samples = to - from,
        .ticks = range->due != NULL ? range->due[to] - range->due[from] : to - from,
        .wall = wall_ns,
    };
    stretch.weight = stretch.left_out ? 0 : source->metric->of(&w);
    stretch.end_ns = range->border_q[to] * quantum_ns + source->shift_ns;
    stretch.start_ns = stretch.end_ns - wall_ns;
    stretch_add(list, &stretch);
}

/* Is there time before the tick that nobody observed? */
static bool is_gap(const struct range *range, uint32_t tick)
{
    return range->border_q[tick + 1] - range->border_q[tick] !=
           range->wall_q[tick + 1] - range->wall_q[tick];
}

static void add_span(struct stretch_list *list, const struct source *source,
                     const struct select *select, const struct span *span)
{
    const struct range *const range = source->range;
    const char *const call = span->call > 0 ? dict_string(range->dict, span->call) : NULL;
    const enum state_class class = state_class(span->state);
    struct stretch stretch = {
        .cpu_ns = span->given_q * range->quantum_ns,
        .call = class == CLASS_BLOCKED ? call : NULL,
        .node = span->stack + 1,
        .class = class,
        .left_out = select_by_state(select) && !select_has_state(select, span->state, call),
    };
    uint32_t from = span->first;
    const uint32_t end = span->first + span->n;
    for (uint32_t at = from + 1; at < end && range->wall_q != range->border_q; at++) {
        if (!is_gap(range, at))
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
    const struct source source = {&reader->range, metric, reader->unit->recording->shift_ns};
    for (size_t i = 0; i < n; i++)
        add_span(list, &source, select, &spans[i]);
}

static int compare_lists(const void *left, const void *right)
{
    const struct stretch_list *const a = *(struct stretch_list *const *)left;
    const struct stretch_list *const b = *(struct stretch_list *const *)right;
    return (a->generation > b->generation) - (a->generation < b->generation);
}

/* As profile.h says: what was used between samples is carried to the next that takes CPU. */
static void attribute_cpu(struct stretch_list *list, const struct metric *metric)
{
    uint64_t carry_ns = 0;
    for (size_t i = 0; i < list->n; i++) {
        struct stretch *const s = &list->items[i];
        carry_ns += s->cpu_ns;
        s->cpu_ns = 0;
        if (!state_gets_cpu(s->class))
            continue;
        struct weights w = {0};
        w.by[s->class].cpu = carry_ns;
        s->cpu_ns = carry_ns;
        s->weight += s->left_out ? 0 : metric->of(&w);
        carry_ns = 0;
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
