/* SPDX-License-Identifier: MIT */
#include "report_read.h"

#include "analyze/base/memory.h"
#include "analyze/model/select.h"
#include "analyze/read/range.h"
#include "analyze/read/unit.h"
#include "report_phases.h"
#include "report_thin.h"

#include <stdlib.h>

/* ---- who ---- */

static uint32_t process_index(struct report *report, const struct process *process)
{
    for (size_t i = report->n_processes; i > 0; i--) { /* they come one after the other */
        if (report->processes[i - 1].process == process)
            return (uint32_t)(i - 1);
    }
    report->processes = memory_grow(report->processes, &report->processes_size,
                                    report->n_processes + 1, sizeof *report->processes);
    report->processes[report->n_processes] = (struct report_process){.process = process};
    return (uint32_t)report->n_processes++;
}

static uint32_t thread_index(struct report *report, const struct thread *thread, uint32_t process)
{
    report->number_of = memory_grow(report->number_of, &report->number_of_size, thread->index + 1,
                                    sizeof *report->number_of);
    uint32_t *const number = &report->number_of[thread->index];
    if (*number == 0) {
        report->threads = memory_grow(report->threads, &report->threads_size, report->n_threads + 1,
                                      sizeof *report->threads);
        report->threads[report->n_threads++] =
            (struct report_thread){.thread = thread, .process = process};
        *number = (uint32_t)report->n_threads;
    }
    return *number - 1;
}

/* ---- the grid ---- */

/* The open range's ticks on the process's grid. */
struct ticks {
    const struct scene *scene;
    struct report_process *process;
};

/* In which interval of the process's grid a time of the common clock is. */
static uint64_t interval_at(const struct report_process *process, uint64_t ns)
{
    const uint64_t first_ns = process->origin_ns + process->first * process->interval_ns;
    return ns > first_ns ? (ns - first_ns + process->interval_ns / 2) / process->interval_ns : 0;
}

/*
 * Where the interval that tick k is due in ends. The borders in the range are rounded to quanta,
 * intervals are far longer.
 */
static uint64_t tick_end(const struct ticks *ticks, uint32_t k)
{
    const struct range *const range = &ticks->scene->reader->range;
    const uint64_t shift_ns = ticks->scene->reader->unit->recording->shift_ns;
    return interval_at(ticks->process, range->border_q[k + 1] * range->quantum_ns + shift_ns);
}

/* The intervals that tick k stands for. */
static uint64_t tick_due(const struct ticks *ticks, uint32_t k)
{
    return scene_due(ticks->scene, k, 1);
}

static struct ticks ticks_open(struct report_process *process, const struct scene *scene)
{
    const struct range *const range = &scene->reader->range;
    const uint64_t shift_ns = scene->reader->unit->recording->shift_ns;
    if (!process->has_grid) {
        const struct samples_columns *const c = &range->columns;
        const uint64_t begin_ns = range->border_q[0] * range->quantum_ns;
        process->has_grid = true;
        process->quantum_ns = scene->reader->quantum_ns;
        process->origin_ns = c->origin_ns + shift_ns;
        process->interval_ns = c->interval_ns;
        process->first = begin_ns > c->origin_ns
                             ? (begin_ns - c->origin_ns + c->interval_ns / 2) / c->interval_ns
                             : 0;
    }
    return (struct ticks){scene, process};
}

/* Note the ticks at which a page that knows the grid only would cut a range elsewhere. */
static void note_odd_ticks(const struct ticks *ticks)
{
    struct report_process *const p = ticks->process;
    if (ticks->scene->reader->range.due == NULL)
        return;
    for (uint32_t k = 0; k < ticks->scene->n_ticks; k++) {
        const uint64_t due = tick_due(ticks, k), end = tick_end(ticks, k);
        if (due <= 1 || end == 0)
            continue;
        p->odd = memory_grow(p->odd, &p->odd_size, p->n_odd + 1, sizeof *p->odd);
        p->odd[p->n_odd++] = (struct report_odd_tick){end - 1, (uint32_t)(due - 1)};
    }
}

/* ---- runs ---- */

/* The run goes from interval `from` on; a hole before it was not observed. */
static void run_place(struct report_thread *t, struct report_run run, uint64_t from, uint64_t n)
{
    if (n == 0)
        return;
    if (t->begin == t->end)
        t->begin = t->end = t->thinned_end = from;
    if (from > t->end) {
        report_run_append(&t->course, (struct report_run){.class = REPORT_UNSEEN}, from - t->end);
        t->end = from;
    }
    report_run_append(&t->course, run, n);
    t->end += n;
}

/* Ticks of one kind. Where some stand for more or less than their interval they are placed singly.
 */
static void place_ticks(const struct ticks *ticks, struct report_thread *t, struct report_run run,
                        uint32_t first, uint32_t n)
{
    if (ticks->scene->reader->range.due == NULL) {
        run_place(t, run, tick_end(ticks, first) - 1, n);
        return;
    }
    for (uint32_t k = first; k < first + n; k++) {
        const uint64_t due = tick_due(ticks, k), end = tick_end(ticks, k);
        run_place(t, run, end > due ? end - due : 0, due);
    }
}

/* ---- CPU ---- */

__extension__ typedef unsigned __int128 wide;

/* Is a / b less than c / d? */
static bool is_less(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    return (wide)a * d < (wide)c * b;
}

/*
 * Add to the last window, if what it then gives to its first intervals, rounded down, is still true
 * at each border of samples in it: of q quanta after k intervals, q / k <= rate < (q + 1) / k.
 */
static bool window_widen(struct report_course *c, uint64_t cpu_q, uint64_t n)
{
    struct report_window *const last = c->n_windows > 0 ? &c->windows[c->n_windows - 1] : NULL;
    if (last == NULL || n > UINT32_MAX - last->n)
        return false;
    const uint64_t sum = last->cpu_q + cpu_q, len = last->n + n;
    if (is_less(sum, len, c->min_q, c->min_n) || !is_less(sum, len, c->max_q, c->max_n))
        return false;
    last->cpu_q = sum;
    last->n = (uint32_t)len;
    c->min_q = sum;
    c->min_n = len;
    if (is_less(sum + 1, len, c->max_q, c->max_n)) {
        c->max_q = sum + 1;
        c->max_n = len;
    }
    return true;
}

static void window_begin(struct report_course *c, uint64_t cpu_q, uint64_t n)
{
    c->windows = memory_grow(c->windows, &c->windows_size, c->n_windows + 1, sizeof *c->windows);
    c->windows[c->n_windows++] = (struct report_window){cpu_q, (uint32_t)n};
    c->min_q = cpu_q;
    c->max_q = cpu_q + 1;
    c->min_n = c->max_n = n;
}

static void cpu_add(struct report_course *c, const struct span *span, uint64_t cpu_q, uint64_t at)
{
    const bool takes =
        state_gets_cpu(state_class(span->state)) && span->ticks > 0 && span->ticks <= UINT32_MAX;
    if (takes) {
        if (!window_widen(c, cpu_q, span->ticks))
            window_begin(c, cpu_q, span->ticks);
    } else if (cpu_q > 0) {
        c->carries =
            memory_grow(c->carries, &c->carries_size, c->n_carries + 1, sizeof *c->carries);
        c->carries[c->n_carries++] = (struct report_carry){at, cpu_q};
    }
}

/* ---- the GIL ---- */

static void hold_append(struct report_process *p, uint32_t thread, uint64_t n)
{
    struct report_hold *const last = p->n_holds > 0 ? &p->holds[p->n_holds - 1] : NULL;
    if (n == 0)
        return;
    p->held += n;
    if (last != NULL && last->thread == thread && last->n <= UINT32_MAX - n) {
        last->n += (uint32_t)n;
        return;
    }
    p->holds = memory_grow(p->holds, &p->holds_size, p->n_holds + 1, sizeof *p->holds);
    p->holds[p->n_holds++] = (struct report_hold){thread, (uint32_t)n};
}

/* `numbers` are those of the range's threads in the report; + 1, 0 = not selected. */
static void take_holders(const struct ticks *ticks, const uint32_t *numbers)
{
    struct report_process *const p = ticks->process;
    const struct scene *const scene = ticks->scene;
    for (size_t h = 0; h < scene->n_holders; h++) {
        const uint32_t first = scene->holders[h].first, who = scene->holders[h].thread;
        const uint32_t end =
            h + 1 < scene->n_holders ? scene->holders[h + 1].first : scene->n_ticks;
        if (first >= end)
            continue;
        const uint64_t until = tick_end(ticks, end - 1);
        const uint64_t due = tick_due(ticks, first), begins = tick_end(ticks, first);
        const uint64_t from = begins > due ? begins - due : 0;
        if (from > p->held)
            hold_append(p, 0, from - p->held);
        if (until > p->held)
            hold_append(p, who == SCENE_NOBODY ? 0 : numbers[who], until - p->held);
    }
}

/* ---- reading ---- */

static void take_thread(const struct ticks *ticks, struct report_thread *t,
                        struct report_scopes *scopes, struct scene *scene,
                        const struct scene_thread *seen)
{
    for (size_t i = 0; i < seen->n_spans; i++) {
        const struct span *const span = &seen->spans[i];
        const enum state_halt halt = state_halt(span->state);
        const struct report_run run = {
            .node = scene_node(scene, span->stack),
            .call = (uint16_t)(halt != HALT_NONE ? scene_call_named(scene, state_halt_name(halt))
                                                 : scene_call(scene, span)),
            .scope = report_scope_of(scopes, scene, span) % REPORT_SCOPES_MAX,
            .class = state_shown(span->state),
            .gc = (span->state & STATE_IN_GC) != 0,
        };
        /* a process has one quantum, in all recordings of today */
        const uint64_t quantum_ns = scene->reader->quantum_ns, ours_ns = ticks->process->quantum_ns;
        cpu_add(&t->course, span,
                quantum_ns == ours_ns ? span->given_q : span->given_q * quantum_ns / ours_ns,
                tick_end(ticks, span->first) - 1);
        place_ticks(ticks, t, run, span->first, span->n);
    }
}

static void take_range(void *closure, struct scene *scene)
{
    struct report *const report = closure;
    const struct select *const select = report->select;
    const uint32_t process = process_index(report, scene->process);
    uint32_t *const numbers = memory_get(scene->n_threads * sizeof *numbers);
    const struct ticks ticks = ticks_open(&report->processes[process], scene);
    report_scope_enter(&report->scopes, scene);
    for (size_t i = 0; i < scene->n_threads; i++) {
        const struct thread *const thread = scene->threads[i].thread;
        if (!select_has_thread(select, thread->name, thread->os_tid))
            continue;
        numbers[i] = thread_index(report, thread, process) + 1;
        struct report_thread *const t = &report->threads[numbers[i] - 1];
        take_thread(&ticks, t, &report->scopes, scene, &scene->threads[i]);
        if (t->end > ticks.process->end)
            ticks.process->end = t->end;
    }
    if (report->bin == 0)
        note_odd_ticks(&ticks);
    take_holders(&ticks, numbers);
    free(numbers);
    report_thin_step(report);
}

void report_build(struct report *report, struct trace *trace, const struct select *select)
{
    report->select = select;
    report->scene.expressions = true;
    scene_run(&report->scene, trace, select, take_range, report);
    report_thin_end(report);
    report_phases_read(report, trace);
}
