/* SPDX-License-Identifier: MIT */
/* Of a whole trace, only when the wall clock was set. */
#include "analyze/base/memory.h"
#include "unit.h"

#include <stdlib.h>

/* The unit's first chunk, for its Meta, and those with events. Their number. */
static size_t choose_chunks(const struct trace *trace, const struct unit *unit,
                            struct unit_chunk *chosen)
{
    size_t n = 0, n_events = 0;
    for (size_t i = 0; i < unit->n_chunks; i++) {
        const struct unit_chunk c = unit->chunks[i];
        const struct chunk_place *const place =
            chunk_file_get(trace->files[c.file].chunks, c.chunk);
        const bool has_events = place->header.flags & CHUNK_EVENTS;
        n_events += has_events;
        if (i == 0 || has_events)
            chosen[n++] = c;
    }
    return n_events > 0 ? n : 0;
}

static void read_unit(struct trace *trace, const struct unit *unit, struct unit_reader *reader)
{
    struct unit part = *unit;
    part.chunks = memory_get(unit->n_chunks * sizeof *part.chunks);
    part.n_chunks = choose_chunks(trace, unit, part.chunks);
    if (part.n_chunks > 0 && unit_begin(reader, trace, &part)) {
        while (unit_next_range(reader))
            reader->range_open = false; /* nobody wants its samples, so they are not checked */
        facts_settle_wall(&reader->facts, unit->recording);
    }
    free(part.chunks);
}

void trace_read_steps(struct trace *trace)
{
    struct unit_reader reader = {0};
    trace_damage_fn *const report = trace->report;
    const struct window window = trace->window;
    struct trace_count aside = {0}, *const count = trace->count; /* it is no pass */
    if (trace->has_steps)
        return;
    trace->has_steps = true;
    trace->count = &aside;
    trace->report = NULL; /* the same damage will be met again when the units are read */
    trace->window = WINDOW_ALL;
    for (size_t i = 0; i < trace->n_units; i++)
        read_unit(trace, &trace->units[i], &reader);
    for (size_t i = 0; i < trace->census.n_recordings; i++)
        wall_settle(&trace->census.recordings[i]->wall);
    unit_reader_clear(&reader);
    trace->count = count;
    trace->window = window;
    trace->report = report;
}
