/* SPDX-License-Identifier: MIT */
/* threads: one row per thread, those that run no Python included. */
#include "../command.h"
#include "../request.h"

#include <string.h>

/* Here it is the thread that is asked about, so its whole clock counts, found on a CPU or not. */
static void fill_thread(struct row *row, const struct profile_thread *t, struct weights *weights)
{
    *weights = t->total;
    weights->by[CLASS_BLOCKED].cpu += t->unattributed_ns;
    *row = (struct row){
        .process = t->thread->process,
        .thread = t->thread,
        .self = weights,
        .total = weights,
        .unattributed_ns = t->unattributed_ns,
    };
}

static bool wants_natives(const struct request *request, const struct process *process)
{
    const struct window window = request->trace->window;
    return request_has_process(request, process) && !select_has_regex(&request->select) &&
           !select_by_state(&request->select) && window.from_ns == 0 && window.to_ns == UINT64_MAX;
}

static bool wants_native(const struct request *request, const struct native *native)
{
    return select_has_thread(&request->select, native->name, native->os_tid);
}

static size_t count_natives(const struct request *request)
{
    const struct census *const census = &request->trace->census;
    size_t n = 0;
    for (size_t i = 0; i < census->n_processes; i++)
        n += wants_natives(request, census->processes[i]) ? census->processes[i]->n_natives : 0;
    return n;
}

static enum status build_threads(struct request *request, struct view *view, struct problem *why)
{
    const struct profile *const profile = &request->profile;
    const struct census *const census = &request->trace->census;
    size_t n = 0;
    (void)why;

    request_profile(request);
    profile_keep_stacks(&request->profile, &request->select);
    view->shape = SHAPE_TABLE;
    struct weights *const weights =
        arena_get(&view->arena, profile->n_threads * sizeof(struct weights));
    struct group *const group =
        view_add_group(view, NULL, profile->n_threads + count_natives(request));
    for (size_t i = 0; i < profile->n_threads; i++) {
        if (weights_sum(&profile->threads[i]->total).samples > 0)
            fill_thread(&group->rows[n++], profile->threads[i], &weights[i]);
    }
    for (size_t p = 0; p < census->n_processes; p++) {
        const struct process *const process = census->processes[p];
        if (!wants_natives(request, process))
            continue;
        for (size_t i = 0; i < process->n_natives; i++) {
            if (wants_native(request, &process->natives[i]))
                group->rows[n++] = (struct row){.process = process, .native = &process->natives[i]};
        }
    }
    group->n_rows = n;
    if (n == 0) {
        view->n_groups = 0;
        view_add_note(view, "There are no threads of what was asked for.");
    }
    return STATUS_OK;
}

const struct command command_threads = {
    .name = "threads",
    .synopsis = "[options] FILE...",
    .summary = "the threads: their CPU and wall time and what they did with it",
    .text =
        "cpu_time is what the thread's own clock moved while it was recorded; unattributed is "
        "the part of it that no sample on a CPU accounts for. wall is the time in which the "
        "thread was observed, and the shares say how much of it the thread was on a CPU, "
        "waited for the GIL, or was blocked or idle in a system call; what is missing to 100% "
        "it was ready to run, but no CPU was free.\n"
        "\n"
        "Threads that run no Python (of libraries, and the recorder's own) have a CPU time "
        "and nothing else; in a range of time or for a state nothing is known of them, and they "
        "are not shown. With --match or --exclude only the samples are counted whose stack "
        "has such a place, or has none.",
    .example = "pyanalyze threads --sort gil_wait_share run.trace",
    .takes = TAKES_SORT | TAKES_LIMIT | TAKES_COLUMNS | TAKES_THREAD | TAKES_PROCESS |
             TAKES_PLACES | TAKES_FORMAT | TAKES_COLOR | TAKES_JOBS | TAKES_RANGE | TAKES_STATE |
             TAKES_BY,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_TABLE,
    .output = "text",
    .rows = ROW_THREAD,
    .columns = "process,thread,thread_id,wall,cpu_time,on_cpu_share,gil_wait_share,blocked_share,"
               "samples,unattributed",
    .machine_columns = "process,thread,thread_id,kind,wall,cpu_time,on_cpu,ready,gil_wait,blocked,"
                       "on_cpu_share,ready_share,gil_wait_share,blocked_share,ticks,samples,"
                       "unattributed",
    .sort = "cpu_time,samples,process,thread,thread_id",
    .build = build_threads,
};
