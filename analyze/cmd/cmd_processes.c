/* SPDX-License-Identifier: MIT */
/* processes: one row per recorded process. */
#include "analyze/ask/ending.h"
#include "analyze/ask/remainder.h"
#include "analyze/cli/command.h"

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* How long it was recorded, as far as that is asked for. */
static uint64_t recorded_ns(const struct process *process, struct window window)
{
    const uint64_t shift_ns = process->recording->shift_ns;
    const uint64_t from_ns = later(process->start_ns + shift_ns, window.from_ns);
    const struct ending *const ending = &process->ending;
    const uint64_t last_ns = ending->known ? later(ending->end_ns, process->last_ns + shift_ns)
                                           : process->last_ns + shift_ns;
    const uint64_t to_ns = last_ns < window.to_ns ? last_ns : window.to_ns;
    return to_ns > from_ns ? to_ns - from_ns : 0;
}

/*
 * What the OS counted of the process counts, or where not all of it is asked for, what the clocks
 * of its threads did; found on a CPU or not.
 */
static void fill_cpu(struct row *row, struct weights *weights, const struct request *request)
{
    const struct process_cpu cpu = process_cpu(&request->profile, row->process);
    const uint64_t seen_ns = weights_sum(weights).cpu;
    row->unattributed_ns = cpu.unattributed_ns;
    row->native_ns = row->native_known ? cpu.whole_ns - cpu.clocks_ns : 0;
    const uint64_t whole_ns = row->native_known ? cpu.whole_ns : cpu.clocks_ns;
    weights->by[CLASS_BLOCKED].cpu += whole_ns > seen_ns ? whole_ns - seen_ns : 0;
}

/* All its threads together; false when none of them has samples. */
static bool fill_process(struct row *row, const struct process *process,
                         const struct request *request, struct view *view)
{
    size_t n;
    struct profile_thread *const *const threads = profile_process(&request->profile, process, &n);
    struct weights *const weights = arena_get(&view->arena, sizeof *weights);
    *row = (struct row){.process = process,
                        .self = weights,
                        .total = weights,
                        .native_known = remainder_whole(request)};
    for (size_t i = 0; i < n; i++) {
        const struct profile_thread *const t = threads[i];
        if (weights_sum(&t->total).samples == 0)
            continue;
        weights_add(weights, &t->total);
        row->n_threads++;
    }
    fill_cpu(row, weights, request);
    row->recorded_ns = recorded_ns(process, request->trace->window);
    row->ended = ending_word(&process->ending, &view->arena);
    row->end_ns = process->ending.end_ns;
    return row->n_threads > 0;
}

/* Who has no row, because nobody could record it. */
static void note_missing(struct view *view, const struct census *census)
{
    for (size_t i = 0; i < census->n_recordings; i++) {
        for (int unsure = 0; unsure < 2; unsure++) {
            const char *const text =
                ending_missing(&census->recordings[i]->ending, unsure != 0, &view->arena);
            if (text != NULL)
                view_add_note(view, text);
        }
    }
}

static enum status build_processes(struct request *request, struct view *view, struct problem *why)
{
    const struct census *const census = &request->trace->census;
    size_t n = 0;
    (void)why;
    request_profile(request);
    profile_keep_stacks(&request->profile, &request->select);
    view->shape = SHAPE_TABLE;
    struct group *const group = view_add_group(view, NULL, census->n_processes);
    for (size_t i = 0; i < census->n_processes; i++) {
        const struct process *const process = census->processes[i];
        if (request_has_process(request, process) &&
            fill_process(&group->rows[n], process, request, view))
            n++;
    }
    group->n_rows = n;
    note_missing(view, census);
    if (n == 0) {
        view->n_groups = 0;
        view->nothing = true;
    }
    return STATUS_OK;
}

const struct command command_processes = {
    .name = "processes",
    .synopsis = "[options] [FILE...]",
    .summary = "the processes: their CPU time, and what their threads did",
    .text = "One row per recorded process. recorded is how long the process was recorded, or how "
            "much of that lies between --from and --to; cpu_time is all CPU that the OS counted "
            "for it, without the recorder's own thread; other_cpu is the part that belongs to no "
            "thread with samples: threads that run no Python, threads that ended before they "
            "were looked at, and the start and end of the process. cpu_share is cpu_time per "
            "second recorded, above 100% when several threads ran at once. on_cpu, ready, "
            "gil_wait, blocked and unknown are the elapsed seconds of all its threads together. "
            "end_time and ended are when and how it ended: its exit status, the signal that "
            "killed it, exec (it became another program, which has a row of its own if it is "
            "Python), or running when recording ended. Python processes that could not be "
            "recorded are counted below, with the reason. With --thread, --state, --match or "
            "--exclude only those threads and samples count; then, and with --from and --to, "
            "cpu_time is how far the clocks of Python threads moved.",
    .example = "pyanalyze processes --by gil_wait run.trace",
    .takes = TAKES_SORT | TAKES_LIMIT | TAKES_COLUMNS | TAKES_THREAD | TAKES_PROCESS |
             TAKES_PLACES | TAKES_FORMAT | TAKES_COLOR | TAKES_JOBS | TAKES_RANGE | TAKES_STATE |
             TAKES_BY,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_TABLE,
    .output = "text",
    .rows = ROW_PROCESS,
    .columns = "process,parent,threads,recorded,cpu_time,cpu_share,other_cpu,gil_wait,blocked,"
               "unknown,end_time,ended,command",
    .machine_columns =
        "process,parent,python,threads,recorded,cpu_time,cpu_share,other_cpu,on_cpu,"
        "ready,gil_wait,blocked,unknown,ticks,samples,unattributed,end_time,ended,command",
    .sort = "cpu_time,samples,process",
    .build = build_processes,
};
