/* SPDX-License-Identifier: MIT */
/* lines, functions, files, modules: the same table by different keys. */
#include "analyze/ask/remainder.h"
#include "analyze/ask/request.h"
#include "analyze/base/memory.h"
#include "analyze/cli/command.h"
#include "analyze/weigh/fold.h"
#include "analyze/weigh/thread_group.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PLACE_TEXT                                                                                 \
    "The heading says how often the thread was observed, and the CPU seconds that its "            \
    "table accounts for. cpu_time comes from the thread's own clock and is counted only "          \
    "where the thread was seen on a CPU. ticks counts sampling intervals, including "              \
    "those in which the thread was blocked; samples counts how often the thread was "              \
    "observed, which is less often when ticks were missed. The (cum) columns count every "         \
    "stack that contains the place, once per stack, so recursion counts once.\n"                   \
    "\n"                                                                                           \
    "The line below a table says how much of the total of --by its rows have, how large "          \
    "the largest share is, with its sampling error, and below which share a row cannot "           \
    "be told from nothing; a terminal shows such rows dimmed. \u00b1 is a 95% interval: "          \
    "in 95 of 100 cases it contains what an unbroken look at this recording would have "           \
    "found. It is the farther end of Wilson's interval for independent samples; the "              \
    "share of a thread that stays in one place is known better than that. It says "                \
    "nothing about another run of the program. The columns share, error, share_cum and "           \
    "error_cum have the numbers.\n"                                                                \
    "\n"                                                                                           \
    "Lines at the end say what the rows leave out, if it is 2% or more: CPU that the "             \
    "process used in threads that run no Python or that ended before they were looked "            \
    "at; samples whose stack was cut (<truncated>), and which --max-depth keeps such "             \
    "stacks whole; samples whose stack could not be read (<failed>). <no Python frames> "          \
    "is what a thread did while it had no Python frame: before the program's first frame "         \
    "(the interpreter starts and compiles the main script), after its last one (the "              \
    "interpreter frees everything), or in between (C code that no Python function "                \
    "called). A program begins with the <module> of its script; in a thread without a "            \
    "script, with any frame.\n"                                                                    \
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

/* Threads whose rows stand in one table. */
struct subject {
    struct profile_thread *const *threads;
    size_t n_threads;
    const struct process *process; /* NULL = of several */
    const struct thread *thread;   /* NULL = of several that have no common name */
};

/* "Thread main of process 17 (demo.py) (902 samples, 9.036564 seconds)" */
static const char *subject_heading(struct view *view, const struct subject *s,
                                   const struct weights *total, bool name_process)
{
    struct buffer text = {0};
    const char *const sums = print_total(view, total);
    if (s->thread == NULL)
        buffer_add_text(&text, "All threads");
    else
        buffer_print(&text, "Thread%s %s", s->n_threads > 1 ? "s" : "", s->thread->name);
    if (s->thread == NULL && s->process == NULL)
        buffer_print(&text, " of %zu processes", count_processes(s->threads, s->n_threads));
    if (s->thread != NULL && name_process)
        buffer_print(&text, " of process %s", view_name_process(view, s->process));
    if (s->thread != NULL && s->n_threads > 1)
        buffer_print(&text, " (%zu threads, %s)", s->n_threads, sums);
    else
        buffer_print(&text, " (%s)", sums);
    const char *const copy = arena_copy(&view->arena, text.text, text.len);
    buffer_clear(&text);
    return copy;
}

/* One group: the rows of these threads together, if any is asked for. */
static void add_table(struct view *view, struct fold *fold, const struct request *request,
                      const struct key *key, const struct subject *subject, bool name_process)
{
    const struct symbols *const symbols = &request->profile.symbols;
    struct basis *const basis = arena_get(&view->arena, sizeof *basis);
    size_t n, kept = 0;
    struct fold_row *const rows =
        fold_threads(fold, subject->threads, subject->n_threads, &view->arena, &n);

    *basis = profile_basis(subject->threads, subject->n_threads, request->metric);
    const char *const heading = subject_heading(view, subject, &basis->total, name_process);
    struct group *const group = view_add_group(view, heading, n);
    group->total =
        (struct row){.process = subject->process, .thread = subject->thread, .self = &basis->total};
    for (size_t i = 0; i < n; i++) {
        const struct frame frame = key->frame(symbols, rows[i].value);
        if (!select_has_place(&request->select, &frame))
            continue;
        group->rows[kept++] = (struct row){.process = subject->process,
                                           .thread = subject->thread,
                                           .frame = frame,
                                           .module = key->module(symbols, rows[i].value),
                                           .self = &rows[i].self,
                                           .cum = &rows[i].cum,
                                           .c = &rows[i].c,
                                           .total = &basis->total,
                                           .basis = basis};
    }
    group->n_rows = kept;
    if (kept == 0) /* the expressions leave nothing of this thread */
        view->n_groups--;
}

static void add_merged(struct view *view, struct fold *fold, const struct request *request,
                       const struct key *key, struct profile_thread *const *threads, size_t n)
{
    const bool one = count_processes(threads, n) == 1;
    const struct subject all = {threads, n, one ? threads[0]->thread->process : NULL,
                                n == 1 ? threads[0]->thread : NULL};
    add_table(view, fold, request, key, &all, false);
}

static void add_groups(struct view *view, struct fold *fold, const struct request *request,
                       const struct key *key, struct profile_thread **threads, size_t n)
{
    const bool name_process = count_processes(threads, n) > 1;
    struct grouped_thread *const sorted = thread_group_sort(&view->arena, threads, n);
    for (size_t i = 0; i < n; i++)
        threads[i] = sorted[i].thread;
    for (size_t i = 0, size; i < n; i += size) {
        size = thread_group_size(sorted + i, n - i);
        const struct subject subject = {threads + i, size, threads[i]->thread->process,
                                        thread_group_thread(&view->arena, sorted + i, size)};
        add_table(view, fold, request, key, &subject, name_process);
    }
    free(sorted);
}

static void add_each(struct view *view, struct fold *fold, const struct request *request,
                     const struct key *key, struct profile_thread *const *threads, size_t n)
{
    const bool name_process = count_processes(threads, n) > 1;
    for (size_t i = 0; i < n; i++) {
        const struct thread *const thread = threads[i]->thread;
        const struct subject subject = {&threads[i], 1, thread->process, thread};
        add_table(view, fold, request, key, &subject, name_process);
    }
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
    const bool python =
        request->args->command->hides_native && args_text(request->args, "native") == NULL;
    struct fold *const fold = python ? fold_open_python(profile, key) : fold_open(profile, key);
    if (n > 0 && args_flag(request->args, "merge-threads"))
        add_merged(view, fold, request, key, threads, n);
    else if (args_flag(request->args, "group"))
        add_groups(view, fold, request, key, threads, n);
    else
        add_each(view, fold, request, key, threads, n);
    if (view->n_groups == 0)
        view->nothing = true;
    remainder_add_notes(request, view);
    fold_close(fold);
    free(threads);
    return STATUS_OK;
}

static enum status build_lines(struct request *request, struct view *view, struct problem *why)
{
    (void)why;
    return build_places(request, view, KEY_LINE);
}

/* The tables of cProfile and yappi, each with the clock that the tool has. */
static const struct command_style styles[] = {
    {"cprofile", "ncalls,tottime,percall,cumtime,percall_cum,stdname", "tottime,cumtime,stdname",
     METRIC_WALL},
    {"yappi", "name,ncall,tsub,ttot,tavg", "ttot,tsub,name", METRIC_CPU},
    {NULL, NULL, NULL, METRIC_CPU},
};

static const char *style_name(size_t i)
{
    return styles[i].name;
}

static enum status build_functions(struct request *request, struct view *view, struct problem *why)
{
    const struct args *const args = request->args;
    const struct command_style *const style =
        command_style(args->command, args_text(args, "style"));
    if (style != NULL && args_text(args, "by") == NULL)
        request->metric = &metrics[style->metric];
    if (style != NULL && request->metric->unit != UNIT_SECONDS)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--style %s has columns of seconds; --by %s has none", style->name,
                           request->metric->by);
    return build_places(request, view, KEY_FUNCTION);
}

static enum status build_files(struct request *request, struct view *view, struct problem *why)
{
    (void)why;
    return build_places(request, view, KEY_FILE);
}

static enum status build_modules(struct request *request, struct view *view, struct problem *why)
{
    (void)why;
    return build_places(request, view,
                        args_flag(request->args, "packages") ? KEY_PACKAGE : KEY_MODULE);
}

/* What all of them have in common. */
#define PLACE_TAKES                                                                                \
    (TAKES_SORT | TAKES_LIMIT | TAKES_COLUMNS | TAKES_THREAD | TAKES_PROCESS | TAKES_PLACES |      \
     TAKES_MERGE | TAKES_FORMAT | TAKES_FOLLOW | TAKES_COLOR | TAKES_PATHS | TAKES_JOBS |          \
     TAKES_RANGE | TAKES_STATE | TAKES_BY | TAKES_GROUP | TAKES_TASKS | TAKES_NATIVE)
#define PLACE_COMMAND                                                                              \
    .synopsis = "[options] [FILE...]", .takes = PLACE_TAKES, .min_files = 1,                       \
    .max_files = SIZE_MAX, .shape = SHAPE_TABLE, .output = "text", .rows = ROW_PLACE

#define NUMBER_COLUMNS "cpu_time,cpu_time_cum,ticks,ticks_cum,samples,samples_cum"
#define PLACE_COLUMNS  NUMBER_COLUMNS ",place,function"
#define LINE_COLUMNS                                                                               \
    "cpu_time,cpu_time_cum,c_time,ticks,ticks_cum,samples,samples_cum,place,function"
#define NUMBER_MACHINE_COLUMNS "process,thread,thread_id," NUMBER_COLUMNS ",wall,wall_cum"
#define PLACE_MACHINE_COLUMNS  NUMBER_MACHINE_COLUMNS ",file,line,function"
#define PLACE_SORT             "cpu_time,samples,cpu_time_cum,samples_cum,file,line,function"

const struct command command_lines = {
    PLACE_COMMAND,
    .name = "lines",
    .hides_native = true,
    .summary = "CPU time, ticks and samples of every line, per thread",
    .text =
        "One table per thread, the thread that used most CPU first, its heaviest line "
        "first. Of a recording made with pyrec --native, c_time says which part of a line's time "
        "was in C functions that it called; with --native=all these have rows of their "
        "own.\n\n" PLACE_TEXT,
    .example = "pyanalyze lines --thread MainThread --limit 10 run.trace",
    .columns = LINE_COLUMNS,
    .machine_columns = PLACE_MACHINE_COLUMNS,
    .sort = PLACE_SORT,
    .build = build_lines,
};

static const struct option function_options[] = {
    {"style", 0, "NAME", OPTION_CHOICE,
     "as the table of another tool: cprofile (wall time, unless --by says another) or yappi (CPU "
     "time); what a sampler cannot know, the number of calls, is -",
     style_name, 0},
    OPTION_END,
};

const struct command command_functions = {
    PLACE_COMMAND,
    .name = "functions",
    .summary = "CPU time, ticks and samples of every function, per thread",
    .text = "As lines, but all lines of a function together; the line number is where the "
            "function begins. With --style the table has the columns of another tool: tottime and "
            "tsub are self seconds, cumtime and ttot cumulative ones.\n\n" PLACE_TEXT,
    .example = "pyanalyze functions --sort cpu_time_cum --merge-threads run.trace",
    .options = function_options,
    .columns = PLACE_COLUMNS,
    .machine_columns = PLACE_MACHINE_COLUMNS,
    .sort = PLACE_SORT,
    .styles = styles,
    .build = build_functions,
};

const struct command command_files = {
    PLACE_COMMAND,
    .name = "files",
    .summary = "CPU time, ticks and samples of every source file, per thread",
    .text = "As lines, but all lines of a file together. What has no file stands under its own "
            "name.\n\n" PLACE_TEXT,
    .example = "pyanalyze files --merge-threads --by wall run.trace",
    .columns = NUMBER_COLUMNS ",file",
    .machine_columns = NUMBER_MACHINE_COLUMNS ",file",
    .sort = "cpu_time,samples,cpu_time_cum,samples_cum,file",
    .build = build_files,
};

static const struct option module_options[] = {
    {"packages", 0, NULL, OPTION_FLAG, "all modules of a package together", NULL, 0},
    OPTION_END,
};

const struct command command_modules = {
    PLACE_COMMAND,
    .name = "modules",
    .summary = "CPU time, ticks and samples of every module or package, per thread",
    .text = "As files, with the names of modules. A trace has no names of modules, so they are "
            "made from paths. The name is the part of the path below site-packages, "
            "dist-packages, the standard library, a zip archive or the folder that the program "
            "was started from (the folder of the script, or the one that has the package of "
            "`python -m package.module`); for other files it is the part below the outermost "
            "folder with an __init__.py. A package is the part of a name before its first point.\n"
            "\n"
            "" PLACE_TEXT,
    .example = "pyanalyze modules --packages --by gil_wait run.trace",
    .options = module_options,
    .columns = NUMBER_COLUMNS ",module,file",
    .machine_columns = NUMBER_MACHINE_COLUMNS ",module,file",
    .sort = "cpu_time,samples,cpu_time_cum,samples_cum,module,file",
    .build = build_modules,
};
