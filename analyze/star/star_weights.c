/* SPDX-License-Identifier: MIT */
/* The table weights: what a profile adds up, bin by bin. */
#include "star_part.h"

#include "analyze/base/memory.h"
#include "analyze/model/carry.h"
#include "analyze/read/trace_run.h"
#include "analyze/weigh/sheet.h"

#include <stdlib.h>
#include <string.h>

/* The weights of a thread in a bin, by stack of the unit + 1, in ns. */
struct thread_sheets {
    struct sheet by[CLASS_COUNT];
};

struct bin {
    int64_t start;
    struct arena arena;
    struct thread_sheets *threads; /* as in the unit's facts */
    size_t n_threads, threads_size;
};

struct weighing {
    struct star *star;
    struct problem *why;
    enum status status;
    size_t n_opened; /* recordings whose file is open, or was */

    struct bin *bins; /* of the open range; the first may go on from the one before */
    size_t n_bins, bins_size;
    struct star_pieces pieces;

    uint64_t *stacks; /* keys of the unit's stacks, by number + 1; 0 = not asked for yet */
    size_t n_stacks, stacks_size;
    uint64_t *locations; /* likewise */
    size_t n_locations, locations_size;
    struct carry *carries; /* of threads of the process, by index; in ns */
    size_t carries_size;
    struct span spans[RANGE_ROOM];
};

/* ---- keys of a unit's stacks ---- */

static uint64_t location_key(struct weighing *w, const struct dict *dict, uint32_t location)
{
    uint64_t *const key = &w->locations[location];
    if (*key == 0) {
        struct star_key *const keys = &w->star->key;
        const struct dict_location *const l = &dict->locations[location];
        const struct dict_function *const f = &dict->functions[l->function];
        *key = star_key_location(keys, star_key_function(keys, f->name, f->file, f->line), l->line);
    }
    return *key;
}

static uint64_t new_key(struct weighing *w, const struct dict *dict, uint32_t stack)
{
    struct star_key *const keys = &w->star->key;
    if (stack == DICT_STACK_LOST)
        return star_key_stack(keys, 0, location_key(w, dict, 0));
    if (stack == 0)
        return star_key_stack(
            keys, 0, star_key_location(keys, star_key_function(keys, DICT_NO_FRAMES, "", 0), 0));
    const struct dict_stack *const s = &dict->stacks[stack];
    return star_key_stack(keys, s->parent == 0 ? 0 : w->stacks[s->parent + 1],
                          location_key(w, dict, s->location));
}

/* Callers first: as many as are not known, from the one nearest to the root. */
static uint64_t stack_key(struct weighing *w, const struct dict *dict, uint32_t stack)
{
    while (w->stacks[stack + 1] == 0) {
        uint32_t at = stack;
        while (at != 0 && at != DICT_STACK_LOST && dict->stacks[at].parent != 0 &&
               w->stacks[dict->stacks[at].parent + 1] == 0)
            at = dict->stacks[at].parent;
        w->stacks[at + 1] = new_key(w, dict, at);
    }
    return w->stacks[stack + 1];
}

static uint64_t *reserve(uint64_t *list, size_t *n, size_t *size, size_t wanted)
{
    list = memory_grow(list, size, wanted, sizeof *list);
    if (wanted > *n)
        memset(list + *n, 0, (wanted - *n) * sizeof *list);
    *n = wanted > *n ? wanted : *n;
    return list;
}

static void reserve_keys(struct weighing *w, const struct dict *dict)
{
    w->stacks = reserve(w->stacks, &w->n_stacks, &w->stacks_size, dict->n_stacks + 1);
    w->locations = reserve(w->locations, &w->n_locations, &w->locations_size, dict->n_locations);
}

/* ---- rows ---- */

static void write_weight(struct weighing *w, const struct bin *bin, uint64_t thread,
                         enum state_class class, uint64_t stack, const struct weight *weight)
{
    struct star *const star = w->star;
    star_number(star, bin->start);
    star_key(star, thread);
    star_key(star, stack);
    star_text(star, state_class_name(class));
    if (class == CLASS_ON_CPU || class == CLASS_KERNEL) /* else not known, or no question */
        star_number(star, class == CLASS_KERNEL);
    else
        star_nothing(star);
    star_count(star, weight->samples);
    star_count(star, weight->ticks);
    star_count(star, weight->wall);
    star_count(star, weight->cpu);
    star_end(star);
}

static void write_sheet(struct weighing *w, const struct bin *bin, uint64_t thread,
                        enum state_class class, const struct dict *dict, const struct sheet *sheet)
{
    struct sheet_page page = {0};
    while (sheet_next_page(sheet, &page)) {
        for (uint32_t i = 0; i < SHEET_PAGE; i++) {
            if (page.weights[i].samples > 0)
                write_weight(w, bin, thread, class, stack_key(w, dict, page.first + i - 1),
                             &page.weights[i]);
        }
    }
}

/* Hand out what is in the first bins, and forget it. */
static void write_bins(struct weighing *w, const struct unit_reader *reader, size_t n)
{
    struct trace *const trace = w->star->trace;
    struct process *const process =
        census_process(&trace->census, reader->unit->recording, reader->unit->process);
    for (size_t b = 0; b < n; b++) {
        struct bin *const bin = &w->bins[b];
        for (size_t t = 0; t < bin->n_threads && w->status == STATUS_OK; t++) {
            const uint64_t thread = star_thread_key(
                w->star, census_thread(&trace->census, process, reader->facts.threads[t].id));
            for (int c = 0; c < CLASS_COUNT; c++)
                write_sheet(w, bin, thread, (enum state_class)c, &reader->dict,
                            &bin->threads[t].by[c]);
        }
        arena_reset(&bin->arena);
        if (bin->n_threads > 0)
            memset(bin->threads, 0, bin->n_threads * sizeof *bin->threads);
        bin->n_threads = 0;
    }
    for (size_t b = n; b < w->n_bins; b++) { /* they take the place of those that are done with */
        const struct bin done = w->bins[b - n];
        w->bins[b - n] = w->bins[b];
        w->bins[b] = done;
    }
    w->n_bins -= n;
}

/* ---- reading ---- */

/* A bin for each piece of the range; the last one before goes on, or is done with. */
static void begin_bins(struct weighing *w, const struct unit_reader *reader)
{
    star_pieces_of(&w->pieces, w->star, reader);
    if (w->n_bins > 0 && w->pieces.n > 0 && w->bins[0].start != w->pieces.list[0].bin)
        write_bins(w, reader, 1);
    w->bins = memory_grow(w->bins, &w->bins_size, w->pieces.n, sizeof *w->bins);
    for (; w->n_bins < w->pieces.n; w->n_bins++)
        w->bins[w->n_bins].start = w->pieces.list[w->n_bins].bin;
}

static struct sheet *sheet_of(struct bin *bin, size_t thread, enum state_class class)
{
    bin->threads = memory_grow(bin->threads, &bin->threads_size, thread + 1, sizeof *bin->threads);
    if (thread >= bin->n_threads)
        bin->n_threads = thread + 1;
    return &bin->threads[thread].by[class];
}

/* The ticks first .. end - 1 of a span; their share of its time, and all of its CPU with the first.
 */
static void add_piece(struct weighing *w, const struct range *range, size_t piece, size_t thread,
                      const struct span *span, uint32_t first, uint32_t end, uint64_t cpu_ns)
{
    struct bin *const bin = &w->bins[piece];
    const bool whole = end - first == span->n;
    struct weight *const weight =
        sheet_at(sheet_of(bin, thread, state_part(span->state)), &bin->arena, span->stack + 1);
    weight->samples += end - first;
    weight->ticks += whole ? span->ticks : range_ticks(range, first, end - first);
    weight->wall +=
        (whole ? span->wall_q : range_wall_q(range, first, end - first)) * range->quantum_ns;
    weight->cpu += cpu_ns;
}

static void add_span(struct weighing *w, const struct range *range, size_t thread,
                     struct carry *carry, const struct span *span)
{
    uint64_t cpu_ns = carry_take(carry, state_part(span->state), span->given_q * range->quantum_ns);
    const uint32_t span_end = span->first + span->n;
    for (size_t p = 0; p < w->pieces.n; p++) {
        const struct star_piece *const piece = &w->pieces.list[p];
        const uint32_t first = span->first > piece->first ? span->first : piece->first;
        const uint32_t end = span_end < piece->end ? span_end : piece->end;
        if (first >= end)
            continue;
        add_piece(w, range, p, thread, span, first, end, cpu_ns);
        cpu_ns = 0;
    }
}

static struct carry *carry_of(struct weighing *w, const struct thread *thread)
{
    w->carries = memory_grow(w->carries, &w->carries_size, thread->index + 1, sizeof *w->carries);
    return &w->carries[thread->index];
}

static void add_range(struct weighing *w, struct unit_reader *reader)
{
    const struct select *const select = &w->star->request->select;
    struct census *const census = &w->star->trace->census;
    struct process *const process =
        census_process(census, reader->unit->recording, reader->unit->process);
    struct range_thread thread = {0};
    begin_bins(w, reader);
    while (range_next_thread(&reader->range, &thread)) {
        const size_t index = facts_thread_index(&reader->facts, thread.id);
        const struct thread *const who = census_thread(census, process, thread.id);
        struct carry *const carry = carry_of(w, who);
        size_t n;
        if (!select_has_thread(select, who->name, who->os_tid))
            continue;
        while ((n = range_spans(&reader->range, &thread, w->spans, RANGE_ROOM)) > 0) {
            for (size_t i = 0; i < n; i++)
                add_span(w, &reader->range, index, carry, &w->spans[i]);
        }
    }
    if (w->n_bins > 1)
        write_bins(w, reader, w->n_bins - 1);
}

/* Files come in the order of the recordings, also for those without samples. */
static void open_until(struct weighing *w, const struct recording *recording)
{
    struct star *const star = w->star;
    while (w->status == STATUS_OK && w->n_opened < star->n_recordings &&
           (w->n_opened == 0 || star->recordings[w->n_opened - 1] != recording))
        w->status = star_open(star, STAR_WEIGHTS, w->n_opened++, w->why);
}

static void read_unit(void *closure, size_t worker, struct unit_reader *reader)
{
    struct weighing *const w = closure;
    uint32_t pid;
    (void)worker;
    if (reader->unit->process == 0 || w->status != STATUS_OK ||
        (w->star->request->select.n_pids > 0 &&
         (!unit_pid(reader, &pid) || !select_has_pid(&w->star->request->select, pid))))
        return;
    open_until(w, reader->unit->recording);
    w->n_stacks = w->n_locations = 0;
    while (w->status == STATUS_OK && unit_next_range(reader)) {
        reserve_keys(w, &reader->dict);
        add_range(w, reader);
    }
    write_bins(w, reader, w->n_bins);
}

enum status star_write_weights(struct star *star, struct problem *why)
{
    struct weighing *const w = memory_get(sizeof *w);
    const struct trace_job job = {read_unit, NULL, w};
    *w = (struct weighing){.star = star, .why = why};
    trace_run_again(star->trace, &job);
    open_until(w, NULL);
    const enum status status = w->status;
    for (size_t i = 0; i < w->bins_size; i++) {
        arena_clear(&w->bins[i].arena);
        free(w->bins[i].threads);
    }
    free(w->bins);
    free(w->pieces.list);
    free(w->stacks);
    free(w->locations);
    free(w->carries);
    free(w);
    return status;
}
