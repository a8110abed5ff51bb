/* SPDX-License-Identifier: MIT */
#include "stall.h"

#include "analyze/read/unit.h"

#include <stdlib.h>

struct weight stall_weight(const struct scene *scene, const struct span *span, uint32_t first,
                           uint32_t n, struct carry *carry)
{
    const uint64_t moved_ns = first == span->first ? span->cpu_q * scene->reader->quantum_ns : 0;
    return (struct weight){
        .samples = n,
        .ticks = scene_due(scene, first, n),
        .wall = scene_wall_ns(scene, first, n),
        .cpu = carry_take(carry, state_class(span->state), moved_ns),
    };
}

void stall_count(struct stall *stall, const struct scene *scene, const struct span *span,
                 uint32_t tick, bool counts)
{
    const enum state_class class = state_class(span->state);
    const struct weight w = stall_weight(scene, span, tick, 1, &stall->carry);
    stall->wall_ns += w.wall;
    stall->class_ns[class] += w.wall;
    stall->samples += w.samples;
    stall->ticks += w.ticks;
    if (tick == span->first)
        stall->cpu_ns += span->cpu_q * scene->reader->quantum_ns;
    if (counts)
        weight_add(&stall->counted.by[state_part(span->state)], &w);
}

static bool is_counted(const struct stall *stall)
{
    return stall->asked || weights_sum(&stall->counted).samples > 0;
}

static int compare_stalls(const void *left, const void *right, void *closure)
{
    const struct metric *const metric = closure;
    const struct stall *const a = left, *const b = right;
    const uint64_t x = metric != NULL ? metric->of(&a->counted) : 0;
    const uint64_t y = metric != NULL ? metric->of(&b->counted) : 0;
    if (is_counted(a) != is_counted(b))
        return is_counted(a) ? -1 : 1;
    if (metric == NULL && a->several != b->several)
        return a->several ? 1 : -1;
    if (x != y)
        return x < y ? 1 : -1;
    if (stall_length_ns(a) != stall_length_ns(b))
        return stall_length_ns(a) < stall_length_ns(b) ? 1 : -1;
    return (a->begin_ns > b->begin_ns) - (a->begin_ns < b->begin_ns);
}

void stalls_order(struct stalls *stalls)
{
    if (stalls->n > 1)
        qsort_r(stalls->list, stalls->n, sizeof *stalls->list, compare_stalls,
                (void *)(uintptr_t)stalls->metric);
    while (stalls->n_counted < stalls->n && is_counted(&stalls->list[stalls->n_counted]))
        stalls->n_counted++;
}

void stalls_clear(struct stalls *stalls)
{
    for (size_t i = 0; i < stalls->n; i++) {
        free(stalls->list[i].entries);
        free(stalls->list[i].peers);
        free(stalls->list[i].shared);
        hash_clear(&stalls->list[i].hash);
        if (stalls->list[i].tasks != NULL)
            free(stalls->list[i].tasks->rows);
        free(stalls->list[i].tasks);
    }
    free(stalls->list);
    free(stalls->by_phase);
    free(stalls->watches);
    free(stalls->watch_of);
    *stalls = (struct stalls){0};
}
