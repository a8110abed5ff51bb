/* SPDX-License-Identifier: MIT */
#include "census.h"

#include "analyze/base/buffer.h"
#include "analyze/base/memory.h"
#include "format/base/bisect.h"

#include <stdlib.h>
#include <string.h>

void census_clear(struct census *census)
{
    for (size_t i = 0; i < census->n_processes; i++) {
        free(census->processes[i]->threads);
        free(census->processes[i]->natives);
        free(census->processes[i]->rate_changes);
        free(census->processes[i]->titles);
        free(census->processes[i]->marks);
        free(census->processes[i]->sources);
        free(census->processes[i]->phases);
        free(census->processes[i]->phase_names);
        hash_clear(&census->processes[i]->phase_of);
        hash_clear(&census->processes[i]->phase_name_of);
    }
    for (size_t i = 0; i < census->n_recordings; i++)
        wall_clear(&census->recordings[i]->wall);
    free(census->processes);
    free(census->recordings);
    arena_clear(&census->arena);
    *census = (struct census){0};
}

struct recording *census_recording(struct census *census, uint32_t tag)
{
    for (size_t i = 0; i < census->n_recordings; i++) {
        if (census->recordings[i]->tag == tag)
            return census->recordings[i];
    }
    struct recording *const recording = arena_get(&census->arena, sizeof *recording);
    recording->tag = tag;
    recording->recorder = recording->hostname = recording->os = "";
    recording->machine = recording->cpu_model = "";
    recording->service.name = recording->service.version = "";
    recording->ending.reason = "";
    census->recordings = memory_grow(census->recordings, &census->recordings_size,
                                     census->n_recordings + 1, sizeof(struct recording *));
    census->recordings[census->n_recordings++] = recording;
    return recording;
}

int process_compare(const struct process *a, const struct process *b)
{
    if (a->recording != b->recording)
        return a->recording->order < b->recording->order ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static bool is_process_before(const void *processes, size_t i, const void *wanted)
{
    return process_compare(((struct process *const *)processes)[i], wanted) < 0;
}

/* Where in the sorted list it is or belongs. */
static size_t process_position(const struct census *census, const struct recording *recording,
                               uint32_t number)
{
    const struct process wanted = {.recording = recording, .number = number};
    return bisect(census->processes, census->n_processes, is_process_before, &wanted);
}

struct process *census_process(struct census *census, const struct recording *recording,
                               uint32_t number)
{
    const size_t at = process_position(census, recording, number);
    if (at < census->n_processes && census->processes[at]->recording == recording &&
        census->processes[at]->number == number)
        return census->processes[at];

    struct process *const process = arena_get(&census->arena, sizeof *process);
    process->recording = recording;
    process->number = number;
    process->executable = process->command = process->title = process->working_directory = "";
    process->python_version = process->python_build = process->hostname = "";
    process->ending.reason = "";
    process->service = &recording->service;
    census->processes = memory_grow(census->processes, &census->processes_size,
                                    census->n_processes + 1, sizeof(struct process *));
    memmove(census->processes + at + 1, census->processes + at,
            (census->n_processes - at) * sizeof(struct process *));
    census->processes[at] = process;
    census->n_processes++;
    return process;
}

/* ---- whose it is ---- */

static bool stays_in_label(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f && strchr(",=%;\"\\", c) == NULL;
}

const char *service_print_labels(struct arena *arena, const struct service *service)
{
    struct buffer text = {0};
    for (size_t i = 0; i < service->n_labels; i++) {
        buffer_print(&text, "%s", i > 0 ? "," : "");
        buffer_add_percent(&text, service->labels[i].name, stays_in_label);
        buffer_print(&text, "=");
        buffer_add_percent(&text, service->labels[i].value, stays_in_label);
    }
    const char *const kept = text.len > 0 ? arena_copy(arena, text.text, text.len) : "";
    buffer_clear(&text);
    return kept;
}

/* ---- threads ---- */

static bool is_thread_before(const void *threads, size_t i, const void *id)
{
    return ((struct thread *const *)threads)[i]->id < *(const uint32_t *)id;
}

static size_t thread_position(const struct process *process, uint32_t id)
{
    const size_t n = process->n_threads;
    if (n > 0 && process->threads[n - 1]->id < id) /* most are new ones */
        return n;
    return bisect(process->threads, n, is_thread_before, &id);
}

struct thread *census_find_thread(const struct process *process, uint32_t id)
{
    const size_t at = thread_position(process, id);
    return at < process->n_threads && process->threads[at]->id == id ? process->threads[at] : NULL;
}

struct thread *census_thread(struct census *census, struct process *process, uint32_t id)
{
    const size_t low = thread_position(process, id);
    if (low < process->n_threads && process->threads[low]->id == id)
        return process->threads[low];
    struct thread *const thread = arena_get(&census->arena, sizeof *thread);
    thread->process = process;
    thread->index = census->n_threads++;
    thread->id = id;
    thread->name = CENSUS_LOST_NAME;
    process->threads = memory_grow(process->threads, &process->threads_size, process->n_threads + 1,
                                   sizeof(struct thread *));
    memmove(process->threads + low + 1, process->threads + low,
            (process->n_threads - low) * sizeof(struct thread *));
    process->threads[low] = thread;
    process->n_threads++;
    return thread;
}

void census_native(struct census *census, struct process *process, const struct native *native)
{
    process->natives = memory_grow(process->natives, &process->natives_size, process->n_natives + 1,
                                   sizeof *process->natives);
    struct native *const noted = &process->natives[process->n_natives++];
    *noted = *native;
    noted->name = arena_copy(&census->arena, native->name, strlen(native->name));
}

void census_rate_change(struct process *process, struct rate_change change)
{
    process->rate_changes = memory_grow(process->rate_changes, &process->rate_changes_size,
                                        process->n_rate_changes + 1, sizeof change);
    process->rate_changes[process->n_rate_changes++] = change;
}

void census_title(struct process *process, struct title_change change)
{
    process->titles =
        memory_grow(process->titles, &process->titles_size, process->n_titles + 1, sizeof change);
    process->titles[process->n_titles++] = change;
}

void census_mark(struct process *process, struct program_mark mark)
{
    process->marks =
        memory_grow(process->marks, &process->marks_size, process->n_marks + 1, sizeof mark);
    process->marks[process->n_marks++] = mark;
}

static bool is_same_source(const struct kept_source *a, const struct kept_source *b)
{
    return a->len == b->len && strcmp(a->file, b->file) == 0 &&
           memcmp(a->bytes, b->bytes, a->len) == 0;
}

bool census_source(struct process *process, struct kept_source source)
{
    for (size_t i = 0; i < process->n_sources; i++) {
        struct kept_source *const known = &process->sources[i];
        if (!is_same_source(known, &source))
            continue;
        if (source.time_ns > known->time_ns)
            known->time_ns = source.time_ns;
        return true;
    }
    if (process->n_sources == KEPT_SOURCES_MAX ||
        source.len > KEPT_BYTES_MAX - process->sources_bytes)
        return false;
    process->sources = memory_grow(process->sources, &process->sources_size, process->n_sources + 1,
                                   sizeof source);
    process->sources[process->n_sources++] = source;
    process->sources_bytes += source.len;
    return true;
}

const struct kept_source *census_find_source(const struct census *census, const char *file,
                                             bool *is_only)
{
    const struct kept_source *found = NULL;
    *is_only = true;
    for (size_t i = 0; i < census->n_processes; i++) {
        const struct process *const p = census->processes[i];
        for (size_t k = 0; k < p->n_sources; k++) {
            const struct kept_source *const one = &p->sources[k];
            if (strcmp(one->file, file) != 0)
                continue;
            *is_only = *is_only && (found == NULL || is_same_source(found, one));
            if (found == NULL || one->time_ns > found->time_ns)
                found = one;
        }
    }
    return found;
}

static int compare_marks(const void *left, const void *right)
{
    const struct program_mark *const a = left, *const b = right;
    return (a->time_ns > b->time_ns) - (a->time_ns < b->time_ns);
}

static int compare_titles(const void *left, const void *right)
{
    const struct title_change *const a = left, *const b = right;
    return (a->time_ns > b->time_ns) - (a->time_ns < b->time_ns);
}

static int compare_rate_changes(const void *left, const void *right)
{
    const struct rate_change *const a = left, *const b = right;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return (a->interval_ns > b->interval_ns) - (a->interval_ns < b->interval_ns);
}

int64_t recording_unix_ns(const struct recording *recording, uint64_t time_ns)
{
    return (int64_t)((uint64_t)recording->start_unix_ns + time_ns - recording->shift_ns +
                     (uint64_t)wall_ahead_ns(&recording->wall, time_ns));
}

const char *recording_setting(const struct recording *recording, const char *name)
{
    for (size_t i = 0; i < recording->n_settings; i++) {
        if (strcmp(recording->settings[i].name, name) == 0)
            return recording->settings[i].value;
    }
    return NULL;
}

static int compare_natives(const void *left, const void *right)
{
    const struct native *const a = left, *const b = right;
    if (a->os_tid != b->os_tid)
        return a->os_tid < b->os_tid ? -1 : 1;
    if (a->seq != b->seq)
        return a->seq < b->seq ? -1 : 1;
    return (a->cpu_ns > b->cpu_ns) - (a->cpu_ns < b->cpu_ns);
}

/* Only what the Summary says, when there is one. */
static void keep_final(struct process *p)
{
    size_t kept = 0;
    for (size_t n = 0; n < p->n_natives; n++) {
        if (p->natives[n].final)
            p->natives[kept++] = p->natives[n];
    }
    if (kept > 0) {
        p->n_natives = kept;
        p->natives_final = true;
    }
}

static void join_clocks(struct process *p)
{
    size_t last = 0;
    for (size_t n = 1; n < p->n_natives; n++) {
        const bool same = p->natives[n].os_tid == p->natives[last].os_tid &&
                          p->natives[n].cpu_ns >= p->natives[last].cpu_ns;
        p->natives[same ? last : ++last] = p->natives[n];
    }
    p->n_natives = last + 1;
}

void census_finish(struct census *census)
{
    for (size_t i = 0; i < census->n_processes; i++) {
        struct process *const p = census->processes[i];
        if (p->n_marks > 1)
            qsort(p->marks, p->n_marks, sizeof *p->marks, compare_marks);
        if (p->n_titles > 1)
            qsort(p->titles, p->n_titles, sizeof *p->titles, compare_titles);
        if (p->n_titles > 0)
            p->title = p->titles[p->n_titles - 1].text;
        if (p->n_rate_changes > 1)
            qsort(p->rate_changes, p->n_rate_changes, sizeof *p->rate_changes,
                  compare_rate_changes);
        if (p->n_natives == 0)
            continue;
        qsort(p->natives, p->n_natives, sizeof *p->natives, compare_natives);
        keep_final(p);
        if (!p->natives_final)
            join_clocks(p);
    }
    for (size_t i = 0; i < census->n_recordings; i++)
        wall_settle(&census->recordings[i]->wall);
}

uint64_t process_native_ns(const struct process *process)
{
    uint64_t sum_ns = 0;
    for (size_t i = 0; i < process->n_natives; i++)
        sum_ns += process->natives[i].cpu_ns;
    return sum_ns > process->account.native_cpu_ns ? sum_ns : process->account.native_cpu_ns;
}

uint64_t process_unseen_ns(const struct process *process)
{
    uint64_t sum_ns = 0;
    for (size_t i = 0; i < process->n_natives; i++)
        sum_ns += process->natives[i].os_tid == 0 ? process->natives[i].cpu_ns : 0;
    return sum_ns;
}

const char *process_called(const struct process *process)
{
    if (process->title != NULL && process->title[0] != '\0')
        return process->title;
    return process->command[0] != '\0' ? process->command : process->executable;
}

const char *process_title(const struct process *process)
{
    const char *const whole = process_called(process);
    const size_t first_len = strcspn(whole, " ");
    const char *title = whole;
    for (const char *at = whole; at < whole + first_len; at++) {
        if (*at == '/')
            title = at + 1;
    }
    return title;
}

size_t census_without_gil(const struct census *census)
{
    size_t n = 0;
    for (size_t i = 0; i < census->n_processes; i++)
        n += strcmp(census->processes[i]->python_build, "free-threaded") == 0;
    return n;
}

bool census_has_no_gil(const struct census *census)
{
    return census->n_processes > 0 && census_without_gil(census) == census->n_processes;
}
