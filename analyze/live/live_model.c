/* SPDX-License-Identifier: MIT */
#include "live_model.h"

#include "analyze/base/memory.h"

#include <stdlib.h>
#include <string.h>

#define THERE_NS (SECOND_NS / 10)

void live_model_clear(struct live_model *model)
{
    arena_clear(&model->arena);
    *model = (struct live_model){0};
}

bool live_is_found(const struct live_wish *wish, const char *text)
{
    return wish->find[0] == '\0' || strcasestr(text, wish->find) != NULL;
}

/* ---- the machine ---- */

static void fill_gil(struct live_model *model, const struct recent *recent)
{
    uint64_t wall_ns = 0, held_ns = 0, waits_ns = 0, gc_ns = 0;
    for (uint64_t s = model->from; s < model->to; s++) {
        const struct recent_second *const second = recent_second(recent, s);
        for (size_t i = 0; second != NULL && i < second->n_gils; i++) {
            const struct recent_gil *const gil = &second->gils[i];
            model->gil_known = model->gil_known || gil->known;
            wall_ns += gil->wall_ns;
            held_ns += gil->held_ns;
            waits_ns += gil->waits_ns;
            gc_ns += gil->gc_ns;
        }
    }
    if (wall_ns == 0)
        return;
    model->held = (double)held_ns / (double)wall_ns;
    model->gc = (double)gc_ns / (double)wall_ns;
    model->waiting = (double)waits_ns / (double)((model->to - model->from) * SECOND_NS);
}

static void fill_recording(struct live_model *model, const struct live *live)
{
    const struct census *const census = &live->trace->census;
    const struct recording *const first = census->recordings[0];
    uint64_t cost_ns = 0, longest_ns = 0;
    bool known = false;
    for (size_t i = 0; i < census->n_processes; i++) {
        const struct process *const p = census->processes[i];
        known = known || p->account_known;
        cost_ns += p->account.sampler_cpu_ns + p->account.handler_ns;
        const uint64_t lived_ns = p->last_ns > p->start_ns ? p->last_ns - p->start_ns : 0;
        longest_ns = lived_ns > longest_ns ? lived_ns : longest_ns;
    }
    model->n_cpus = first->cpu_count;
    model->rate = first->interval_ns > 0 ? 1e9 / (double)first->interval_ns : 0;
    model->cost = known && longest_ns > 0 ? (double)cost_ns / (double)longest_ns : -1;
}

/* ---- threads ---- */

/* Running, or ready for a CPU. */
static uint64_t running_ns(const uint64_t by[CLASS_COUNT])
{
    return by[CLASS_ON_CPU] + by[CLASS_KERNEL] + by[CLASS_EITHER] + by[CLASS_READY];
}

static struct live_second strip_second(const struct recent_thread *t, uint64_t second)
{
    const struct recent_cell *const cell = recent_cell(t, second);
    uint64_t all_ns = 0;
    for (int c = 0; cell != NULL && c < CLASS_COUNT; c++)
        all_ns += cell->wall_ns[c];
    if (all_ns == 0)
        return (struct live_second){0};
    const float all = (float)all_ns;
    return (struct live_second){
        .on_cpu = (float)running_ns(cell->wall_ns) / all,
        .gil = (float)cell->wall_ns[CLASS_WAITS_GIL] / all,
        .blocked = (float)(cell->wall_ns[CLASS_BLOCKED] + cell->wall_ns[CLASS_UNKNOWN]) / all,
        .seen = true};
}

/* Whom it waited for most in the window. */
static const struct thread *waited_for(const struct live_model *model, const struct thread *thread)
{
    const struct thread *most = NULL;
    uint64_t most_ns = 0;
    size_t n;
    const struct gil_entry *const pairs = live_gil_of(model, thread, &n);
    for (size_t i = 0; i < n; i++) {
        if (pairs[i].holder != NULL && pairs[i].amount.waited_ns > most_ns) {
            most_ns = pairs[i].amount.waited_ns;
            most = pairs[i].holder;
        }
    }
    return most;
}

static void fill_now(struct live_thread_row *row, const struct live *live,
                     const struct live_model *model, const struct recent_thread *t)
{
    row->state = state_class(t->state);
    row->halt = state_halt(t->state);
    row->node = t->node;
    row->frame = scene_frame(&live->scene, t->node);
    row->call =
        t->call != SCENE_NO_CALL && row->halt == HALT_NONE ? live->scene.calls[t->call] : "";
    /* seen at the end of the window, or of what there is of it */
    const uint64_t end_ns = model->to * SECOND_NS, last_ns = t->thread->process->last_ns;
    const uint64_t interval_ns = live->trace->census.recordings[0]->interval_ns;
    const uint64_t late_ns = 2 * interval_ns > THERE_NS ? 2 * interval_ns : THERE_NS;
    row->is_there = t->at_ns + late_ns >= (last_ns < end_ns ? last_ns : end_ns);
}

static bool fill_thread(struct live_thread_row *row, const struct live *live,
                        const struct live_model *model, const struct recent_thread *t)
{
    uint64_t by[CLASS_COUNT] = {0};
    *row = (struct live_thread_row){.thread = t->thread, .name = t->thread->name, .n = 1};
    for (uint64_t s = model->from; s < model->to; s++) {
        const struct recent_cell *const cell = recent_cell(t, s);
        for (int c = 0; cell != NULL && c < CLASS_COUNT; c++) {
            by[c] += cell->wall_ns[c];
            row->wall_ns += cell->wall_ns[c];
        }
        row->cpu_ns += cell != NULL ? cell->cpu_ns : 0;
    }
    for (uint32_t i = 0; i < LIVE_STRIP; i++) {
        if (model->to + i >= LIVE_STRIP)
            row->strip[i] = strip_second(t, model->to + i - LIVE_STRIP);
    }
    if (row->wall_ns == 0)
        return false;
    const double wall = (double)row->wall_ns;
    row->cpu = (double)row->cpu_ns / (double)((model->to - model->from) * SECOND_NS);
    row->on_cpu = (double)running_ns(by) / wall;
    row->gil = (double)by[CLASS_WAITS_GIL] / wall;
    row->blocked = (double)(by[CLASS_BLOCKED] + by[CLASS_UNKNOWN]) / wall;
    row->waits_for = by[CLASS_WAITS_GIL] > 0 ? waited_for(model, t->thread) : NULL;
    fill_now(row, live, model, t);
    row->doing[row->state] = row->is_there;
    return true;
}

static int compare_threads(const void *left, const void *right, void *closure)
{
    const enum live_order order = *(const enum live_order *)closure;
    const struct live_thread_row *const a = left, *const b = right;
    const double x[] = {a->cpu, a->gil, a->blocked, 0}, y[] = {b->cpu, b->gil, b->blocked, 0};
    if (order != LIVE_BY_NAME && x[order] != y[order])
        return x[order] < y[order] ? 1 : -1;
    const int by_name = strcmp(a->name, b->name);
    return by_name != 0
               ? by_name
               : (a->thread->index > b->thread->index) - (a->thread->index < b->thread->index);
}

static void fill_threads(struct live_model *model, const struct live *live,
                         const struct recent *recent, const struct live_wish *wish)
{
    enum live_order order = wish->order;
    model->threads = arena_get(&model->arena, (recent->n_threads + 1) * sizeof *model->threads);
    for (size_t i = 0; i < recent->n_threads; i++) {
        const struct recent_thread *const t = recent->threads[i];
        struct live_thread_row *const row = &model->threads[model->n_threads];
        if (t == NULL || !fill_thread(row, live, model, t))
            continue;
        model->cpus += row->cpu;
        model->n_seen++;
        model->n_threads +=
            live_in_group(&model->arena, wish, t->thread) &&
            (live_is_found(wish, t->thread->name) || live_is_found(wish, row->frame.function));
    }
    model->n_found = model->n_threads;
    if (wish->groups && wish->group[0] == '\0')
        live_group_rows(model, recent->n_threads);
    qsort_r(model->threads, model->n_threads, sizeof *model->threads, compare_threads, &order);
}

void live_model_fill(struct live_model *model, const struct live *live, const struct recent *recent,
                     const struct live_wish *wish)
{
    struct arena arena = model->arena;
    arena_reset(&arena);
    *model = (struct live_model){.arena = arena, .to = wish->to};
    model->from = wish->to > wish->window ? wish->to - wish->window : 0;
    fill_recording(model, live);
    if (model->from == model->to)
        return;
    fill_gil(model, recent);
    live_gil_pairs(model, recent);
    if (wish->matrix)
        live_gil_matrix(model, recent, wish->groups);
    fill_threads(model, live, recent, wish);
    live_fill_places(model, live, recent, wish);
}
