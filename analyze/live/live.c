/* SPDX-License-Identifier: MIT */
#include "live.h"

#include "analyze/base/memory.h"
#include "analyze/base/now.h"
#include "analyze/idle/idle_learn.h"
#include "analyze/read/trace_run.h"
#include "analyze/read/unit.h"
#include "analyze/stalls/idle_tell.h"
#include "analyze/stalls/stall_find.h"

#include <stdlib.h>
#include <string.h>

#define WRITES_NS (5 * SECOND_NS) /* who wrote nothing for so long holds up nobody */

static void count_damage(void *closure, const char *path, const struct damage *damage)
{
    struct live *const live = closure;
    (void)path;
    (void)damage;
    live->n_damages++;
}

/* ---- reading ---- */

/* While a unit is weighed its names are the scene's: both number places alike. */
static void enter_unit(void *closure, struct profile *profile, struct unit_reader *reader)
{
    struct live *const live = closure;
    live->scene.symbols = profile->symbols;
    scene_enter(&live->scene, live->trace, reader);
}

static void see_range(void *closure)
{
    struct live *const live = closure;
    if (scene_load(&live->scene))
        recent_take(&live->recent, &live->scene);
}

static void leave_unit(void *closure, struct profile *profile)
{
    const struct live *const live = closure;
    profile->symbols = live->scene.symbols;
}

static void show_total(struct live *live)
{
    running_lend(&live->running, &live->total);
    live->scene.symbols = live->total.symbols;
}

/* What the scene found meanwhile goes with it. */
static void take_back_total(struct live *live)
{
    live->total.symbols = live->scene.symbols;
    running_take_back(&live->running, &live->total);
    live->scene.symbols = (struct symbols){0};
}

/* Is there so much before the newest generations that only these are read? */
static bool is_long(const struct trace *trace)
{
    size_t n = 0;
    for (size_t i = 0; i < trace->n_units; i++)
        n += trace_unit_newest(trace, i) ? 0 : trace->units[i].n_chunks;
    return n > LIVE_WHOLE_CHUNKS;
}

/* When the first of the newest generations began. */
static uint64_t newest_ns(const struct trace *trace)
{
    uint64_t from_ns = UINT64_MAX;
    for (size_t i = 0; i < trace->n_units; i++) {
        const struct unit *const unit = &trace->units[i];
        if (!trace_unit_newest(trace, i) || unit->process == 0)
            continue;
        const struct chunk_place *const first =
            chunk_file_get(trace->files[unit->chunks[0].file].chunks, unit->chunks[0].chunk);
        const uint64_t first_ns = first->header.t_first_ns + unit->recording->shift_ns;
        from_ns = first_ns < from_ns ? first_ns : from_ns;
    }
    return from_ns != UINT64_MAX ? from_ns : 0;
}

static enum status open_trace(struct live *live, struct problem *why)
{
    static const struct select all = {0};
    TRY(trace_open_growing(&live->trace, &live->path, 1, count_damage, live, why));
    live->trace->native = DICT_NATIVE_HIDE; /* its tables are of Python lines */
    live->watch = (struct profile_watch){enter_unit, see_range, leave_unit, live};
    live->running.whole.watch = &live->watch;
    live->running.whole.flat = true;
    live->running.newest_only = is_long(live->trace);
    live->total_from_ns = live->running.newest_only ? newest_ns(live->trace) : 0;
    running_open(&live->running, live->trace, &all, 1);
    show_total(live);
    return STATUS_OK;
}

enum status live_open(struct live *live, const char *path, struct problem *why)
{
    *live = (struct live){.path = path};
    return open_trace(live, why);
}

static void forget(struct live *live)
{
    if (live->trace != NULL)
        take_back_total(live);
    profile_clear(&live->base);
    running_clear(&live->running);
    recent_clear(&live->recent);
    scene_clear(&live->scene);
    arena_clear(&live->stall_texts);
    trace_close(live->trace);
    const char *const path = live->path;
    *live = (struct live){.path = path};
}

void live_close(struct live *live)
{
    forget(live);
}

enum live_look live_look(struct live *live, struct problem *why)
{
    if (live->trace == NULL)
        return open_trace(live, why) == STATUS_OK ? LIVE_REPLACED : LIVE_GONE;
    const enum chunk_growth growth = trace_grow(live->trace);
    if (growth == CHUNK_GROWTH_NONE)
        return LIVE_SAME;
    if (growth == CHUNK_GROWTH_MORE) {
        take_back_total(live);
        const bool is_more = running_read(&live->running);
        show_total(live);
        if (is_more)
            return LIVE_MORE;
    }
    forget(live);
    return open_trace(live, why) == STATUS_OK ? LIVE_REPLACED : LIVE_GONE;
}

void live_reset_total(struct live *live)
{
    take_back_total(live);
    profile_clear(&live->base);
    running_show(&live->running, &live->base);
    live->base.symbols = (struct symbols){0};
    live->base.tree = (struct tree){0};
    show_total(live);
    live->total_from_ns = trace_end_ns(live->trace);
}

uint64_t live_now(const struct live *live)
{
    const struct census *const census = &live->trace->census;
    const uint64_t end_ns = trace_end_ns(live->trace);
    uint64_t least_ns = end_ns;
    for (size_t i = 0; i < census->n_processes; i++) {
        const struct process *const p = census->processes[i];
        if (p->ending.known || p->last_ns + WRITES_NS < end_ns)
            continue;
        least_ns = p->last_ns < least_ns ? p->last_ns : least_ns;
    }
    /* what ended ends in the middle of a second, and that is the last one */
    return least_ns / SECOND_NS + (trace_ended(live->trace) && least_ns % SECOND_NS != 0);
}

/* ---- the past ---- */

struct past {
    struct live *live;
    struct recent *recent;
};

static void read_past(void *closure, size_t worker, struct unit_reader *reader)
{
    const struct past *const past = closure;
    struct scene *const scene = &past->live->scene;
    (void)worker;
    scene_enter(scene, past->live->trace, reader);
    while (unit_next_range(reader)) {
        if (scene_load(scene))
            recent_take(past->recent, scene);
    }
}

void live_read_past(struct live *live, struct recent *past, uint64_t from, uint64_t to)
{
    struct past closure = {live, past};
    const struct trace_job job = {.read = read_past, .closure = &closure};
    recent_clear(past);
    trace_set_window(live->trace, (struct window){from * SECOND_NS, to * SECOND_NS});
    trace_run_again(live->trace, &job);
    trace_set_window(live->trace, WINDOW_ALL);
}

/* ---- stalls ---- */

static const char *keep_text(struct live *live, const char *text)
{
    return arena_copy(&live->stall_texts, text, strlen(text));
}

static struct live_stall stall_note(struct live *live, const struct scene *scene,
                                    const struct stall *stall)
{
    struct live_stall note = {
        .thread = stall->thread, .begin_ns = stall->begin_ns, .end_ns = stall->end_ns, .call = ""};
    for (int c = 0; c < CLASS_COUNT; c++) {
        if (stall->class_ns[c] > stall->class_ns[note.cause])
            note.cause = (enum state_class)c;
    }
    note.cause_ns = stall->class_ns[note.cause];
    note.open = stall->open;
    const struct stall_entry *const entry =
        stall_largest(stall, note.cause == CLASS_WAITS_GIL ? STALL_GIL
                             : note.cause == CLASS_BLOCKED ? STALL_CALL
                                                           : STALL_STACK);
    note.frame = (struct frame){.function = "", .file = ""};
    if (entry == NULL)
        return note;
    const struct frame frame = scene_frame(scene, entry->number);
    note.frame = (struct frame){keep_text(live, frame.function), keep_text(live, frame.file),
                                frame.line, frame.native};
    note.holder = note.cause == CLASS_WAITS_GIL ? entry->thread : NULL;
    if (note.cause == CLASS_BLOCKED && entry->call != SCENE_NO_CALL)
        note.call = keep_text(live, scene->calls[entry->call]);
    return note;
}

static int compare_notes(const void *left, const void *right)
{
    const struct live_stall *const a = left, *const b = right;
    return (a->begin_ns < b->begin_ns) - (a->begin_ns > b->begin_ns);
}

/* Of what was known stays what was over before this look began. */
static void take_stalls(struct live *live, const struct stalls *found, uint64_t from_ns)
{
    size_t kept = 0;
    for (size_t i = 0; i < live->n_stalls; i++) {
        if (live->stalls[i].begin_ns < from_ns) {
            live->stalls[kept] = live->stalls[i];
            live->stalls[kept++].open = false;
        }
    }
    qsort(live->stalls, kept, sizeof live->stalls[0], compare_notes);
    const size_t n_found =
        found->n_counted < LIVE_STALLS_MAX / 2 ? found->n_counted : LIVE_STALLS_MAX / 2;
    kept = kept < LIVE_STALLS_MAX - n_found ? kept : LIVE_STALLS_MAX - n_found;
    for (size_t i = 0; i < n_found; i++) {
        bool known = false; /* it had begun before the minute that was looked at */
        for (size_t k = 0; k < kept && !known; k++)
            known = live->stalls[k].thread == found->list[i].thread &&
                    live->stalls[k].end_ns >= found->list[i].begin_ns &&
                    live->stalls[k].begin_ns < from_ns;
        if (!known)
            live->stalls[kept++] = stall_note(live, found->scene, &found->list[i]);
    }
    live->n_stalls = kept;
    qsort(live->stalls, kept, sizeof live->stalls[0], compare_notes);
}

/* That none was found in a thread whose idle place is not known says nothing. */
static bool are_told(const struct idle *idle, const struct stalls *stalls,
                     const struct select *select)
{
    size_t n = 0;
    for (size_t i = 0; i < idle->n_threads; i++) {
        uint64_t ns;
        const struct idle_thread *const t = idle->threads[i];
        if (!idle_wants(idle, select, t->thread))
            continue;
        if (!idle_can_tell(t, 0, stalls_unsure(stalls, t->thread, &ns)))
            return false;
        n++;
    }
    return n > 0;
}

void live_find_stalls(struct live *live)
{
    const uint64_t now_ns = clock_ns(CLOCK_MONOTONIC), end_ns = trace_end_ns(live->trace);
    if (now_ns < live->stalls_next_ns || live->stalls_at_ns == end_ns)
        return;
    const uint64_t cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    const uint64_t span_ns = 60 * SECOND_NS, from_ns = end_ns > span_ns ? end_ns - span_ns : 0;
    const struct select all = {0};
    struct scene *const scene = &live->scene; /* places have the numbers that they have there */
    struct idle idle = {0};
    struct stalls stalls = {0};
    scene->again = true; /* the census has all facts already */
    trace_set_window(live->trace, (struct window){from_ns, UINT64_MAX});
    idle_learn(&idle, scene, live->trace, &all, NULL, 0, LIVE_STALL_NS);
    stalls_find(&stalls, &idle, live->trace, &all, LIVE_STALL_NS, NULL);
    stalls_detail(&stalls, live->trace, &all,
                  stalls.n_counted < LIVE_STALLS_MAX / 2 ? stalls.n_counted : LIVE_STALLS_MAX / 2);
    trace_set_window(live->trace, WINDOW_ALL);
    take_stalls(live, &stalls, from_ns);
    live->are_stalls_told = are_told(&idle, &stalls, &all);
    stalls_clear(&stalls);
    idle_clear(&idle);
    memory_trim();
    live->stalls_at_ns = end_ns;
    const uint64_t cost_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
    live->stalls_next_ns = now_ns + (cost_ns * 200 > 2 * SECOND_NS ? cost_ns * 200 : 2 * SECOND_NS);
}
