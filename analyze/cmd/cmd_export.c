/* SPDX-License-Identifier: MIT */
/* export: whole profiles, in the forms of other programs. */
#include "../command.h"
#include "../metric.h"
#include "../request.h"
#include "../stacks.h"

static enum status build_export(struct request *request, struct view *view, struct problem *why)
{
    const char *const by = args_text(request->args, "by");
    (void)why;
    request_profile(request);
    profile_keep_stacks(&request->profile, &request->select);
    stacks_build(view, &request->profile, by != NULL ? metric_find(by) : &metrics[METRIC_SAMPLES],
                 args_flag(request->args, "threads") ? STACKS_PER_THREAD : STACKS_MERGED);
    return STATUS_OK;
}

static const struct option options[] = {
    {"output", 'o', "FILE", OPTION_TEXT, "write to this file instead of standard output", NULL, 0},
    {"by", 'b', "METRIC", OPTION_CHOICE,
     "what a stack weighs; default samples; times are in microseconds", metric_name, 0},
    {"threads", 0, NULL, OPTION_FLAG, "put the thread's name above its stacks", NULL, 0},
    OPTION_END,
};

const struct command command_export = {
    .name = "export",
    .synopsis = "--format NAME [options] FILE...",
    .summary = "whole stacks, for other programs",
    .text = "Writes every stack with its weight. The format folded has one line per stack, "
            "root;...;leaf N, each frame as `function (file:line)`; a semicolon in a name is "
            "written \\x3b, a newline \\n.",
    .example = "pyanalyze export --format folded --by cpu -o run.folded run.trace",
    .takes = TAKES_THREAD | TAKES_PROCESS | TAKES_PLACES | TAKES_FORMAT | TAKES_JOBS | TAKES_RANGE |
             TAKES_STATE,
    .options = options,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_STACKS,
    .output = "folded",
    .build = build_export,
};
