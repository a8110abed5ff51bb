/* SPDX-License-Identifier: MIT */
#include "timeline.h"

#include "analyze/base/memory.h"
#include "analyze/read/unit.h"

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
    timeline->entries = memory_grow(timeline->entries, &timeline->entries_size, thread->index + 1,
                                    sizeof *timeline->entries);
    size_t *const entry = &timeline->entries[thread->index]; /* + 1; 0 = none */
    if (*entry != 0)
        return &timeline->threads[*entry - 1];
    *entry = timeline->n_threads + 1;
    timeline->threads = memory_grow(timeline->threads, &timeline->threads_size,
                                    timeline->n_threads + 1, sizeof *timeline->threads);
    struct timeline_thread *const t = &timeline->threads[timeline->n_threads++];
    *t = (struct timeline_thread){
        .thread = thread,
        .bins = memory_get(timeline->n_bins * sizeof(struct weights)),
        .observed_ns = memory_get(timeline->n_bins * sizeof(uint64_t)),
    };
    return t;
}

/* a * b / c, where the product may be more than 64 bits hold and the result is not. */
static uint64_t part_of(uint64_t a, uint64_t b, uint64_t c)
{
    __extension__ typedef unsigned __int128 wide;
    return c > 0 ? (uint64_t)((wide)a * b / c) : a;
}

/* What falls on the part from `before` to `after` of a whole; all where that has no length. */
static uint64_t share_of_part(uint64_t amount, uint64_t before, uint64_t after, uint64_t whole)
{
    return part_of(amount, after, whole) - (whole > 0 ? part_of(amount, before, whole) : 0);
}

/* What one span weighs, and in which class; not chosen, it was observed and nothing else. */
struct piece {
    uint64_t from_ns, to_ns;
    enum state_class class;
    bool chosen;
    struct weight weight;
};

static void add_to_bin(struct timeline_thread *t, size_t bin, const struct piece *piece,
                       uint64_t before, uint64_t after)
{
    const uint64_t whole = piece->to_ns - piece->from_ns;
    const struct weight *const w = &piece->weight;
    const struct weight part = {
        .samples = share_of_part(w->samples, before, after, whole),
        .ticks = share_of_part(w->ticks, before, after, whole),
        .wall = share_of_part(w->wall, before, after, whole),
        .cpu = share_of_part(w->cpu, before, after, whole),
    };
    t->observed_ns[bin] += part.wall;
    t->total_ns += part.wall;
    if (!piece->chosen)
        return;
    weight_add(&t->bins[bin].by[piece->class], &part);
    weight_add(&t->total.by[piece->class], &part);
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
                   const struct piece *piece)
{
    const uint64_t from_ns = piece->from_ns, to_ns = piece->to_ns;
    for (uint64_t at_ns = from_ns; timeline->n_bins > 0;) {
        const size_t bin = bin_of(timeline, at_ns);
        const uint64_t border_ns = bin + 1 < timeline->n_bins
                                       ? timeline->start_ns + (bin + 1) * timeline->bin_ns
                                       : UINT64_MAX;
        const uint64_t end_ns = border_ns < to_ns ? border_ns : to_ns;
        add_to_bin(t, bin, piece, at_ns - from_ns, end_ns - from_ns);
        if (end_ns >= to_ns)
            return;
        at_ns = end_ns;
    }
}

/* Likewise of CPU that is of no thread. */
static void spread_other(const struct timeline *timeline, struct timeline_process *p,
                         uint64_t from_ns, uint64_t to_ns, uint64_t other_ns)
{
    const uint64_t whole = to_ns - from_ns;
    p->other_total_ns += other_ns;
    for (uint64_t at_ns = from_ns;;) {
        const size_t bin = bin_of(timeline, at_ns);
        const uint64_t border_ns = bin + 1 < timeline->n_bins
                                       ? timeline->start_ns + (bin + 1) * timeline->bin_ns
                                       : UINT64_MAX;
        const uint64_t end_ns = border_ns < to_ns ? border_ns : to_ns;
        p->other_ns[bin] += share_of_part(other_ns, at_ns - from_ns, end_ns - from_ns, whole);
        if (end_ns >= to_ns)
            return;
        at_ns = end_ns;
    }
}

static struct piece piece_of(const struct timeline *timeline, struct timeline_thread *t,
                             const struct scene *scene, const struct span *span)
{
    const uint64_t quantum_ns = scene->reader->quantum_ns;
    const enum state_class class = state_part(span->state);
    uint64_t cpu_ns = span->cpu_q * quantum_ns;
    if (select_by_state(timeline->select))
        cpu_ns = carry_take(&t->carry, class, span->given_q * quantum_ns);
    return (struct piece){
        .from_ns = scene_before_ns(scene, span->first),
        .to_ns = scene_time_ns(scene, span->first + span->n - 1),
        .class = class,
        .chosen = scene_has_state(scene, timeline->select, span),
        .weight = {span->n, span->ticks, span->wall_q * quantum_ns, cpu_ns},
    };
}

const struct timeline_process *timeline_process(const struct timeline *timeline,
                                                const struct process *process)
{
    for (size_t i = timeline->n_processes; i-- > 0;) { /* they come one after the other */
        if (timeline->processes[i].process == process)
            return &timeline->processes[i];
    }
    return NULL;
}

static struct timeline_process *process_of(struct timeline *timeline, const struct scene *scene)
{
    const struct process *const process = scene->process;
    struct timeline_process *const last =
        timeline->n_processes > 0 ? &timeline->processes[timeline->n_processes - 1] : NULL;
    if (last != NULL && last->process == process)
        return last;
    timeline->processes = memory_grow(timeline->processes, &timeline->processes_size,
                                      timeline->n_processes + 1, sizeof *timeline->processes);
    struct timeline_process *const p = &timeline->processes[timeline->n_processes++];
    *p = (struct timeline_process){
        .process = process,
        .other_ns = memory_get(timeline->n_bins * sizeof(uint64_t)),
        .known = process->from_start && scene->trace->window.from_ns == 0,
    };
    return p;
}

/* What all threads' clocks moved by in the range that is open. */
static uint64_t clocks_ns(const struct scene *scene)
{
    uint64_t sum_q = 0;
    for (size_t i = 0; i < scene->n_threads; i++) {
        for (size_t s = 0; s < scene->threads[i].n_spans; s++)
            sum_q += scene->threads[i].spans[s].cpu_q;
    }
    return sum_q * scene->reader->quantum_ns;
}

/*
 * What the process used in the range beside the clocks of its threads. These are read at ticks and
 * the process's own a moment later: where they are ahead, the next range has less. A range that the
 * window cuts is left out: nobody knows which part of it is inside.
 */
static void take_books(struct timeline *timeline, const struct scene *scene)
{
    struct timeline_process *const p = process_of(timeline, scene);
    const struct facts *const facts = &scene->reader->facts;
    const struct range *const range = &scene->reader->range;
    const struct account *const a = &facts->process.account;
    if (!facts->process.account_known || a->process_cpu_ns < a->sampler_cpu_ns)
        return;
    const uint64_t whole_ns = a->process_cpu_ns - a->sampler_cpu_ns, before_ns = p->whole_ns;
    const bool cut = range->from_tick > 0 || range->to_tick < range->n_ticks;
    const bool known = p->known && whole_ns >= before_ns;
    p->whole_ns = whole_ns;
    p->known = true;
    if (!known || cut)
        return;
    const uint64_t used_ns = whole_ns - before_ns, seen_ns = clocks_ns(scene) + p->owed_ns;
    const uint64_t other_ns = used_ns > seen_ns ? used_ns - seen_ns : 0;
    p->owed_ns = seen_ns > used_ns ? seen_ns - used_ns : 0;
    spread_other(timeline, p, scene_before_ns(scene, 0), scene_time_ns(scene, scene->n_ticks - 1),
                 other_ns);
}

static void take_range(void *closure, struct scene *scene)
{
    struct timeline *const timeline = closure;
    if (timeline->n_bins > 0)
        take_books(timeline, scene);
    for (size_t i = 0; i < scene->n_threads; i++) {
        const struct scene_thread *const from = &scene->threads[i];
        if (!select_has_thread(timeline->select, from->thread->name, from->thread->os_tid))
            continue;
        struct timeline_thread *const t = thread_of(timeline, from->thread);
        for (size_t s = 0; s < from->n_spans; s++) {
            const struct piece piece = piece_of(timeline, t, scene, &from->spans[s]);
            spread(timeline, t, &piece);
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
    for (size_t i = 0; i < timeline->n_threads; i++) {
        free(timeline->threads[i].bins);
        free(timeline->threads[i].observed_ns);
    }
    for (size_t i = 0; i < timeline->n_processes; i++)
        free(timeline->processes[i].other_ns);
    free(timeline->processes);
    free(timeline->threads);
    free(timeline->entries);
    *timeline = (struct timeline){0};
}
