/* SPDX-License-Identifier: MIT */
/* info: what was recorded, how well, and at what cost. */
#include "cmd_info.h"

#include "analyze/ask/ending.h"
#include "analyze/base/date.h"
#include "analyze/cli/command.h"

#include <inttypes.h>
#include <math.h>

#define PROCESSES_SHOWN 20u

/* A text that is empty was not recorded. */
static struct cell said(const char *text)
{
    return text[0] != '\0' ? cell_text(text) : cell_none();
}

static uint64_t recording_samples(const struct request *request, const struct recording *recording)
{
    uint64_t n = 0;
    for (size_t i = 0; i < request->profile.n_threads; i++) {
        const struct profile_thread *const t = request->profile.threads[i];
        if (t->thread->process->recording == recording)
            n += weights_sum(&t->total).samples;
    }
    return n;
}

static uint64_t recording_bytes(const struct request *request, const struct recording *recording)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < request->trace->n_files; i++) {
        if (request->trace->files[i].recording == recording)
            bytes += chunk_file_size(request->trace->files[i].chunks);
    }
    return bytes;
}

/* Its duration and what of it is the same for all its processes. */
static void add_processes(struct section *s, const struct request *request,
                          const struct recording *recording)
{
    const struct census *const census = &request->trace->census;
    uint64_t end_ns = recording->ending.known ? recording->ending.end_ns : 0;
    uint64_t collector_ns = 0;
    int64_t n = 0;
    for (size_t i = 0; i < census->n_processes; i++) {
        const struct process *const p = census->processes[i];
        if (p->recording != recording)
            continue;
        n++;
        if (p->last_ns > end_ns)
            end_ns = p->last_ns;
        if (p->account.collector_cpu_ns > collector_ns)
            collector_ns = p->account.collector_cpu_ns;
    }
    const uint64_t start_ns = recording->shift_ns;
    section_add(s, "duration",
                cell_number(UNIT_SECONDS, (int64_t)(end_ns > start_ns ? end_ns - start_ns : 0)),
                NULL);
    section_add(s, "processes", cell_number(UNIT_COUNT, n), NULL);
    section_add(s, "collector_cpu", cell_number(UNIT_SECONDS, (int64_t)collector_ns),
                "of pyrec itself, for all processes");
}

/* Who is not in it, and why. */
static void add_missing(struct view *view, struct section *s, const struct recording *r)
{
    const struct ending *const e = &r->ending;
    section_add(s, "not_recorded",
                e->absences_known ? cell_number(UNIT_COUNT, (int64_t)ending_missing_count(e, false))
                                  : cell_none(),
                "Python processes that could not be");
    for (size_t i = 0; i < e->n_absences; i++) {
        const struct absence *const a = &e->absences[i];
        section_add(s, arena_print(&view->arena, "not_recorded: %s", a->reason),
                    cell_number(UNIT_COUNT, a->count),
                    arena_print(&view->arena, "%s%s%s", a->unsure ? "not known whether Python" : "",
                                a->unsure && a->name[0] != '\0' ? ": " : "", a->name));
    }
    if (e->helpers > 0)
        section_add(s, "helpers", cell_number(UNIT_COUNT, e->helpers),
                    arena_print(&view->arena,
                                "processes that were forked only to call exec, %.6f s of CPU",
                                (double)e->helpers_cpu_ns / 1e9));
    if (e->strangers > 0)
        section_add(s, "strangers", cell_number(UNIT_COUNT, e->strangers),
                    "of others, who spoke to pyrec and were turned away");
}

/* Whom it is of, where that was said. */
void info_add_service(struct view *view, struct section *s, const struct service *service)
{
    if (service->name[0] != '\0')
        section_add(s, "service", cell_text(service->name), NULL);
    if (service->version[0] != '\0')
        section_add(s, "service_version", cell_text(service->version), NULL);
    for (size_t i = 0; i < service->n_labels; i++)
        section_add(s, arena_print(&view->arena, "label_%s", service->labels[i].name),
                    cell_text(service->labels[i].value), NULL);
}

static void add_machine(struct section *s, const struct recording *r)
{
    section_add(s, "host", said(r->hostname), NULL);
    section_add(s, "os", said(r->os), NULL);
    section_add(s, "machine", said(r->machine), NULL);
    section_add(s, "cpu", said(r->cpu_model), NULL);
    section_add(s, "cpus", r->cpu_count > 0 ? cell_number(UNIT_COUNT, r->cpu_count) : cell_none(),
                NULL);
}

static void add_recording(struct view *view, const struct request *request,
                          const struct recording *r)
{
    struct section *const s = view_add_section(view, "recordings", "Recording");
    s->repeated = true;
    section_add(s, "recorder", said(r->recorder), NULL);
    info_add_service(view, s, &r->service);
    section_add(s, "started", cell_text(date_print(&view->arena, r->start_unix_ns, DATE_ZONE)),
                NULL);
    add_processes(s, request, r);
    struct cell rate = cell_none();
    if (r->interval_ns > 0)
        rate = (struct cell){.unit = UNIT_NUMBER, .ratio = 1e9 / (double)r->interval_ns};
    section_add(s, "rate", rate, "Hz, sampling intervals per second");
    section_add(s, "max_depth",
                r->max_depth > 0 ? cell_number(UNIT_COUNT, r->max_depth) : cell_none(),
                "frames kept per stack");
    for (size_t i = 0; i < r->n_settings; i++)
        section_add(s, arena_print(&view->arena, "option_%s", r->settings[i].name),
                    cell_text(r->settings[i].value), NULL);
    add_machine(s, r);
    section_add(s, "stop_reason", r->ending.known ? cell_text(r->ending.reason) : cell_none(),
                NULL);
    add_missing(view, s, r);
    const uint64_t samples = recording_samples(request, r), bytes = recording_bytes(request, r);
    section_add(s, "samples", cell_number(UNIT_COUNT, (int64_t)samples), "of a thread at a tick");
    section_add(s, "size", cell_number(UNIT_BYTES, (int64_t)bytes), NULL);
    struct cell per_sample = cell_none();
    if (samples > 0) {
        const double exact = (double)bytes / (double)samples;
        per_sample = (struct cell){.unit = UNIT_NUMBER, .ratio = round(exact * 1000) / 1000};
    }
    section_add(s, "bytes_per_sample", per_sample, NULL);
    info_add_steps(view, request, r);
}

static void add_file(struct view *view, const struct trace_file *file)
{
    struct section *const s = view_add_section(
        view, "files", arena_print(&view->arena, "File %s", chunk_file_path(file->chunks)));
    s->repeated = true;
    section_add(s, "path", cell_text(chunk_file_path(file->chunks)), NULL);
    section_add(s, "size", cell_number(UNIT_BYTES, (int64_t)chunk_file_size(file->chunks)), NULL);
    section_add(s, "chunks", cell_number(UNIT_COUNT, (int64_t)chunk_file_count(file->chunks)),
                NULL);
    section_add(s, "closed", cell_text(chunk_file_closed(file->chunks) ? "yes" : "no"),
                chunk_file_closed(file->chunks) ? NULL : "still being written, or cut off");
}

/* People get the first ones: a recording may have 100,000. */
static void add_each_process(struct view *view, const struct request *request)
{
    const struct census *const census = &request->trace->census;
    size_t n = 0;
    for (size_t i = 0; i < census->n_processes; i++) {
        if (!request_has_process(request, census->processes[i]))
            continue;
        if (n++ < PROCESSES_SHOWN || request->machine)
            info_add_process(view, request, census->processes[i]);
    }
    if (n > PROCESSES_SHOWN && !request->machine)
        view_add_note(view, arena_print(&view->arena,
                                        "%zu more processes: \"pyanalyze processes\" lists them, "
                                        "--process PID tells as much of one.",
                                        n - PROCESSES_SHOWN));
}

static enum status build_info(struct request *request, struct view *view, struct problem *why)
{
    const struct trace *const trace = request->trace;
    const struct census *const census = &trace->census;
    (void)why;
    request_profile(request);
    request_learn_clock(request);
    view->shape = SHAPE_FACTS;
    for (size_t i = 0; i < census->n_recordings; i++)
        add_recording(view, request, census->recordings[i]);
    add_each_process(view, request);
    for (size_t i = 0; i < trace->n_files; i++)
        add_file(view, &trace->files[i]);
    return STATUS_OK;
}

const struct command command_info = {
    .name = "info",
    .synopsis = "[options] [FILE...]",
    .summary = "what was recorded, how well, and at what cost",
    .text = "How and how well it was recorded, per recording, per process and per file. How "
            "well: how many ticks were due, taken and missed, and how many stacks could not be "
            "read, by reason. The books: the CPU time that the OS counted for the process, and "
            "how it is made up of what the samples of its threads account for, what no sample "
            "took, threads that run no Python, and the recorder's own thread. For a process that "
            "was attached to: how long one of its threads was held, which of its calls reach the "
            "recorder, and what is not known where they do not. What it cost: time in the signal "
            "handler on the program's threads, CPU of the sampler. When the rate was changed to "
            "keep the cost down, and when somebody set the wall clock: the text shows the first "
            "five. It shows the first 20 processes; csv and json have everything. An item that "
            "is not known is shown as -, in csv as nothing, in json as null.",
    .example = "pyanalyze info run.trace",
    .takes = TAKES_PROCESS | TAKES_FORMAT | TAKES_FOLLOW | TAKES_COLOR | TAKES_JOBS,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_FACTS,
    .output = "text",
    .build = build_info,
};
