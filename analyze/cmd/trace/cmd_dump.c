/* SPDX-License-Identifier: MIT */
/* dump: every sample, one line each. */
#include "analyze/ask/request.h"
#include "analyze/base/memory.h"
#include "analyze/cli/command.h"
#include "analyze/export/dump.h"

#include <stdlib.h>

/* The samples, and whom to tell when there is one. */
struct log {
    struct dump *dump;
    struct view *view;
};

static void release_log(void *closure)
{
    struct log *const log = closure;
    dump_close(log->dump);
    free(log);
}

static bool log_next(void *closure, struct row *row)
{
    struct log *const log = closure;
    if (!dump_next(log->dump, row))
        return false;
    log->view->nothing = false;
    return true;
}

static enum status build_dump(struct request *request, struct view *view, struct problem *why)
{
    struct log *const log = memory_get(sizeof *log);
    (void)why;
    log->view = view;
    log->dump = dump_open(request->trace, &request->select, args_count(request->args, "limit", 0));
    view->shape = SHAPE_LOG;
    view->closure = log;
    view->next = log_next;
    view->release = release_log;
    view->nothing = true; /* until there is something */
    return STATUS_OK;
}

const struct command command_dump = {
    .name = "dump",
    .synopsis = "[options] [FILE...]",
    .summary = "every sample in order of time, one line each",
    .text = "Per sample: the time since the start in seconds, process, thread, state, the system "
            "call it was blocked in, the CPU seconds its clock moved since its previous sample, "
            "and its stack, leaf first, each frame as `function (file:line)`. Ticks at which the "
            "recorder only saw that the thread had not run have a line as well. With "
            "--format json each line is one JSON object. All samples are written unless --limit "
            "says how many.",
    .example = "pyanalyze dump --thread MainThread --limit 100 run.trace",
    .takes = TAKES_LIMIT | TAKES_COLUMNS | TAKES_THREAD | TAKES_PROCESS | TAKES_PLACES |
             TAKES_FORMAT | TAKES_RANGE | TAKES_STATE | TAKES_NATIVE,
    .min_files = 1,
    .max_files = SIZE_MAX,
    .shape = SHAPE_LOG,
    .output = "text",
    .rows = ROW_SAMPLE,
    .columns = "time,process,thread,state,call,cpu,stack",
    .machine_columns = "time,process,thread,thread_id,state,call,task,cpu,stack",
    .build = build_dump,
};
