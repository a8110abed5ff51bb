/* SPDX-License-Identifier: MIT */
/* Phases that took long, as stalls of the thread that began them. */
#include "stall.h"

#include "analyze/base/memory.h"
#include "analyze/read/unit.h"

#include <stdlib.h>

/* Not only samples of some kind: then a phase counts that has none, as its task was suspended. */
static bool is_whole(const struct select *select)
{
    return select->classes == 0 && select->bits == 0 && select->n_calls == 0 &&
           select->n_tasks == 0;
}

static void add_phase(struct stalls *stalls, const struct process *process,
                      const struct phase *phase, const struct window *window)
{
    const bool open = phase->end_ns == PHASE_OPEN;
    const uint64_t end_ns = open ? process->last_ns : phase->end_ns;
    if (phase->label || !select_names_context(stalls->select, false, phase->name, phase->value) ||
        phase->begin_ns < window->from_ns || phase->begin_ns >= window->to_ns ||
        end_ns < phase->begin_ns || end_ns - phase->begin_ns < stalls->over_ns)
        return;
    const struct thread *const thread = census_find_thread(process, phase->thread);
    if (thread == NULL) {
        stalls->n_without_thread++;
        return;
    }
    if (!select_has_thread(stalls->select, thread->name, thread->os_tid))
        return;
    stalls->list = memory_grow(stalls->list, &stalls->size, stalls->n + 1, sizeof *stalls->list);
    stalls->list[stalls->n++] = (struct stall){
        .thread = thread,
        .idle = idle_thread_of(stalls->idle, thread),
        .begin_ns = phase->begin_ns,
        .end_ns = phase->begin_ns,
        .phase_begin_ns = phase->begin_ns,
        .phase_end_ns = end_ns,
        .open = open,
        .asked = is_whole(stalls->select),
        .ended = true,
        .phase = phase->name,
        .phase_number = phase->number,
        .detail = phase->value,
    };
}

bool stall_has_span(const struct stall *stall, const struct scene *scene, const struct span *span)
{
    const struct dict *const dict = &scene->reader->dict;
    uint32_t at = span->context;
    while (at != 0 && dict->contexts[at].number != stall->phase_number)
        at = dict->contexts[at].up;
    return stall->phase == NULL || at != 0;
}

/* What was done in it; a task leaves its thread to others meanwhile, which is elsewhere. */
static void fill_stall(struct stalls *stalls, struct stall *stall)
{
    struct scene *const scene = stalls->scene;
    if (stall->thread->process != scene->process ||
        stall->phase_begin_ns >= scene_time_ns(scene, scene->n_ticks - 1) ||
        stall->phase_end_ns <= scene_before_ns(scene, 0))
        return;
    for (size_t i = 0; i < scene->n_threads; i++) {
        const struct scene_thread *const t = &scene->threads[i];
        for (size_t s = 0; t->thread == stall->thread && s < t->n_spans; s++) {
            const struct span *const span = &t->spans[s];
            for (uint32_t k = 0; k < span->n; k++) {
                const uint64_t ns = scene_time_ns(scene, span->first + k);
                if (ns <= stall->phase_begin_ns || ns > stall->phase_end_ns)
                    continue;
                if (stall->end_ns == stall->begin_ns)
                    stall->begin_ns = scene_before_ns(scene, span->first + k);
                stall->end_ns = ns;
                if (!stall_has_span(stall, scene, span)) {
                    stall->elsewhere_ns += scene_wall_ns(scene, span->first + k, 1);
                    continue;
                }
                stall_count(stall, scene, span, span->first + k,
                            scene_has_state(scene, stalls->select, span));
            }
        }
    }
}

static void fill_range(void *closure, struct scene *scene)
{
    struct stalls *const stalls = closure;
    (void)scene;
    for (size_t i = 0; i < stalls->n; i++)
        fill_stall(stalls, &stalls->list[i]);
}

void stalls_find_phases(struct stalls *stalls, struct idle *idle, struct trace *trace,
                        const struct select *select, uint64_t over_ns, const struct metric *metric)
{
    *stalls = (struct stalls){
        .scene = idle->scene, .idle = idle, .select = select, .over_ns = over_ns, .metric = metric};
    for (size_t i = 0; i < trace->census.n_processes; i++) {
        const struct process *const process = trace->census.processes[i];
        for (size_t k = 0; k < process->n_phases && select_has_pid(select, process->pid); k++)
            add_phase(stalls, process, &process->phases[k], &trace->window);
    }
    scene_run(stalls->scene, trace, select, fill_range, stalls);
    stalls_order(stalls);
}
