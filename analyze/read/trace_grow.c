/* SPDX-License-Identifier: MIT */
/* More of a trace that is still being written. */
#include "analyze/base/memory.h"
#include "format/base/bisect.h"
#include "format/chunk.h"
#include "trace.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct chunk_header *last_header(const struct chunk_file *file)
{
    return &chunk_file_get(file, chunk_file_count(file) - 1)->header;
}

/* Closed because the next numbered file goes on, and not because the recording is over? */
static bool goes_on(const struct chunk_file *file)
{
    const struct chunk_header *const last = last_header(file);
    return chunk_file_closed(file) && last->process == 0 && last->flags & CHUNK_INDEX &&
           !(last->flags & CHUNK_SUMMARY);
}

/*
 * The path of the part behind this one, run.0008.trace behind run.0007.trace, with as many digits
 * or one more; the caller's to free, NULL when the name has no such number.
 */
static char *next_path(const char *path)
{
    const char *const slash = strrchr(path, '/');
    const char *const suffix = strrchr(path, '.');
    if (suffix == NULL || suffix < (slash != NULL ? slash : path))
        return NULL;
    const char *digits = suffix;
    while (digits > path && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    if (digits == suffix || suffix - digits > 9 || digits == path || digits[-1] != '.')
        return NULL;
    const size_t size = strlen(path) + 3;
    char *const next = memory_get(size);
    snprintf(next, size, "%.*s%0*lu%s", (int)(digits - path), path, (int)(suffix - digits),
             strtoul(digits, NULL, 10) + 1, suffix);
    return next;
}

/* Does that file go on with the row of chunks? One without a whole header is being made. */
static bool is_next(const char *path, const struct trace_file *file)
{
    uint8_t bytes[CHUNK_HEADER_LEN];
    struct chunk_header header;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    const ssize_t n = pread(fd, bytes, sizeof bytes, 0);
    close(fd);
    if (n < (ssize_t)sizeof bytes)
        return n >= 0;
    return chunk_header_parse(&header, bytes) && header.tag == file->recording->tag &&
           header.seq == last_header(file->chunks)->seq + 1;
}

/* The next part of the recording that this file is of, if there is one that is not open yet. */
static char *next_part(const struct trace *trace, const struct trace_file *file)
{
    char *const path = goes_on(file->chunks) ? next_path(chunk_file_path(file->chunks)) : NULL;
    bool is_new = path != NULL && is_next(path, file);
    for (size_t i = 0; is_new && i < trace->n_files; i++)
        is_new = strcmp(chunk_file_path(trace->files[i].chunks), path) != 0;
    if (is_new)
        return path;
    free(path);
    return NULL;
}

/* Does another file stand under its name by now? One that was removed goes on as it is. */
static bool is_replaced(const struct chunk_file *file)
{
    struct stat now;
    return stat(chunk_file_path(file), &now) == 0 && !chunk_file_is(file, &now);
}

bool trace_changed(const struct trace *trace)
{
    bool changed = false;
    for (size_t i = 0; i < trace->n_files && !changed; i++) {
        struct stat now;
        const struct chunk_file *const file = trace->files[i].chunks;
        if (stat(chunk_file_path(file), &now) == 0)
            changed = !chunk_file_is(file, &now) || (uint64_t)now.st_size != chunk_file_size(file);
        char *const part = changed ? NULL : next_part(trace, &trace->files[i]);
        changed = changed || part != NULL;
        free(part);
    }
    return changed;
}

bool trace_ended(const struct trace *trace)
{
    for (size_t i = 0; i < trace->n_files; i++) {
        char *const part = next_part(trace, &trace->files[i]);
        const bool more = part != NULL || !chunk_file_closed(trace->files[i].chunks);
        free(part);
        if (more)
            return false;
    }
    return true;
}

/* Of which process and generation is a unit, compared with that of a chunk? */
static int compare_unit(const struct unit *unit, const struct recording *recording,
                        const struct chunk_header *header)
{
    if (unit->recording->order != recording->order)
        return unit->recording->order < recording->order ? -1 : 1;
    if (unit->process != header->process)
        return unit->process < header->process ? -1 : 1;
    return (unit->generation > header->generation) - (unit->generation < header->generation);
}

struct unit_key {
    const struct recording *recording;
    const struct chunk_header *header;
};

static bool is_before(const void *units, size_t i, const void *key)
{
    const struct unit_key *const k = key;
    return compare_unit((const struct unit *)units + i, k->recording, k->header) < 0;
}

/* The first unit that is not before the chunk's. */
static size_t unit_place(const struct trace *trace, const struct recording *recording,
                         const struct chunk_header *header)
{
    const struct unit_key key = {recording, header};
    return bisect(trace->units, trace->n_units, is_before, &key);
}

bool trace_unit_newest(const struct trace *trace, size_t unit)
{
    const struct unit *const u = &trace->units[unit];
    return unit + 1 == trace->n_units || u[1].process != u->process ||
           u[1].recording != u->recording;
}

static void unit_insert(struct trace *trace, size_t at, struct recording *recording,
                        const struct chunk_header *header)
{
    trace->units =
        memory_grow(trace->units, &trace->units_size, trace->n_units + 1, sizeof *trace->units);
    memmove(trace->units + at + 1, trace->units + at, (trace->n_units - at) * sizeof *trace->units);
    trace->n_units++;
    trace->units[at] = (struct unit){
        .recording = recording, .process = header->process, .generation = header->generation};
}

/* Behind the others; the list becomes the unit's own when it grows for the first time. */
static void unit_append(struct unit *unit, struct unit_chunk chunk)
{
    if (unit->chunks_size == 0) {
        const struct unit_chunk *const before = unit->chunks;
        unit->chunks =
            memory_grow(NULL, &unit->chunks_size, 2 * unit->n_chunks + 8, sizeof *unit->chunks);
        if (unit->n_chunks > 0)
            memcpy(unit->chunks, before, unit->n_chunks * sizeof *unit->chunks);
    }
    unit->chunks =
        memory_grow(unit->chunks, &unit->chunks_size, unit->n_chunks + 1, sizeof *unit->chunks);
    unit->chunks[unit->n_chunks++] = chunk;
}

static uint32_t last_seq(const struct trace *trace, const struct unit *unit)
{
    const struct unit_chunk *const c = &unit->chunks[unit->n_chunks - 1];
    return chunk_file_get(trace->files[c->file].chunks, c->chunk)->header.seq;
}

/* False where it belongs to what is over: in the middle of a unit, or of a generation before. */
static bool take_chunk(struct trace *trace, uint32_t file, uint32_t chunk)
{
    struct recording *const recording = trace->files[file].recording;
    const struct chunk_header *const header =
        &chunk_file_get(trace->files[file].chunks, chunk)->header;
    const size_t at = unit_place(trace, recording, header);
    const bool is_new =
        at == trace->n_units || compare_unit(&trace->units[at], recording, header) != 0;
    if (is_new)
        unit_insert(trace, at, recording, header);
    if (!trace_unit_newest(trace, at) ||
        (!is_new && last_seq(trace, &trace->units[at]) >= header->seq))
        return false;
    unit_append(&trace->units[at], (struct unit_chunk){.file = file, .chunk = chunk});
    const uint64_t end_ns = header->t_last_ns + recording->shift_ns;
    trace->end_ns = end_ns > trace->end_ns ? end_ns : trace->end_ns;
    return true;
}

static enum chunk_growth take_chunks(struct trace *trace, uint32_t file, size_t from)
{
    const size_t n = chunk_file_count(trace->files[file].chunks);
    for (size_t i = from; i < n; i++) {
        if (!take_chunk(trace, file, (uint32_t)i))
            return CHUNK_GROWTH_OTHER;
    }
    return CHUNK_GROWTH_MORE;
}

/* Open the part at `path`, which is behind file `before`. */
static enum chunk_growth add_part(struct trace *trace, const char *path, size_t before)
{
    struct chunk_file *chunks;
    struct problem why;
    if (chunk_file_open(&chunks, path, NULL, NULL, &why) != STATUS_OK)
        return CHUNK_GROWTH_NONE;
    if (chunk_file_count(chunks) == 0) { /* its first one is being written */
        chunk_file_close(chunks);
        return CHUNK_GROWTH_NONE;
    }
    struct trace_file *const files = memory_get((trace->n_files + 1) * sizeof *files);
    memcpy(files, trace->files, trace->n_files * sizeof *files);
    free(trace->files);
    trace->files = files;
    trace->files[trace->n_files] = (struct trace_file){chunks, trace->files[before].recording};
    return take_chunks(trace, (uint32_t)trace->n_files++, 0);
}

enum chunk_growth trace_grow(struct trace *trace)
{
    enum chunk_growth found = CHUNK_GROWTH_NONE;
    for (size_t i = 0; i < trace->n_files; i++) { /* parts that come meanwhile included */
        struct chunk_file *const file = trace->files[i].chunks;
        const size_t before = chunk_file_count(file);
        if (is_replaced(file) || trace->files[i].recording->quantum_ns == 0)
            return CHUNK_GROWTH_OTHER;
        enum chunk_growth growth = chunk_file_grow(file);
        if (growth == CHUNK_GROWTH_MORE)
            growth = take_chunks(trace, (uint32_t)i, before);
        if (growth == CHUNK_GROWTH_OTHER)
            return growth;
        char *const part = next_part(trace, &trace->files[i]);
        const enum chunk_growth added = part != NULL ? add_part(trace, part, i) : CHUNK_GROWTH_NONE;
        growth = added != CHUNK_GROWTH_NONE ? added : growth;
        free(part);
        if (growth == CHUNK_GROWTH_OTHER)
            return growth;
        found = growth == CHUNK_GROWTH_MORE ? growth : found;
    }
    trace->has_steps = trace->has_steps && found == CHUNK_GROWTH_NONE;
    return found;
}

void trace_renew(struct trace *trace)
{
    census_clear(&trace->census);
    for (size_t i = 0; i < trace->n_files; i++) {
        const struct chunk_place *const first = chunk_file_get(trace->files[i].chunks, 0);
        trace->files[i].recording = census_recording(&trace->census, first->header.tag);
    }
    for (size_t i = 0; i < trace->n_units; i++) {
        trace->units[i].recording = trace->files[trace->units[i].chunks[0].file].recording;
        trace->units[i].told = (struct census_told){0};
    }
    trace_align(trace);
    trace->has_steps = false;
}
