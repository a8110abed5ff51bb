/* SPDX-License-Identifier: MIT */
#include "phases.h"

#include "analyze/base/memory.h"
#include "analyze/model/carry.h"
#include "analyze/read/span.h"
#include "analyze/read/unit.h"
#include "analyze/weigh/share.h"

#include <stdlib.h>
#include <string.h>

/* ---- groups ---- */

static uint64_t hash_of(const struct process *process, const char *name, const char *value)
{
    return hash_pair(hash_text(name) ^ (uint64_t)process->number,
                     value != NULL ? hash_text(value) : 0);
}

static uint64_t hash_group(const void *owner, uint32_t n)
{
    const struct phases *const phases = owner;
    const struct phase_group *const g = &phases->groups[n];
    return hash_of(g->process, g->name, g->value);
}

static uint32_t group_of(struct phases *phases, const struct process *process, const char *name,
                         const char *value)
{
    hash_reserve(&phases->index, hash_group, phases);
    uint64_t at = hash_of(process, name, value);
    for (;; at++) {
        const uint32_t n = hash_slot(&phases->index, at);
        if (n == HASH_NONE)
            break;
        const struct phase_group *const g = &phases->groups[n];
        if (g->process == process && strcmp(g->name, name) == 0 &&
            (value == NULL || strcmp(g->value, value) == 0))
            return n;
    }
    phases->groups =
        memory_grow(phases->groups, &phases->size, phases->n + 1, sizeof *phases->groups);
    const uint32_t n = (uint32_t)phases->n++;
    phases->groups[n] = (struct phase_group){.process = process, .name = name, .value = value};
    hash_put(&phases->index, at, n);
    return n;
}

static uint32_t group_of_phase(struct phases *phases, const struct process *process,
                               const struct phase *phase)
{
    return group_of(phases, process, phase->name,
                    phases->by == PHASES_BY_NAME ? NULL : phase->value);
}

/* ---- samples ---- */

/* Numbers of a context in the open unit; its group, + 1. Phases are in the census when a unit has
 * been read; here its own dictionary is asked, whose texts go with it. */
static uint32_t group_of_context(struct phases *phases, const struct scene *scene, uint32_t context)
{
    if (phases->group_of[context] == 0) {
        const struct phase *const phase =
            census_phase(scene->process, scene->reader->dict.contexts[context].number);
        phases->group_of[context] =
            phase != NULL ? group_of_phase(phases, scene->process, phase) + 1 : 0;
    }
    return phases->group_of[context];
}

static void count_span(struct phases *phases, const struct scene *scene, const struct span *span,
                       const struct weight *weight)
{
    const struct range *const range = &scene->reader->range;
    const struct dict *const dict = range->dict;
    size_t n_seen = 0;
    uint32_t at = range_context(range, span->context, span->first);
    for (; at != 0; at = range_context(range, dict->contexts[at].up, span->first)) {
        if (dict->contexts[at].label != (phases->by == PHASES_BY_LABEL))
            continue;
        const uint32_t group = group_of_context(phases, scene, at);
        bool again = group == 0;
        for (size_t i = 0; i < n_seen && !again; i++)
            again = phases->seen[i] == group ||
                    (phases->by == PHASES_BY_LABEL && /* of one key the innermost one holds */
                     strcmp(phases->groups[phases->seen[i] - 1].name,
                            phases->groups[group - 1].name) == 0);
        if (again)
            continue;
        phases->seen =
            memory_grow(phases->seen, &phases->seen_size, n_seen + 1, sizeof *phases->seen);
        phases->seen[n_seen++] = group;
        weight_add(&phases->groups[group - 1].weights.by[state_class(span->state)], weight);
    }
}

static struct phase_whole *whole_of(struct phases *phases, const struct process *process)
{
    for (size_t i = phases->n_wholes; i-- > 0;)
        if (phases->wholes[i].process == process)
            return &phases->wholes[i];
    phases->wholes = memory_grow(phases->wholes, &phases->wholes_size, phases->n_wholes + 1,
                                 sizeof *phases->wholes);
    phases->wholes[phases->n_wholes] = (struct phase_whole){.process = process};
    return &phases->wholes[phases->n_wholes++];
}

/* A span of n samples is n equal ones. */
static void add_to_whole(struct phase_whole *whole, enum state_class class,
                         const struct weight *weight)
{
    const double n = weight->samples > 0 ? (double)weight->samples : 1;
    const double wall = (double)weight->wall / SHARE_UNIT_NS;
    const double cpu = (double)weight->cpu / SHARE_UNIT_NS;
    weight_add(&whole->total.by[class], weight);
    whole->wall_squares += wall * wall / n;
    whole->cpu_squares += cpu * cpu / n;
}

static void reserve(struct phases *phases, const struct scene *scene)
{
    const size_t n = scene->reader->dict.n_contexts;
    phases->group_of =
        memory_grow(phases->group_of, &phases->group_of_size, n, sizeof *phases->group_of);
    memset(phases->group_of, 0, n * sizeof *phases->group_of);
    for (size_t i = 0; i < scene->n_threads; i++) {
        const size_t need = scene->threads[i].thread->index + 1;
        phases->carries =
            memory_grow(phases->carries, &phases->carries_size, need, sizeof *phases->carries);
        for (; phases->n_carries < need; phases->n_carries++)
            phases->carries[phases->n_carries] = (struct carry){0};
    }
}

static void read_range(void *closure, struct scene *scene)
{
    struct phases *const phases = closure;
    const uint64_t quantum_ns = scene->reader->quantum_ns;
    struct phase_whole *const whole = whole_of(phases, scene->process);
    reserve(phases, scene);
    for (size_t i = 0; i < scene->n_threads; i++) {
        const struct scene_thread *const t = &scene->threads[i];
        const bool wanted = select_has_thread(phases->select, t->thread->name, t->thread->os_tid);
        for (size_t s = 0; s < t->n_spans; s++) {
            const struct span *const span = &t->spans[s];
            const enum state_class class = state_class(span->state);
            const uint64_t cpu_ns =
                carry_take(&phases->carries[t->thread->index], class, span->given_q * quantum_ns);
            const struct weight weight = {span->n, span->ticks, span->wall_q * quantum_ns, cpu_ns};
            if (!wanted || !scene_has_state(scene, phases->select, span))
                continue;
            add_to_whole(whole, class, &weight);
            if (span->context != 0)
                count_span(phases, scene, span, &weight);
        }
    }
}

/* ---- how sure that is ---- */

/* A file may say any time; a square that is too large is the largest. */
static uint64_t whole_number(double square)
{
    return square < (double)(UINT64_MAX / 2) ? (uint64_t)square : UINT64_MAX / 2;
}

/* Of so many seconds of all that was sampled. */
static double error_s(const struct phase_whole *whole, const struct metric *metric, uint64_t ns)
{
    struct basis basis = {.metric = metric, .total = whole->total};
    basis.squares.by[0].wall = whole_number(whole->wall_squares);
    basis.squares.by[0].cpu = whole_number(whole->cpu_squares);
    if (basis_is_empty(&basis))
        return 0;
    const double all = (double)metric->of(&whole->total);
    return share_error(&basis, (double)ns / all) * all / 1e9;
}

static void tell_errors(struct phases *phases)
{
    for (size_t i = 0; i < phases->n; i++) {
        struct phase_group *const g = &phases->groups[i];
        const struct phase_whole *const whole = whole_of(phases, g->process);
        g->cpu_error_s = error_s(whole, &metrics[METRIC_CPU], weights_sum(&g->weights).cpu);
        g->gil_error_s = error_s(whole, &metrics[METRIC_WALL], g->weights.by[CLASS_WAITS_GIL].wall);
        g->blocked_error_s =
            error_s(whole, &metrics[METRIC_WALL], g->weights.by[CLASS_BLOCKED].wall);
    }
}

/* ---- how many, how long ---- */

bool phases_wanted(const struct select *select, const struct process *process,
                   const struct phase *phase)
{
    bool any[2] = {false, false}, has[2] = {false, false};
    for (size_t i = 0; i < select->n_contexts; i++)
        any[select->contexts[i].label] = true;
    for (; phase != NULL && (any[0] || any[1]); phase = census_phase(process, phase->up)) {
        if (select_names_context(select, phase->label, phase->name, phase->value))
            has[phase->label] = true;
    }
    return (!any[0] || has[0]) && (!any[1] || has[1]);
}

static bool is_thread_wanted(const struct select *select, const struct process *process,
                             uint32_t id)
{
    if (select->n_threads == 0)
        return true;
    const struct thread *const t = census_find_thread(process, id);
    return t != NULL && select_has_thread(select, t->name, t->os_tid);
}

static void count_process(struct phases *phases, const struct process *process,
                          const struct window *window)
{
    for (size_t i = 0; i < process->n_phases; i++) {
        const struct phase *const phase = &process->phases[i];
        if (phase->label != (phases->by == PHASES_BY_LABEL) || phase->begin_ns < window->from_ns ||
            phase->begin_ns >= window->to_ns ||
            !is_thread_wanted(phases->select, process, phase->thread) ||
            !phases_wanted(phases->select, process, phase))
            continue;
        const uint32_t group = group_of_phase(phases, process, phase);
        struct phase_group *const g = &phases->groups[group];
        g->n++;
        if (phase->end_ns == PHASE_OPEN) {
            g->n_open++;
            continue;
        }
        const uint64_t ns = phase->end_ns - phase->begin_ns;
        g->total_ns += ns;
        if (ns >= g->longest_ns) {
            g->longest_ns = ns;
            g->longest_at_ns = phase->begin_ns;
        }
    }
}

void phases_count(struct phases *phases, const struct trace *trace, const struct select *select,
                  enum phases_by by)
{
    phases->by = by;
    phases->select = select;
    for (size_t i = 0; i < trace->census.n_processes; i++) {
        const struct process *const process = trace->census.processes[i];
        if (!select_has_pid(select, process->pid))
            continue;
        count_process(phases, process, &trace->window);
        phases->n_lost += process->marks_lost;
    }
}

void phases_read(struct phases *phases, struct trace *trace, const struct select *select,
                 enum phases_by by)
{
    struct scene scene = {0};
    phases->by = by;
    phases->select = select;
    scene_run(&scene, trace, select, NULL, NULL); /* the census: all phases, and names */
    scene_run(&scene, trace, select, read_range, phases);
    phases_count(phases, trace, select, by);
    tell_errors(phases);
    scene_clear(&scene);
}

void phases_clear(struct phases *phases)
{
    free(phases->groups);
    free(phases->group_of);
    free(phases->carries);
    free(phases->seen);
    free(phases->wholes);
    hash_clear(&phases->index);
    *phases = (struct phases){0};
}
