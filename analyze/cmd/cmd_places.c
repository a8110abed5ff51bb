/* SPDX-License-Identifier: MIT */
/* lines and functions: the same table by two keys. */
#include "../command.h"
#include "../fold.h"
#include "../memory.h"
#include "../request.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How much of a command line names a process in a heading. */
#define TITLE_MAX 40

#define PLACE_TEXT                                                                                 \
    "The heading says how often the thread was observed, and the CPU seconds that its table "      \
    "accounts for. cpu_time is of the thread's own clock and only ever counted where the thread "  \
    "was seen on a CPU. ticks are sampling intervals, time in which it was blocked included; "     \
    "samples are how often it was observed, fewer than ticks when ticks were missed. (cum) is "    \
    "the "                                                                                         \
    "same for all stacks that contain the place, once per stack, so recursion counts once.\n"      \
    "\n"                                                                                           \
    "--match and --exclude choose rows; the numbers stay what they are."

static size_t count_processes(struct profile_thread *const *threads, size_t n)
{
    size_t n_processes = 0;
    for (size_t i = 0; i < n; i++) /* they are in order of process */
        n_processes += i == 0 || threads[i]->thread->process != threads[i - 1]->thread->process;
    return n_processes;
}

/* "902 samples, 9.036564 seconds" */
static const char *print_total(struct view *view, const struct weights *total)
{
    const struct weight sum = weights_sum(total);
    struct buffer text = {0};
    buffer_print(&text, "%" PRIu64 " sample%s, ", sum.samples, sum.samples == 1 ? "" : "s");
    seconds_print(&text, (int64_t)sum.cpu, 6);
    buffer_add_text(&text, " seconds");
    const char *const copy = arena_copy(&view->arena, text.text, text.len);
    buffer_clear(&text);
    return copy;
}

static const char *thread_heading(struct view *view, const struct profile_thread *t,
                                  bool name_process)
{
    const struct process *const process = t->thread->process;
    const char *const total = print_total(view, &t->total);
    if (!name_process)
        return arena_print(&view->arena, "Thread %s (%s)", t->thread->name, total);
    const char *const title = process_title(process);
    return arena_print(&view->arena, "Thread %s of process %" PRIu32 " (%.*s%s) (%s)",
                       t->thread->name, process->pid, TITLE_MAX, title,
                       strlen(title) > TITLE_MAX ? "..." : "", total);
}

/* One group: the rows of these threads together. NULL when none is asked for. */
static struct group *add_table(struct view *view, struct fold *fold, const struct request *request,
                               const struct key *key, struct profile_thread *const *threads,
                               size_t n_threads, const char *heading)
{
    const struct profile *const profile = &request->profile;
    struct weights *const total = arena_get(&view->arena, sizeof *total);
    const struct thread *const thread = n_threads == 1 ? threads[0]->thread : NULL;
    const struct process *const process =
        count_processes(threads, n_threads) == 1 ? threads[0]->thread->process : NULL;
    size_t n, kept = 0;
    struct fold_row *const rows = fold_threads(fold, threads, n_threads, &view->arena, &n);

    for (size_t i = 0; i < n_threads; i++)
        weights_add(total, &threads[i]->total);
    struct group *const group = view_add_group(view, heading, n);
    group->total = (struct row){.process = process, .thread = thread, .self = total};
    for (size_t i = 0; i < n; i++) {
        const struct frame frame = key->frame(&profile->symbols, rows[i].value);
        if (!select_has_place(&request->select, &frame))
            continue;
        group->rows[kept++] = (struct row){.process = process,
                                           .thread = thread,
                                           .frame = frame,
                                           .self = &rows[i].self,
                                           .cum = &rows[i].cum,
                                           .total = total};
    }
    group->n_rows = kept;
    if (kept == 0) { /* the expressions leave nothing of this thread */
        view->n_groups--;
        return NULL;
    }
    return group;
}

static void merged_table(struct view *view, struct fold *fold, const struct request *request,
                         const struct key *key, struct profile_thread *const *threads, size_t n)
{
    struct group *const group = add_table(view, fold, request, key, threads, n, NULL);
    if (group == NULL)
        return;
    const size_t n_processes = count_processes(threads, n);
    const char *const total = print_total(view, group->total.self);
    if (n_processes > 1)
        group->heading =
            arena_print(&view->arena, "All threads of %zu processes (%s)", n_processes, total);
    else
        group->heading = arena_print(&view->arena, "All threads (%s)", total);
}

static enum status build_places(struct request *request, struct view *view, enum key_id id)
{
    const struct profile *const profile = &request->profile;
    const struct key *const key = &keys[id];
    struct profile_thread **threads;
    size_t n = 0;

    request_profile(request);
    view->shape = SHAPE_TABLE;
    threads = memory_get(profile->n_threads * sizeof(struct profile_thread *));
    for (size_t i = 0; i < profile->n_threads; i++) {
        if (weights_sum(&profile->threads[i]->total).samples > 0)
            threads[n++] = profile->threads[i];
    }
    struct fold *const fold = fold_open(profile, key);
    if (n > 0 && args_flag(request->args, "merge-threads")) {
        merged_table(view, fold, request, key, threads, n);
    } else {
        const bool name_process = count_processes(threads, n) > 1;
        for (size_t i = 0; i < n; i++)
            add_table(view, fold, request, key, &threads[i], 1,
                      thread_heading(view, threads[i], name_process));
    }
    if (view->n_groups == 0)
        view_add_note(view, "There are no samples of what was asked for.");
    fold_close(fold);
    free(threads);
    return STATUS_OK;
}

static enum status build_lines(struct request *request, struct view *view, struct problem *why)
{
    (void)why;
    return build_places(request, view, KEY_LINE);
}

static enum status build_functions(struct request *request, struct view *view, struct problem *why)
{
    (void)why;
    return build_places(request, view, KEY_FUNCTION);
}

#define PLACE_TAKES                                                                                \
    (TAKES_SORT | TAKES_LIMIT | TAKES_COLUMNS | TAKES_THREAD | TAKES_PROCESS | TAKES_PLACES |      \
     TAKES_MERGE | TAKES_FORMAT | TAKES_COLOR | TAKES_PATHS | TAKES_JOBS | TAKES_RANGE |           \
     TAKES_STATE | TAKES_BY)
#define PLACE_COLUMNS "cpu_time,cpu_time_cum,ticks,ticks_cum,samples,samples_cum,place,function"
#define PLACE_MACHINE_COLUMNS                                                                      \
    "process,thread,thread_id,cpu_time,cpu_time_cum,ticks,ticks_cum,samples,samples_cum,wall,"     \
    "wall_cum,file,line,function"
#define PLACE_SORT "cpu_time,samples,cpu_time_cum,samples_cum,file,line,function"

const struct command command_lines = {
    .name = "lines",
    .synopsis = "[options] FILE...",
    .summary = "CPU time, ticks and samples of every line, per thread",
    .text = "One table per thread, the thread that used most CPU first, its heaviest line "
            "first.\n\n" PLACE_TEXT,
    .example = "pyanalyze lines --thread MainThread --limit 10 run.trace",
    .takes = PLACE_TAKES,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_TABLE,
    .output = "text",
    .rows = ROW_PLACE,
    .columns = PLACE_COLUMNS,
    .machine_columns = PLACE_MACHINE_COLUMNS,
    .sort = PLACE_SORT,
    .build = build_lines,
};

const struct command command_functions = {
    .name = "functions",
    .synopsis = "[options] FILE...",
    .summary = "CPU time, ticks and samples of every function, per thread",
    .text = "As lines, but all lines of a function together; the line number is where the "
            "function begins.\n\n" PLACE_TEXT,
    .example = "pyanalyze functions --sort cpu_time_cum --merge-threads run.trace",
    .takes = PLACE_TAKES,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_TABLE,
    .output = "text",
    .rows = ROW_PLACE,
    .columns = PLACE_COLUMNS,
    .machine_columns = PLACE_MACHINE_COLUMNS,
    .sort = PLACE_SORT,
    .build = build_functions,
};
