/* SPDX-License-Identifier: MIT */
/* export: whole profiles, in the forms of other programs. */
#include "analyze/ask/origin.h"
#include "analyze/ask/remainder.h"
#include "analyze/ask/request.h"
#include "analyze/base/memory.h"
#include "analyze/cli/command.h"
#include "analyze/cli/output.h"
#include "analyze/export/graph.h"
#include "analyze/export/stacks.h"
#include "analyze/model/metric.h"
#include "analyze/star/star.h"

#include <stdlib.h>
#include <string.h>

/* The stacks of a view as rows. */
struct list {
    const struct view *view;
    size_t next; /* node */
    struct sample sample;
    struct frame *frames;
    size_t frames_size;
};

static void release_list(void *closure)
{
    struct list *const list = closure;
    free(list->frames);
    free(list);
}

/* The frames from a node up to its thread; returns the thread's node. */
static const struct stack_node *fill_stack(struct list *list, const struct stack_node *node)
{
    const struct stack_node *const nodes = list->view->nodes;
    size_t n = 0;
    list->frames =
        memory_grow(list->frames, &list->frames_size, node->depth + 1, sizeof *list->frames);
    for (; node->thread == NULL; node = &nodes[node->parent])
        list->frames[n++] = node->frame;
    list->sample.stack = (struct stack){list->frames, n};
    return node;
}

static bool list_next(void *closure, struct row *row)
{
    struct list *const list = closure;
    while (++list->next < list->view->n_nodes) {
        const struct stack_node *const node = &list->view->nodes[list->next];
        if (node->weights == NULL || node->self == 0)
            continue;
        const struct thread *const thread = fill_stack(list, node)->thread;
        *row = (struct row){
            .process = thread->process,
            .thread = thread,
            .self = node->weights,
            .sample = &list->sample,
        };
        return true;
    }
    return false;
}

static void build_list(struct view *view)
{
    struct list *const list = memory_get(sizeof *list);
    list->view = view;
    view->shape = SHAPE_LIST;
    view->closure = list;
    view->next = list_next;
    view->release = release_list;
}

static const struct output *chosen_output(const struct args *args)
{
    const char *const format = args_text(args, "format");
    return output_find(format != NULL ? format : args->command->output);
}

static const char *redaction_name(size_t i)
{
    static const char *const names[] = {"hash", "drop"};
    return i < ARRAY_LEN(names) ? names[i] : NULL;
}

static const char *frames_name(size_t i)
{
    static const char *const names[] = {"function", "line"};
    return i < ARRAY_LEN(names) ? names[i] : NULL;
}

/* That of --frames, where the format leaves it open. */
static enum status choose_frames(const struct args *args, const struct output *output,
                                 bool *by_function, struct problem *why)
{
    const char *const frames = args_text(args, "frames");
    *by_function = output->frames == FRAMES_FUNCTION;
    if (frames == NULL)
        return STATUS_OK;
    if (output->frames == FRAMES_FIXED)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--frames is for folded, svg and speedscope; %s has the function and "
                           "the line, each in its place",
                           output->name);
    *by_function = strcmp(frames, frames_name(0)) == 0;
    return STATUS_OK;
}

/* Those that belong beside the view's own in a call graph. */
static void build_graphs(struct view *view, const struct output *output)
{
    static const enum metric_id usual[] = {METRIC_SAMPLES, METRIC_CPU, METRIC_WALL, METRIC_GIL_WAIT,
                                           METRIC_BLOCKED};
    const struct metric *more[ARRAY_LEN(usual)];
    size_t n = 0;
    for (size_t i = 0; output->more_metrics && i < ARRAY_LEN(usual); i++) {
        if (&metrics[usual[i]] != view->metric)
            more[n++] = &metrics[usual[i]];
    }
    graph_build(view, more, n);
}

/* What only tables have. */
static enum status check_options(const struct args *args, const struct output *output,
                                 struct problem *why)
{
    static const char *const names[] = {"bin", "redact", "redact-key"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (args_text(args, names[i]) != NULL)
            return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "--%s is for tables, not %s",
                               names[i], output->name);
    }
    return STATUS_OK;
}

static enum status build_export(struct request *request, struct view *view, struct problem *why)
{
    const struct args *const args = request->args;
    const struct output *const output = chosen_output(args);
    if (output->accepts & SHAPE_STAR)
        return star_ask(request, view, why);
    TRY(check_options(args, output, why));
    const char *const by = args_text(args, "by");
    const struct metric *const metric = by != NULL           ? metric_find(by)
                                        : output->by != NULL ? metric_find(output->by)
                                                             : &metrics[METRIC_SAMPLES];
    const bool over_time = (output->accepts & SHAPE_COURSE) != 0;
    const bool threads = args_flag(args, "threads") && !over_time;
    struct stacks_form form = {
        .root = output->per_thread || threads ? STACKS_PER_THREAD : STACKS_MERGED,
        .parts = output->parts,
    };
    TRY(choose_frames(args, output, &form.by_function, why));
    if (over_time)
        request->profile.stretches_by = metric;
    request->profile.stretches_keep_pace = output->keeps_pace;
    request->profile.by_task = request->profile.by_phase = output->per_part;
    request_profile(request);
    profile_keep_stacks(&request->profile, &request->select);
    stacks_build(view, &request->profile, metric, form);
    request->metric = metric;
    remainder_add_all(request, view);
    view->origin = origin_find(&view->arena, request, metric, view->notes, view->n_notes);
    view->from_ns = request->trace->window.from_ns;
    view->first_ns = trace_first_ns(request->trace);
    view->nothing = view->nodes[0].total == 0;
    if (over_time)
        view->shape = SHAPE_COURSE;
    else if (output->accepts & SHAPE_GRAPH)
        build_graphs(view, output);
    else if (output->accepts & SHAPE_LIST)
        build_list(view);
    return STATUS_OK;
}

static const struct option options[] = {
    {"output", 'o', "FILE", OPTION_TEXT,
     "write to this file instead of standard output (-); it appears when it is whole; of tables it "
     "is a directory",
     NULL, 0},
    {"by", 'b', "METRIC", OPTION_CHOICE,
     "what a stack weighs; default samples, but wall for speedscope and cpu for pstats; stacks "
     "that weigh nothing are left out",
     metric_name, 0},
    {"frames", 0, "WHAT", OPTION_CHOICE,
     "what one frame is in folded, svg and speedscope: a function, or each line of it; default "
     "line for svg, else function, as those who read the others add up what has the same name",
     frames_name, 0},
    {"threads", 0, NULL, OPTION_FLAG,
     "put the thread's name above its stacks; formats that know threads have it there anyway", NULL,
     0},
    {"bin", 0, "TIME", OPTION_TEXT,
     "of tables: for how long weights are added up, in whole seconds; default 1m", NULL, 0},
    {"redact", 0, "HOW", OPTION_CHOICE,
     "of tables: names, paths and words of the program are hashed by the key, or dropped",
     redaction_name, 0},
    {"redact-key", 0, "FILE", OPTION_TEXT,
     "a file with the key, 32 hexadecimal digits: hosts with the same key have the same hashes and "
     "numbers",
     NULL, 0},
    OPTION_END,
};

const struct command command_export = {
    .name = "export",
    .synopsis = "--format NAME [options] [FILE...]",
    .summary = "whole profiles, for other programs",
    .text =
        "Writes a whole profile in a form that another program reads; docs/EXPORT.md says how "
        "to open it. All of them are of the same samples: --by, filters and ranges hold for "
        "each, and the weights add up to the same sum.\n\n"
        "csv and json have one row per thread and stack, the stack's frames leaf first, with "
        "all metrics; --by only decides which rows there are.\n\n"
        "tables is a directory of zstd-compressed csv for databases: recordings, processes, "
        "threads, functions, locations, stacks, weights per time, thread, stack and state, "
        "stalls, waits for the GIL, phases and marks; docs/TABLES.md says what the columns mean. "
        "Each recording has a file of its own in each table, named by its id, and numbers of "
        "functions and stacks are the same everywhere, so that those of many hosts can be put "
        "together. A directory that is there is only replaced where it is an earlier export of "
        "the same recordings.",
    .example = "pyanalyze export --format folded --by cpu -o run.folded run.trace",
    .takes = TAKES_THREAD | TAKES_PROCESS | TAKES_PLACES | TAKES_FORMAT | TAKES_JOBS | TAKES_RANGE |
             TAKES_STATE | TAKES_TASKS | TAKES_NATIVE,
    .options = options,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_STACKS | SHAPE_LIST | SHAPE_COURSE | SHAPE_GRAPH | SHAPE_STAR,
    .output = "folded",
    .rows = ROW_STACK,
    .machine_columns = "process,thread,thread_id,cpu_time,ticks,samples,wall,on_cpu,ready,gil_wait,"
                       "blocked,unknown,stack",
    .build = build_export,
};
