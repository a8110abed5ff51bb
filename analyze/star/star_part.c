/* SPDX-License-Identifier: MIT */
#include "star_part.h"

#include "analyze/base/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)

/* ---- rows ---- */

enum status star_open(struct star *star, enum star_table table, size_t recording,
                      struct problem *why)
{
    star->layout = &star_layouts[table];
    star->recording = star->recordings[recording];
    star->column = 0;
    return star->to->open(star->to, star->layout, star->names[recording], why);
}

void star_number(struct star *star, int64_t value)
{
    star->column++;
    star->to->number(star->to, value);
}

void star_count(struct star *star, uint64_t value)
{
    star_number(star, value <= INT64_MAX ? (int64_t)value : INT64_MAX);
}

void star_nothing(struct star *star)
{
    star->column++;
    star->to->nothing(star->to);
}

void star_text(struct star *star, const char *text)
{
    if (star->layout->columns[star->column].is_private)
        text = star_key_text(&star->key, text);
    if (text == NULL) {
        star_nothing(star);
        return;
    }
    star->column++;
    star->to->text(star->to, text);
}

void star_key(struct star *star, uint64_t key)
{
    if (key != 0)
        star_count(star, key);
    else
        star_nothing(star);
}

void star_time(struct star *star, uint64_t time_ns)
{
    star_number(star, recording_unix_ns(star->recording, time_ns));
}

void star_end(struct star *star)
{
    star->column = 0;
    star->to->end(star->to);
}

/* ---- numbers ---- */

void star_recording_id(const struct recording *recording, struct buffer *id)
{
    if (recording->has_uuid)
        buffer_add_hex(id, recording->uuid, sizeof recording->uuid);
    else
        buffer_print(id, "%08" PRIx32, recording->tag);
}

uint64_t star_process_key(struct star *star, const struct process *process)
{
    struct buffer id = {0};
    star_recording_id(process->recording, &id);
    const uint64_t key = star_key_process(&star->key, id.text, process->number);
    buffer_clear(&id);
    return key;
}

uint64_t star_thread_key(struct star *star, const struct thread *thread)
{
    if (thread == NULL)
        return 0;
    return star_key_thread(&star->key, star_process_key(star, thread->process), thread->id);
}

uint64_t star_frame_key(struct star *star, const struct symbols *symbols, uint32_t place)
{
    const struct symbol_place *const p = &symbols->places[place];
    const struct symbol_function *const f = &symbols->functions[p->function];
    return star_key_location(&star->key, star_key_function(&star->key, f->name, f->file, f->line),
                             p->line);
}

bool star_has_process(const struct star *star, const struct process *process)
{
    return process->recording == star->recording && request_has_process(star->request, process);
}

static int64_t divide_down(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/*
 * A tick is in the bin in which the middle of its interval is, as for --from and --to (range.h); so
 * a bin holds what a range of the same time holds. Bins are whole by the clock of the wall, which
 * many hosts have in common; where it was set, a bin may come again, or none.
 */
void star_pieces_of(struct star_pieces *pieces, const struct star *star,
                    const struct unit_reader *reader)
{
    const struct range *const range = &reader->range;
    const struct recording *const recording = reader->unit->recording;
    const int64_t bin_ns = (int64_t)star->bin_ns;
    const uint64_t half_q = range->columns.interval_ns / range->quantum_ns / 2;
    const uint64_t begin_ns = range->border_q[0] * range->quantum_ns + recording->shift_ns;
    /* what the wall clock is ahead of the recording's own */
    const uint64_t ahead_ns =
        (uint64_t)recording_unix_ns(recording, begin_ns) - (begin_ns - recording->shift_ns);
    pieces->n = 0;
    for (uint32_t at = 0; at < range->n_ticks;) {
        const uint64_t middle_ns = (range->border_q[at + 1] - half_q) * range->quantum_ns;
        const int64_t bin = divide_down((int64_t)(middle_ns + ahead_ns), bin_ns);
        const uint64_t next_ns = (uint64_t)(bin + 1) * (uint64_t)bin_ns - ahead_ns;
        uint32_t end = range_tick_at(range, unit_time_q(reader, next_ns + recording->shift_ns));
        if (end <= at) /* only where a file says impossible times */
            end = at + 1;
        pieces->list =
            memory_grow(pieces->list, &pieces->size, pieces->n + 1, sizeof *pieces->list);
        pieces->list[pieces->n++] = (struct star_piece){bin * (bin_ns / SECOND_NS), at, end};
        at = end;
    }
}

/* ---- who and what ---- */

/* What a file is called: the id, and of a recording whose first part is not here, the part. */
static char *name_of(const struct recording *recording)
{
    struct buffer name = {0};
    star_recording_id(recording, &name);
    if (recording->segment > 0)
        buffer_print(&name, "-%05" PRIu32, recording->segment);
    return name.text;
}

static int compare_recordings(const void *left, const void *right)
{
    const struct recording *const a = *(const struct recording *const *)left;
    const struct recording *const b = *(const struct recording *const *)right;
    return (a->order > b->order) - (a->order < b->order);
}

static void list_recordings(struct star *star)
{
    const struct census *const census = &star->trace->census;
    star->n_recordings = census->n_recordings;
    star->recordings = memory_get((census->n_recordings + 1) * sizeof *star->recordings);
    star->names = memory_get((census->n_recordings + 1) * sizeof *star->names);
    for (size_t i = 0; i < census->n_recordings; i++)
        star->recordings[i] = census->recordings[i];
    if (star->n_recordings > 1)
        qsort(star->recordings, star->n_recordings, sizeof *star->recordings, compare_recordings);
    for (size_t i = 0; i < star->n_recordings; i++)
        star->names[i] = name_of(star->recordings[i]);
}

/* The keys of the profile's places and nodes; parents have smaller numbers. */
static void make_keys(struct star *star)
{
    const struct profile *const profile = star->profile;
    const struct tree *const tree = &profile->tree;
    star->place_keys = memory_get((profile->symbols.n_places + 1) * sizeof *star->place_keys);
    star->node_keys = memory_get((tree->n + 1) * sizeof *star->node_keys);
    for (uint32_t p = 0; p < profile->symbols.n_places; p++)
        star->place_keys[p] = star_frame_key(star, &profile->symbols, p);
    for (size_t i = 1; i < tree->n; i++)
        star->node_keys[i] = star_key_stack(&star->key, star->node_keys[tree->nodes[i].parent],
                                            star->place_keys[tree->nodes[i].place]);
}

static void list_threads(struct star *star)
{
    const struct profile *const profile = star->profile;
    star->thread_of = memory_get((star->trace->census.n_threads + 1) * sizeof *star->thread_of);
    for (size_t i = 0; i < profile->n_threads; i++)
        star->thread_of[profile->threads[i]->thread->index] = profile->threads[i];
}

void star_prepare(struct star *star)
{
    list_recordings(star);
    list_threads(star);
    make_keys(star);
}
