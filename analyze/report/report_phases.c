/* SPDX-License-Identifier: MIT */
#include "report_phases.h"

#include "analyze/base/memory.h"

#include <stdlib.h>

#define PHASES_KEPT 8192u
#define MARKS_KEPT  2048u

/* A phase that may be kept. */
struct candidate {
    const struct phase *phase;
    uint64_t ns;
    uint32_t process;
};

struct gathering {
    struct report *report;
    const struct trace *trace;
    struct candidate *list;
    size_t n, size;
};

/* Number in the report + 1; 0 = it is not in it. */
static uint32_t thread_number(const struct report *report, uint32_t process, uint32_t id)
{
    const struct thread *const t = census_find_thread(report->processes[process].process, id);
    return t != NULL && t->index < report->number_of_size ? report->number_of[t->index] : 0;
}

/* Of a selection of threads only theirs. */
static bool is_asked_for(const struct report *report, uint32_t process, uint32_t thread_id)
{
    return report->select->n_threads == 0 || thread_number(report, process, thread_id) != 0;
}

static void find_phases(struct gathering *g, uint32_t process)
{
    const struct process *const p = g->report->processes[process].process;
    const struct window *const window = &g->trace->window;
    for (size_t i = 0; i < p->n_phases; i++) {
        const struct phase *const phase = &p->phases[i];
        const uint64_t last_ns = p->last_ns > phase->begin_ns ? p->last_ns : phase->begin_ns;
        const uint64_t end_ns = phase->end_ns != PHASE_OPEN ? phase->end_ns : last_ns;
        if (phase->begin_ns >= window->to_ns || end_ns < window->from_ns ||
            !is_asked_for(g->report, process, phase->thread))
            continue;
        g->list = memory_grow(g->list, &g->size, g->n + 1, sizeof *g->list);
        g->list[g->n++] = (struct candidate){phase, end_ns - phase->begin_ns, process};
    }
}

static int compare_lengths(const void *left, const void *right)
{
    const struct candidate *const a = left, *const b = right;
    if (a->ns != b->ns)
        return a->ns < b->ns ? 1 : -1;
    return (a->phase->begin_ns > b->phase->begin_ns) - (a->phase->begin_ns < b->phase->begin_ns);
}

static int compare_begins(const void *left, const void *right)
{
    const struct report_phase *const a = left, *const b = right;
    if (a->begin_ns != b->begin_ns)
        return a->begin_ns < b->begin_ns ? -1 : 1;
    return (a->end_ns < b->end_ns) -
           (a->end_ns > b->end_ns); /* what is around others before them */
}

static uint64_t hash_of_phase(const void *owner, uint32_t n)
{
    const struct report_phase *const p = &((const struct report_scopes *)owner)->phases[n];
    return hash_pair(p->phase->number, p->process);
}

/* Its place among those kept + 1; 0 = it is not. */
static uint32_t kept_number(const struct report_scopes *s, const struct hash *hash,
                            uint32_t process, uint64_t number)
{
    for (uint64_t at = hash_pair(number, process);; at++) {
        const uint32_t n = hash_slot(hash, at);
        if (n == HASH_NONE)
            return 0;
        if (s->phases[n].process == process && s->phases[n].phase->number == number)
            return n + 1;
    }
}

static void find_ups(struct report *report)
{
    struct report_scopes *const s = &report->scopes;
    struct hash hash = {0};
    for (uint32_t i = 0; i < s->n_phases; i++)
        hash_add(&hash, hash_of_phase, s, i);
    for (uint32_t i = 0; i < s->n_phases; i++) {
        struct report_phase *const p = &s->phases[i];
        const struct process *const process = report->processes[p->process].process;
        const struct phase *up = census_phase(process, p->phase->up);
        for (; up != NULL && p->up == 0; up = census_phase(process, up->up))
            p->up = kept_number(s, &hash, p->process, up->number);
    }
    hash_clear(&hash);
}

static void keep_phases(struct gathering *g)
{
    struct report_scopes *const s = &g->report->scopes;
    s->n_phases_all = g->n;
    s->n_phases = g->n < PHASES_KEPT ? g->n : PHASES_KEPT;
    s->phases = memory_get((s->n_phases + 1) * sizeof *s->phases);
    if (g->n > 1)
        qsort(g->list, g->n, sizeof *g->list, compare_lengths);
    if (s->n_phases < g->n)
        s->shortest_ns = g->list[s->n_phases - 1].ns;
    for (size_t i = 0; i < s->n_phases; i++) {
        const struct phase *const phase = g->list[i].phase;
        s->phases[i] = (struct report_phase){
            .begin_ns = phase->begin_ns,
            .end_ns = phase->end_ns,
            .said = report_said_number(s, phase->label, phase->name, phase->value),
            .process = g->list[i].process,
            .thread = thread_number(g->report, g->list[i].process, phase->thread),
            .phase = phase,
        };
    }
    if (s->n_phases > 1)
        qsort(s->phases, s->n_phases, sizeof *s->phases, compare_begins);
    find_ups(g->report);
}

/* In which part of the time of all; few enough are each in their own. */
static uint64_t part_of(const struct report_process *p, uint64_t ns)
{
    const double all = (double)p->end * (double)p->interval_ns;
    const double first = (double)p->origin_ns + (double)p->first * (double)p->interval_ns;
    const double part = all > 0 ? ((double)ns - first) / all : 0;
    return part > 0 ? part < 1 ? (uint64_t)(part * MARKS_KEPT) : MARKS_KEPT : 0;
}

static void keep_marks(struct gathering *g, uint32_t process, bool all)
{
    struct report_scopes *const s = &g->report->scopes;
    const struct report_process *const p = &g->report->processes[process];
    const struct window *const window = &g->trace->window;
    uint64_t last_part = UINT64_MAX;
    for (size_t i = 0; i < p->process->n_marks; i++) {
        const struct program_mark *const mark = &p->process->marks[i];
        if (mark->time_ns < window->from_ns || mark->time_ns >= window->to_ns ||
            !is_asked_for(g->report, process, mark->thread))
            continue;
        s->n_marks_all++;
        const uint64_t part = part_of(p, mark->time_ns);
        if (!all && (part == last_part || s->n_marks >= 2 * MARKS_KEPT) && s->n_marks > 0) {
            s->marks[s->n_marks - 1].n++;
            continue;
        }
        last_part = part;
        s->marks = memory_grow(s->marks, &s->marks_size, s->n_marks + 1, sizeof *s->marks);
        s->marks[s->n_marks++] =
            (struct report_mark){mark, 1, process, thread_number(g->report, process, mark->thread)};
    }
}

void report_phases_read(struct report *report, const struct trace *trace)
{
    struct gathering g = {.report = report, .trace = trace};
    uint64_t n_marks = 0;
    for (uint32_t i = 0; i < report->n_processes; i++) {
        find_phases(&g, i);
        n_marks += report->processes[i].process->n_marks;
    }
    keep_phases(&g);
    for (uint32_t i = 0; i < report->n_processes; i++)
        keep_marks(&g, i, n_marks <= MARKS_KEPT);
    for (enum phases_by by = PHASES_BY_NAME; by <= PHASES_BY_LABEL; by++)
        phases_count(&report->scopes.groups[by], trace, report->select, by);
    free(g.list);
}
