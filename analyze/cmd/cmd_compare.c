/* SPDX-License-Identifier: MIT */
/* compare: what cProfile and yappi saved, beside what was sampled. */
#include "analyze/ask/remainder.h"
#include "analyze/ask/request.h"
#include "analyze/base/memory.h"
#include "analyze/base/path.h"
#include "analyze/cli/command.h"
#include "analyze/compare/compare.h"

#include <inttypes.h>
#include <stdlib.h>

/* The same program has more than this share of its time in functions that both sides know. */
#define COMMON_LEAST 0.05

/* Everything that lives as long as the view. */
struct tables {
    struct tracer *tracers;
    struct compare *compares;
    size_t n;
};

static void release_tables(void *closure)
{
    struct tables *const t = closure;
    for (size_t i = 0; i < t->n; i++) {
        compare_clear(&t->compares[i]);
        tracer_clear(&t->tracers[i]);
    }
    free(t->tracers);
    free(t->compares);
    free(t);
}

static void add_table(struct view *view, const struct request *request, const char *path,
                      const struct tracer *tracer, const struct compare *compare)
{
    struct group *const group = view_add_group(view, NULL, compare->n);
    size_t kept = 0;
    group->heading = arena_print(
        &view->arena,
        "%s (%s, %" PRIu64 " calls, %.6f seconds) and %s (%" PRIu64 " samples, %.6f seconds)", path,
        tracer->form, tracer->calls, tracer->total_s, request->args->files[0], compare->samples,
        compare->sampled_ns / 1e9);
    for (size_t i = 0; i < compare->n; i++) {
        const struct compare_row *const row = &compare->rows[i];
        if (select_has_place(&request->select, &row->frame))
            group->rows[kept++] = (struct row){.frame = row->frame, .compare = row};
    }
    group->n_rows = kept;
    if (tracer->swapped)
        view_add_note(view, arena_print(&view->arena,
                                        "%s has all calls and those not recursive in each other's "
                                        "place, as yappi writes them; they are shown right.",
                                        path));
}

/* Cumulative time of what nobody called, that is in no function's own. */
static void note_missing(struct view *view, const char *path, const struct tracer *tracer)
{
    double root_s = 0;
    for (size_t i = 0; i < tracer->n; i++) {
        const struct tracer_function *const f = &tracer->functions[i];
        if (f->n_callers == 0)
            root_s += f->cum_s;
    }
    if (root_s > 1.05 * tracer->total_s)
        view_add_note(view,
                      arena_print(&view->arena,
                                  "%s: %.6f of %.6f seconds are in no function's own time: what is "
                                  "not Python was not traced, and is counted nowhere.",
                                  path, root_s - tracer->total_s, root_s));
}

/* Two programs have the start of Python in common, and nothing that took time. */
static void note_strangers(struct view *view, const char *trace, const char *path,
                           const struct tracer *tracer, const struct compare *compare)
{
    const double sampled = compare->sampled_ns > 0 ? compare->common_ns / compare->sampled_ns : 0;
    const double traced = tracer->total_s > 0 ? compare->common_s / tracer->total_s : 0;
    if (sampled >= COMMON_LEAST || traced >= COMMON_LEAST)
        return;
    view_add_note(view,
                  arena_print(&view->arena,
                              "Only %.1f%% of the time in %s and %.1f%% of that in %s is in "
                              "functions that both have: are they of the same program?",
                              100 * sampled, path_name(trace), 100 * traced, path_name(path)));
}

static enum status build_compare(struct request *request, struct view *view, struct problem *why)
{
    const struct args *const args = request->args;
    struct tables *const t = memory_get(sizeof *t);
    const size_t n = args->n_files - 1;
    size_t shown = 0;
    view->shape = SHAPE_TABLE;
    view->closure = t;
    view->release = release_tables;
    t->tracers = memory_get(n * sizeof *t->tracers);
    t->compares = memory_get(n * sizeof *t->compares);
    t->n = n;
    if (request->metric->unit != UNIT_SECONDS)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--by: tracers know seconds only; take cpu or wall");
    for (size_t i = 0; i < n; i++)
        TRY(tracer_read(&t->tracers[i], args->files[i + 1], why));
    request_profile(request);
    for (size_t i = 0; i < n; i++) {
        const char *const path = args->files[i + 1];
        compare_build(&t->compares[i], &request->profile, request->metric, &t->tracers[i]);
        add_table(view, request, path, &t->tracers[i], &t->compares[i]);
        note_missing(view, path, &t->tracers[i]);
        note_strangers(view, args->files[0], path, &t->tracers[i], &t->compares[i]);
        shown += view->groups[view->n_groups - 1].n_rows;
    }
    view->nothing = shown == 0;
    view_add_note(view, "Of what is not Python, sampled is what the lines that call it took: the "
                        "most that it can have taken.");
    remainder_add_notes(request, view);
    return STATUS_OK;
}

static const struct option options[] = {
    {"by", 'b', "METRIC", OPTION_CHOICE,
     "what the samples weigh: cpu (the default), or wall, the clock of cProfile, for a program "
     "that waits",
     metric_name, 0},
    OPTION_END,
};

const struct command command_compare = {
    .name = "compare",
    .synopsis = "[options] TRACE PROFILE...",
    .summary = "what cProfile or yappi saved, beside what was sampled",
    .text = "Reads profiles that cProfile, profile or yappi saved (pstats, of any version of "
            "Python) and the callgrind files of yappi, lsprofcalltree and the like, and sets "
            "them beside the trace, function by function, one table for each. Shares are of all "
            "self seconds. A tracer pays for every call, and that cost appears as time of the "
            "function that is called, or of its caller: the rows whose shares differ most come "
            "first. us/call is what each call, of the function or by it of what is not Python, "
            "took longer with the tracer, if both runs did the same work.\n"
            "\n"
            "Two functions are the same if their name, first line and the end of their file's "
            "path are. A function that is not Python, such as list.append, is a row of the "
            "tracer only; its time counts for its caller as well, as it does in the trace. Where "
            "the source can be read, the time of the lines that call it stands beside it.",
    .example = "pyanalyze compare run.trace run.pstats",
    .takes = TAKES_SORT | TAKES_LIMIT | TAKES_COLUMNS | TAKES_THREAD | TAKES_PROCESS |
             TAKES_PLACES | TAKES_FORMAT | TAKES_COLOR | TAKES_PATHS | TAKES_JOBS | TAKES_RANGE |
             TAKES_STATE,
    .options = options,
    .min_files = 2,
    .max_files = SIZE_MAX,
    .n_traces = 1,
    .shape = SHAPE_TABLE,
    .output = "text",
    .rows = ROW_COMPARE,
    .columns = "sampled_share,sampled_margin,traced_share,ratio,sampled_cum_share,traced_cum_share,"
               "calls,call_cost,place,function",
    .machine_columns = "sampled,sampled_cum,traced,traced_cum,sampled_share,sampled_margin,"
                       "traced_share,ratio,sampled_cum_share,traced_cum_share,calls,call_cost,"
                       "callee,file,line,function",
    .build = build_compare,
};
