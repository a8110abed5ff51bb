/* SPDX-License-Identifier: MIT */
/* Open files, and put their recordings on one clock and their chunks into units. */
#include "trace.h"

#include "analyze/base/memory.h"
#include "analyze/names/names_file.h"
#include "input.h"
#include "unit.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_MAX 64

/* What chunk_file_open knows of itself when it reports. */
struct open_report {
    struct trace *trace;
    const char *path;
};

/* Of a file that is being written the last bytes are not there yet. */
static void report_open(void *closure, const struct damage *damage)
{
    const struct open_report *const report = closure;
    if (report->trace->grows && damage->status == STATUS_TRUNCATED)
        return;
    trace_report(report->trace, report->path, damage);
}

static void report_unusable(struct trace *trace, const char *path, const struct problem *why)
{
    struct damage damage = {.status = why->status};
    const size_t len = strlen(path);
    const char *words = why->detail;
    if (strncmp(words, path, len) == 0) /* the path is said anyway */
        words += len + strspn(words + len, ": ");
    snprintf(damage.text, sizeof damage.text, "%.*s", (int)sizeof damage.text - 1, words);
    trace_report(trace, path, &damage);
}

/* A file with a header and nothing whole behind it is as good as none. */
static enum status open_file(struct trace *trace, const char *path, struct chunk_file **file,
                             struct problem *why)
{
    const char *const name = input_name(path);
    struct open_report report = {trace, name};
    int fd;
    TRY(input_open(path, &fd, why));
    TRY(chunk_file_adopt(file, fd, name, report_open, &report, why));
    if (chunk_file_count(*file) > 0)
        return STATUS_OK;
    chunk_file_close(*file);
    return problem_set(why, STATUS_TRUNCATED, PROBLEM_NO_OFFSET, "%s has no whole chunk", name);
}

static enum status open_files(struct trace *trace, const char *const *paths, size_t n_paths,
                              struct problem *why)
{
    trace->files = memory_get(n_paths * sizeof *trace->files);
    enum status first = STATUS_OK;
    for (size_t i = 0; i < n_paths; i++) {
        struct trace_file *const file = &trace->files[trace->n_files];
        struct problem problem = {0};
        const enum status status = open_file(trace, paths[i], &file->chunks, &problem);
        if (status == STATUS_OK) {
            const struct chunk_place *const place = chunk_file_get(file->chunks, 0);
            file->recording = census_recording(&trace->census, place->header.tag);
            trace->n_files++;
            continue;
        }
        if (n_paths > 1)
            report_unusable(trace, input_name(paths[i]), &problem);
        if (first == STATUS_OK) {
            first = status;
            if (why != NULL)
                *why = problem;
        }
    }
    return trace->n_files > 0 ? STATUS_OK : first;
}

static void report_names(void *closure, const char *path, const struct damage *damage)
{
    trace_report(closure, path, damage);
}

/* What was found out about C functions later: in the files, and then in those beside them. */
static void read_names(struct trace *trace, const char *const *paths, size_t n_paths)
{
    for (size_t i = 0; i < trace->n_files; i++)
        names_file_take(&trace->names, trace->files[i].chunks, report_names, trace);
    for (size_t i = 0; i < n_paths; i++)
        if (!input_passes_by(paths[i]))
            names_file_take_beside(&trace->names, paths[i], report_names, trace);
}

/* The first Meta that can be read in a file says how its recording was made. */
static void read_recording(struct trace *trace, uint32_t file, struct unit_reader *reader)
{
    const struct chunk_file *const chunks = trace->files[file].chunks;
    struct recording *const recording = trace->files[file].recording;
    for (size_t i = 0; i < chunk_file_count(chunks) && recording->quantum_ns == 0; i++) {
        if (!(chunk_file_get(chunks, i)->header.flags & CHUNK_META))
            continue;
        struct unit_chunk chunk = {.file = file, .chunk = (uint32_t)i};
        const struct unit unit = {.recording = recording, .chunks = &chunk, .n_chunks = 1};
        if (unit_begin(reader, trace, &unit) && reader->facts.has_meta)
            facts_settle_recording(&reader->facts, &trace->census, recording);
    }
}

static int compare_recordings(const void *left, const void *right)
{
    const struct recording *const a = *(struct recording *const *)left;
    const struct recording *const b = *(struct recording *const *)right;
    if (a->start_unix_ns != b->start_unix_ns)
        return a->start_unix_ns < b->start_unix_ns ? -1 : 1;
    return (a->tag > b->tag) - (a->tag < b->tag);
}

/*
 * How much later than `first` it started. By the calendar; on one machine, where the monotonic
 * clock says nearly the same, by that one: nobody sets it.
 */
static uint64_t later_by(const struct recording *first, const struct recording *later)
{
    const int64_t unix_ns =
        (int64_t)((uint64_t)later->start_unix_ns - (uint64_t)first->start_unix_ns);
    const int64_t mono_ns = (int64_t)(later->start_mono_ns - first->start_mono_ns);
    const int64_t second = 1000000000;
    if (unix_ns <= 0 || (uint64_t)unix_ns > TIME_MAX_NS)
        return 0;
    if (mono_ns >= 0 && mono_ns - unix_ns < second && unix_ns - mono_ns < second &&
        strcmp(first->hostname, later->hostname) == 0)
        return (uint64_t)mono_ns;
    return (uint64_t)unix_ns;
}

void trace_align(struct trace *trace)
{
    struct census *const census = &trace->census;
    struct unit_reader reader = {0};
    trace_damage_fn *const report = trace->report;
    trace->report = NULL; /* the same damage will be met again when the units are read */
    for (size_t i = 0; i < trace->n_files; i++)
        read_recording(trace, (uint32_t)i, &reader);
    trace->report = report;
    unit_reader_clear(&reader);

    qsort(census->recordings, census->n_recordings, sizeof(struct recording *), compare_recordings);
    for (size_t i = 0; i < census->n_recordings; i++) {
        census->recordings[i]->order = (uint32_t)i;
        census->recordings[i]->shift_ns = later_by(census->recordings[0], census->recordings[i]);
    }
}

/* qsort_r: the trace is needed to see what a chunk is. */
static int compare_chunks(const void *left, const void *right, void *closure)
{
    const struct trace *const trace = closure;
    const struct unit_chunk *const a = left, *const b = right;
    const uint32_t order_a = trace->files[a->file].recording->order;
    const uint32_t order_b = trace->files[b->file].recording->order;
    const struct chunk_header *const x = trace_header(trace, a), *const y = trace_header(trace, b);
    if (order_a != order_b)
        return order_a < order_b ? -1 : 1;
    if (x->process != y->process)
        return x->process < y->process ? -1 : 1;
    if (x->generation != y->generation)
        return x->generation < y->generation ? -1 : 1;
    if (x->seq != y->seq)
        return x->seq < y->seq ? -1 : 1;
    return (a->file > b->file) - (a->file < b->file);
}

static void list_chunks(struct trace *trace)
{
    size_t n = 0;
    for (size_t f = 0; f < trace->n_files; f++)
        n += chunk_file_count(trace->files[f].chunks);
    trace->chunks = memory_get(n * sizeof *trace->chunks);
    for (size_t f = 0; f < trace->n_files; f++) {
        const size_t n_chunks = chunk_file_count(trace->files[f].chunks);
        for (size_t i = 0; i < n_chunks; i++)
            trace->chunks[trace->n_chunks++] =
                (struct unit_chunk){.file = (uint32_t)f, .chunk = (uint32_t)i};
    }
    if (n > 1)
        qsort_r(trace->chunks, n, sizeof *trace->chunks, compare_chunks, trace);
}

static const struct chunk_header *first_of(const struct trace_file *file)
{
    return &chunk_file_get(file->chunks, 0)->header;
}

static const struct chunk_header *last_of(const struct trace_file *file)
{
    return &chunk_file_get(file->chunks, chunk_file_count(file->chunks) - 1)->header;
}

static int compare_files(const void *left, const void *right)
{
    const struct trace_file *const a = *(const struct trace_file *const *)left;
    const struct trace_file *const b = *(const struct trace_file *const *)right;
    if (a->recording != b->recording)
        return a->recording->order < b->recording->order ? -1 : 1;
    return (first_of(a)->seq > first_of(b)->seq) - (first_of(a)->seq < first_of(b)->seq);
}

/* The time of the first chunk that has one: a file begins with some that are about no time. */
static uint64_t first_time(const struct chunk_file *file)
{
    for (size_t i = 0; i < chunk_file_count(file); i++) {
        const struct chunk_header *const header = &chunk_file_get(file, i)->header;
        if (header->process != 0)
            return header->t_first_ns;
    }
    return 0;
}

/* The chunks of a recording are numbered through all its files. */
static void report_missing_file(struct trace *trace, const struct trace_file *before,
                                const struct trace_file *after)
{
    const uint64_t last_ns = last_of(before)->t_last_ns, next_ns = first_time(after->chunks);
    struct damage damage = {
        .status = STATUS_DAMAGED,
        .time_known = next_ns > last_ns,
        .t_first_ns = last_ns,
        .t_last_ns = next_ns,
    };
    snprintf(damage.text, sizeof damage.text,
             "chunks %u to %u of the recording are in none of its files, before this one",
             last_of(before)->seq + 1, first_of(after)->seq - 1);
    trace_report(trace, chunk_file_path(after->chunks), &damage);
}

/* Parts of a rotated recording: is one missing between two others? */
static void check_parts(struct trace *trace)
{
    if (trace->n_files < 2)
        return;
    const struct trace_file **const files = memory_get(trace->n_files * sizeof *files);
    for (size_t i = 0; i < trace->n_files; i++)
        files[i] = &trace->files[i];
    qsort(files, trace->n_files, sizeof *files, compare_files);
    const struct trace_file *last = files[0]; /* the one that reaches farthest */
    for (size_t i = 1; i < trace->n_files; i++) {
        const bool same = files[i]->recording == last->recording;
        if (same && first_of(files[i])->seq > (uint64_t)last_of(last)->seq + 1)
            report_missing_file(trace, last, files[i]);
        if (!same || last_of(files[i])->seq > last_of(last)->seq)
            last = files[i];
    }
    free(files);
}

static bool same_unit(const struct trace *trace, const struct unit *unit,
                      const struct unit_chunk *c)
{
    const struct chunk_header *const header = trace_header(trace, c);
    return unit->recording == trace->files[c->file].recording && unit->process == header->process &&
           unit->generation == header->generation;
}

/* The same chunk in two files: the first one is kept, unless only the other one is whole. */
static void choose_copy(struct trace *trace, struct unit_chunk *kept, struct unit_chunk other)
{
    const struct chunk_file *const file = trace->files[kept->file].chunks;
    if (chunk_file_intact(file, kept->chunk) ||
        !chunk_file_intact(trace->files[other.file].chunks, other.chunk))
        return;
    const struct chunk_place *const place = chunk_file_get(file, kept->chunk);
    struct damage damage = {
        .status = STATUS_DAMAGED,
        .offset = place->offset,
        .len_bytes = CHUNK_HEADER_LEN + (uint64_t)place->header.comp_len,
    };
    snprintf(damage.text, sizeof damage.text, "chunk %u is there twice, this one damaged",
             place->header.seq);
    trace_report(trace, chunk_file_path(file), &damage);
    *kept = other;
}

/* Group the sorted chunks; a chunk that is there twice (the same file given twice) counts once. */
static void make_units(struct trace *trace)
{
    size_t kept = 0;
    struct unit *unit = NULL;
    for (size_t i = 0; i < trace->n_chunks; i++) {
        const struct unit_chunk c = trace->chunks[i];
        const struct chunk_header *const header = trace_header(trace, &c);
        const bool same = unit != NULL && same_unit(trace, unit, &c);
        if (same && trace_header(trace, &trace->chunks[kept - 1])->seq == header->seq) {
            choose_copy(trace, &trace->chunks[kept - 1], c);
            continue;
        }
        if (!same) {
            trace->units = memory_grow(trace->units, &trace->units_size, trace->n_units + 1,
                                       sizeof *trace->units);
            unit = &trace->units[trace->n_units++];
            *unit = (struct unit){
                .recording = trace->files[c.file].recording,
                .process = header->process,
                .generation = header->generation,
                .chunks = trace->chunks + kept,
            };
        }
        trace->chunks[kept++] = c;
        unit->n_chunks++;
        const uint64_t end_ns = header->t_last_ns + unit->recording->shift_ns;
        trace->end_ns = end_ns > trace->end_ns ? end_ns : trace->end_ns;
    }
    trace->n_chunks = kept;
}

static enum status open_trace(struct trace **out, const char *const *paths, size_t n_paths,
                              bool grows, trace_damage_fn *report, void *closure,
                              struct problem *why)
{
    struct trace *const trace = memory_get(sizeof *trace);
    *out = NULL;
    trace->grows = grows;
    trace->report = report;
    trace->closure = closure;
    trace->window = WINDOW_ALL;
    trace->count = &trace->own_count;
    pthread_mutex_init(&trace->lock, NULL);
    const enum status status = open_files(trace, paths, n_paths, why);
    if (status != STATUS_OK) {
        trace_close(trace);
        return status;
    }
    read_names(trace, paths, n_paths);
    trace_align(trace);
    check_parts(trace);
    list_chunks(trace);
    make_units(trace);
    atomic_store_explicit(&trace->own_count.done, 0, memory_order_relaxed); /* that was no pass */
    *out = trace;
    return STATUS_OK;
}

enum status trace_open(struct trace **out, const char *const *paths, size_t n_paths,
                       trace_damage_fn *report, void *closure, struct problem *why)
{
    return open_trace(out, paths, n_paths, false, report, closure, why);
}

enum status trace_open_growing(struct trace **out, const char *const *paths, size_t n_paths,
                               trace_damage_fn *report, void *closure, struct problem *why)
{
    return open_trace(out, paths, n_paths, true, report, closure, why);
}
