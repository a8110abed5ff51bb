/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include "analyze/base/memory.h"
#include "input.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_MAX 64

void trace_report(struct trace *trace, const char *path, const struct damage *damage)
{
    pthread_mutex_lock(&trace->lock);
    if (trace->report != NULL)
        trace->report(trace->closure, path, damage);
    pthread_mutex_unlock(&trace->lock);
}

const struct chunk_header *trace_header(const struct trace *trace, const struct unit_chunk *c)
{
    return &chunk_file_get(trace->files[c->file].chunks, c->chunk)->header;
}

uint64_t trace_end_ns(const struct trace *trace)
{
    return trace->end_ns;
}

uint64_t trace_first_ns(const struct trace *trace)
{
    uint64_t first_ns = UINT64_MAX;
    for (size_t f = 0; f < trace->n_files; f++) {
        const struct trace_file *const file = &trace->files[f];
        for (size_t i = 0; i < chunk_file_count(file->chunks); i++) {
            const struct chunk_header *const header = &chunk_file_get(file->chunks, i)->header;
            const uint64_t at_ns = header->t_first_ns + file->recording->shift_ns;
            if (header->flags & CHUNK_SAMPLES && at_ns < first_ns)
                first_ns = at_ns;
        }
    }
    return first_ns < UINT64_MAX ? first_ns : 0;
}

void trace_set_window(struct trace *trace, struct window window)
{
    trace->window = window;
}

bool trace_chunk_wanted(const struct trace *trace, const struct unit_chunk *chunk)
{
    const struct chunk_header *const header = trace_header(trace, chunk);
    const struct recording *const recording = trace->files[chunk->file].recording;
    /* ticks are chosen by their intervals (range_limit), a chunk says when they were */
    const uint64_t first_ns = header->t_first_ns + recording->shift_ns;
    const uint64_t last_ns = header->t_last_ns + recording->shift_ns + recording->interval_ns;
    const uint64_t late_ns = 2 * recording->interval_ns;
    return last_ns >= trace->window.from_ns &&
           (first_ns < late_ns || first_ns - late_ns < trace->window.to_ns);
}

bool trace_unit_wanted(const struct trace *trace, const struct unit *unit)
{
    bool wanted = unit->process == 0;
    for (size_t i = 0; i < unit->n_chunks && !wanted; i++)
        wanted = trace_chunk_wanted(trace, &unit->chunks[i]);
    return wanted;
}

void trace_close(struct trace *trace)
{
    if (trace == NULL)
        return;
    for (size_t i = 0; i < trace->n_files; i++)
        chunk_file_close(trace->files[i].chunks);
    for (size_t i = 0; i < trace->n_units; i++) {
        if (trace->units[i].chunks_size > 0)
            free(trace->units[i].chunks);
    }
    free(trace->files);
    free(trace->chunks);
    free(trace->units);
    census_clear(&trace->census);
    debug_names_clear(&trace->names);
    pthread_mutex_destroy(&trace->lock);
    free(trace);
}

void trace_plan(struct trace *trace, size_t n_passes)
{
    atomic_fetch_add_explicit(&trace->count->due, n_passes * trace->n_chunks, memory_order_relaxed);
    trace->n_planned += n_passes;
}

void trace_count_done(struct trace *trace, size_t n_chunks)
{
    atomic_fetch_add_explicit(&trace->count->done, n_chunks, memory_order_relaxed);
}

void trace_begin_pass(struct trace *trace)
{
    if (trace->n_planned == 0) {
        trace_plan(trace, 1);
        if (atomic_load_explicit(&trace->count->done, memory_order_relaxed) > 0)
            atomic_fetch_add_explicit(&trace->count->unplanned, 1, memory_order_relaxed);
    }
    trace->n_planned--;
}
