/* SPDX-License-Identifier: MIT */
/* The tables stalls, gil, phases and marks. */
#include "star_part.h"

#include "analyze/stalls/stall_tell.h"
#include "analyze/time/gil.h"

#include <stdlib.h>

/* ---- stalls ---- */

static void write_stall(struct star *star, const struct stall *stall)
{
    const struct scene *const scene = &star->scene;
    const uint32_t node = stall_where(&star->stalls, stall), call = stall_call(stall);
    const uint64_t on_cpu_ns = stall->class_ns[CLASS_ON_CPU] + stall->class_ns[CLASS_KERNEL] +
                               stall->class_ns[CLASS_EITHER];
    star_key(star, star_thread_key(star, stall->thread));
    star_time(star, stall->begin_ns);
    star_number(star, recording_unix_ns(star->recording, stall->begin_ns) +
                          (int64_t)stall_length_ns(stall));
    star_count(star, stall_unseen_ns(stall));
    star_text(star, stall_cause(stall));
    star_key(star, node != TREE_ROOT
                       ? star_known_key(star, &scene->symbols, scene->tree.nodes[node].place)
                       : 0);
    star_text(star, call != SCENE_NO_CALL ? scene->calls[call] : NULL);
    star_number(star, stall->open);
    star_number(star, stall->several);
    star_count(star, stall->samples);
    star_count(star, stall->cpu_ns);
    star_count(star, on_cpu_ns);
    star_count(star, stall->class_ns[CLASS_READY]);
    star_count(star, stall->class_ns[CLASS_WAITS_GIL]);
    star_count(star, stall->class_ns[CLASS_BLOCKED]);
    star_count(star, stall->class_ns[CLASS_UNKNOWN]);
    star_end(star);
}

static enum status write_stalls(struct star *star, struct problem *why)
{
    for (size_t r = 0; r < star->n_recordings; r++) {
        TRY(star_open(star, STAR_STALLS, r, why));
        star_learn_known(star);
        for (size_t i = 0; i < star->stalls.n; i++) {
            if (star->stalls.list[i].thread->process->recording == star->recording)
                write_stall(star, &star->stalls.list[i]);
        }
    }
    return STATUS_OK;
}

/* ---- the GIL ---- */

struct waiting {
    struct star *star;
    struct problem *why;
    enum status status;
    size_t n_opened;
    struct gil gil; /* of a bin */
    int64_t bin;
    struct star_pieces pieces;
};

static void write_waits(struct waiting *w)
{
    struct star *const star = w->star;
    for (size_t i = 0; i < w->gil.n; i++) {
        const struct gil_entry *const e = &w->gil.entries[i];
        if (e->kind != GIL_WAITS)
            continue;
        star_number(star, w->bin);
        star_key(star, star_thread_key(star, e->waiter));
        star_key(star, star_thread_key(star, e->holder));
        star_key(star, e->place != GIL_NO_PLACE
                           ? star_known_key(star, &star->scene.symbols, e->place)
                           : 0);
        star_count(star, e->amount.samples);
        star_count(star, e->amount.ticks);
        star_count(star, e->amount.waited_ns);
        star_count(star, e->longest_ns);
        star_end(star);
    }
    gil_clear(&w->gil);
    gil_select(&w->gil, &star->request->select);
}

/* As of weights: all files, in order. */
static void open_until(struct waiting *w, const struct recording *recording)
{
    struct star *const star = w->star;
    while (w->status == STATUS_OK && w->n_opened < star->n_recordings &&
           (w->n_opened == 0 || star->recordings[w->n_opened - 1] != recording)) {
        write_waits(w);
        w->status = star_open(star, STAR_GIL, w->n_opened++, w->why);
        star_learn_known(star);
    }
}

static void take_range(void *closure, struct scene *scene)
{
    struct waiting *const w = closure;
    open_until(w, scene->reader->unit->recording);
    star_pieces_of(&w->pieces, w->star, scene->reader);
    for (size_t i = 0; i < w->pieces.n && w->status == STATUS_OK; i++) {
        const struct star_piece *const piece = &w->pieces.list[i];
        if (piece->bin != w->bin)
            write_waits(w);
        w->bin = piece->bin;
        gil_take_ticks(&w->gil, scene, piece->first, piece->end);
    }
}

bool star_anybody_waited(const struct star *star)
{
    for (size_t i = 0; i < star->profile->n_threads; i++) {
        if (star->profile->threads[i]->total.by[CLASS_WAITS_GIL].samples > 0)
            return true;
    }
    return false;
}

static enum status write_gil(struct star *star, struct problem *why)
{
    struct waiting w = {.star = star, .why = why};
    gil_select(&w.gil, &star->request->select);
    if (star_anybody_waited(star))
        scene_run(&star->scene, star->trace, &star->request->select, take_range, &w);
    open_until(&w, NULL);
    if (w.status == STATUS_OK && w.n_opened > 0)
        write_waits(&w);
    gil_clear(&w.gil);
    free(w.pieces.list);
    return w.status;
}

/* ---- what the program said ---- */

static uint64_t key_of_id(struct star *star, const struct process *process, uint32_t id)
{
    return star_thread_key(star, census_find_thread(process, id));
}

/* Has it to do with the range of time that was asked for? */
static bool in_window(const struct star *star, uint64_t from_ns, uint64_t to_ns)
{
    const struct window window = star->trace->window;
    return from_ns < window.to_ns && to_ns >= window.from_ns;
}

static void write_phases(struct star *star, const struct process *process)
{
    for (size_t i = 0; i < process->n_phases; i++) {
        const struct phase *const phase = &process->phases[i];
        if (!in_window(star, phase->begin_ns, phase->end_ns))
            continue;
        star_key(star, star_process_key(star, process));
        star_count(star, phase->number);
        star_key(star, phase->up);
        star_key(star, key_of_id(star, process, phase->thread));
        star_text(star, phase->label ? "label" : "phase");
        star_text(star, phase->name);
        star_text(star, phase->value);
        star_time(star, phase->begin_ns);
        if (phase->end_ns != PHASE_OPEN)
            star_time(star, phase->end_ns);
        else
            star_nothing(star);
        star_end(star);
    }
}

static void write_marks(struct star *star, const struct process *process)
{
    for (size_t i = 0; i < process->n_marks; i++) {
        const struct program_mark *const mark = &process->marks[i];
        if (!in_window(star, mark->time_ns, mark->time_ns))
            continue;
        star_key(star, star_process_key(star, process));
        star_key(star, key_of_id(star, process, mark->thread));
        star_time(star, mark->time_ns);
        star_text(star, mark->text);
        star_end(star);
    }
}

static enum status write_said(struct star *star, struct problem *why)
{
    const struct census *const census = &star->trace->census;
    for (size_t r = 0; r < star->n_recordings; r++) {
        TRY(star_open(star, STAR_PHASES, r, why));
        for (size_t i = 0; i < census->n_processes; i++) {
            if (star_has_process(star, census->processes[i]))
                write_phases(star, census->processes[i]);
        }
        TRY(star_open(star, STAR_MARKS, r, why));
        for (size_t i = 0; i < census->n_processes; i++) {
            if (star_has_process(star, census->processes[i]))
                write_marks(star, census->processes[i]);
        }
    }
    return STATUS_OK;
}

enum status star_write_happened(struct star *star, struct problem *why)
{
    TRY(write_stalls(star, why));
    TRY(write_gil(star, why));
    return write_said(star, why);
}
