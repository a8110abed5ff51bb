/* SPDX-License-Identifier: MIT */
#include "timeline.h"

#include "memory.h"
#include "unit.h"

#include <stdlib.h>

#define MS_NS UINT64_C(1000000)

uint64_t timeline_bin_ns(uint64_t length_ns, size_t n)
{
    static const uint64_t steps[] = {1, 2, 5};
    uint64_t bin_ns = MS_NS;
    for (uint64_t power = MS_NS; power < UINT64_MAX / 100; power *= 10) {
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
            bin_ns = power * steps[i];
            if (length_ns / bin_ns < n || (length_ns / bin_ns == n && length_ns % bin_ns == 0))
                return bin_ns;
        }
    }
    return bin_ns;
}

static struct timeline_thread *thread_of(struct timeline *timeline, const struct thread *thread)
{
    for (size_t i = 0; i < timeline->n_threads; i++) {
        const size_t at = (timeline->next + i) % timeline->n_threads;
        if (timeline->threads[at].thread == thread) {
            timeline->next = at + 1;
            return &timeline->threads[at];
        }
    }
    timeline->threads = memory_grow(timeline->threads, &timeline->threads_size,
                                    timeline->n_threads + 1, sizeof *timeline->threads);
    struct timeline_thread *const t = &timeline->threads[timeline->n_threads++];
    *t = (struct timeline_thread){
        thread, memory_get(timeline->n_bins * sizeof(struct weights)), {{{0}}}};
    return t;
}

/* a * b / c, where the product may be more than 64 bits hold and the result is not. */
static uint64_t part_of(uint64_t a, uint64_t b, uint64_t c)
{
    __extension__ typedef unsigned __int128 wide;
    return c > 0 ? (uint64_t)((wide)a * b / c) : a;
}

/* What the first tick and the last stand for may lie a little outside: then the nearest bin. */
static size_t bin_of(const struct timeline *timeline, uint64_t ns)
{
    const uint64_t start_ns = timeline->start_ns;
    const uint64_t bin = ns > start_ns ? (ns - start_ns) / timeline->bin_ns : 0;
    return bin < timeline->n_bins ? (size_t)bin : timeline->n_bins - 1;
}

/*
 * Spread a weight over the bins from one time to another. Each bin gets the difference of what
 * belongs before its end and before its beginning, so that nothing is lost to rounding.
 */
static void spread(const struct timeline *timeline, struct timeline_thread *t,
                   enum state_class class, uint64_t from_ns, uint64_t to_ns, const struct weight *w)
{
    const uint64_t length_ns = to_ns - from_ns;
    for (uint64_t at_ns = from_ns; timeline->n_bins > 0;) {
        const size_t bin = bin_of(timeline, at_ns);
        const uint64_t border_ns = bin + 1 < timeline->n_bins
                                       ? timeline->start_ns + (bin + 1) * timeline->bin_ns
                                       : UINT64_MAX;
        const uint64_t end_ns = border_ns < to_ns ? border_ns : to_ns;
        const uint64_t before = at_ns - from_ns, after = end_ns - from_ns;
        const struct weight part = {
            .wall = part_of(w->wall, after, length_ns) -
                    (length_ns > 0 ? part_of(w->wall, before, length_ns) : 0),
            .cpu = part_of(w->cpu, after, length_ns) -
                   (length_ns > 0 ? part_of(w->cpu, before, length_ns) : 0),
        };
        weight_add(&t->bins[bin].by[class], &part);
        weight_add(&t->total.by[class], &part);
        if (end_ns >= to_ns)
            return;
        at_ns = end_ns;
    }
}

static void take_range(void *closure, struct scene *scene)
{
    struct timeline *const timeline = closure;
    const uint64_t quantum_ns = scene->reader->quantum_ns;
    for (size_t i = 0; i < scene->n_threads; i++) {
        const struct scene_thread *const from = &scene->threads[i];
        if (!select_has_thread(timeline->select, from->thread->name, from->thread->os_tid))
            continue;
        struct timeline_thread *const t = thread_of(timeline, from->thread);
        for (size_t s = 0; s < from->n_spans; s++) {
            const struct span *const span = &from->spans[s];
            const struct weight w = {.wall = span->wall_q * quantum_ns,
                                     .cpu = span->cpu_q * quantum_ns};
            spread(timeline, t, state_class(span->state), scene_before_ns(scene, span->first),
                   scene_time_ns(scene, span->first + span->n - 1), &w);
        }
    }
}

void timeline_read(struct timeline *timeline, struct scene *scene, struct trace *trace,
                   const struct select *select)
{
    timeline->select = select;
    scene_run(scene, trace, select, take_range, timeline);
}

void timeline_clear(struct timeline *timeline)
{
    for (size_t i = 0; i < timeline->n_threads; i++)
        free(timeline->threads[i].bins);
    free(timeline->threads);
    *timeline = (struct timeline){0};
}
