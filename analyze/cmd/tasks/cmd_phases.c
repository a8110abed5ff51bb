/* SPDX-License-Identifier: MIT */
/* phases: what the program has said that it does. */
#include "analyze/ask/request.h"
#include "analyze/base/memory.h"
#include "analyze/cli/command.h"
#include "analyze/time/phases.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *by_name(size_t i)
{
    static const char *const names[] = {"name", "detail", "label"};
    return i < sizeof names / sizeof *names ? names[i] : NULL;
}

struct phases_answer {
    struct phases phases;
};

static void release(void *closure)
{
    struct phases_answer *const answer = closure;
    phases_clear(&answer->phases);
    free(answer);
}

static void tell(const struct request *request, struct view *view, const struct phases *phases)
{
    if (phases->n_lost > 0) {
        char text[160];
        snprintf(text, sizeof text,
                 "%" PRIu64
                 " phases, labels and marks could not be kept: they are not counted here.",
                 phases->n_lost);
        view_add_note(view, arena_copy(&view->arena, text, strlen(text)));
    }
    if (phases->n == 0 && request->select.n_contexts == 0)
        view_add_note(view, phases->by == PHASES_BY_LABEL
                                ? "No label was set: pyrec.set_label(KEY, VALUE) does so."
                                : "No phase was recorded: with pyrec.phase(NAME): makes one.");
}

static enum status build_phases(struct request *request, struct view *view, struct problem *why)
{
    struct phases_answer *const answer = memory_get(sizeof *answer);
    struct phases *const phases = &answer->phases;
    size_t n = 0;
    (void)why;
    *answer = (struct phases_answer){0};
    view->closure = answer;
    view->release = release;
    phases_read(phases, request->trace, &request->select,
                (enum phases_by)args_choice(request->args, "by", by_name));
    view->shape = SHAPE_TABLE;
    struct group *const group = view_add_group(view, NULL, phases->n);
    for (size_t i = 0; i < phases->n; i++) {
        const struct phase_group *const g = &phases->groups[i];
        if (!request_has_process(request, g->process))
            continue;
        group->rows[n++] = (struct row){
            .process = g->process, .phase = g, .self = &g->weights, .total = &g->weights};
    }
    group->n_rows = n;
    tell(request, view, phases);
    return STATUS_OK;
}

static const struct option options[] = {
    {"by", 'b', "WHAT", OPTION_CHOICE,
     "what is one row: phases of one name (default), of one name and detail, or with one label",
     by_name, 0},
    OPTION_END,
};

const struct command command_phases = {
    .name = "phases",
    .synopsis = "[options] FILE...",
    .summary = "what the program says it does: how often, how long, at what cost",
    .text = "A phase is what a program does within pyrec.phase(NAME, DETAIL), in a thread or an "
            "asyncio task; docs/PYTHON.md says how. count, total, mean and longest were measured "
            "by the program itself; cpu_time, gil_wait and blocked come from the samples in the "
            "phase, \u00b1 a 95 % interval, and samples says how many there are. A sample counts "
            "for each phase that it is in, so a phase includes what is done in the phases within "
            "it. A task that waits in an await has no thread: blocked does not include that "
            "time, total does.\n"
            "\n"
            "With --from and --to, phases count if they begin in that range of time, and samples "
            "if they lie in it. With --phase or --label there are rows for those phases and for "
            "the phases within them. A phase that did not end while it was recorded counts in "
            "open and not in the times. --phase NAME=DETAIL chooses samples in all other "
            "commands.",
    .example = "pyanalyze phases --by detail run.trace",
    .takes = TAKES_SORT | TAKES_LIMIT | TAKES_COLUMNS | TAKES_THREAD | TAKES_PROCESS |
             TAKES_FORMAT | TAKES_COLOR | TAKES_RANGE | TAKES_STATE,
    .options = options,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_TABLE,
    .output = "text",
    .rows = ROW_PHASE,
    .columns = "process,phase,detail,count,open,total,mean,longest_phase,cpu_time,cpu_time_error,"
               "gil_wait,gil_wait_error,blocked,blocked_error,samples",
    .machine_columns = "process,phase,detail,count,open,total,mean,longest_phase,longest_at,"
                       "cpu_time,cpu_time_error,on_cpu,ready,gil_wait,gil_wait_error,blocked,"
                       "blocked_error,unknown,wall,ticks,samples",
    .sort = "total,cpu_time,process,phase,detail",
    .build = build_phases,
};
