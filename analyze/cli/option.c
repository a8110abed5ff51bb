/* SPDX-License-Identifier: MIT */
#include "option.h"

#include "analyze/base/sink.h"
#include "analyze/model/dict.h"
#include "analyze/model/metric.h"
#include "analyze/model/state.h"
#include "output.h"

static const struct option common[] = {
    {"sort", 0, "COLUMN", OPTION_TEXT,
     "the column that decides the order; numbers from large to small", NULL, TAKES_SORT},
    {"limit", 'n', "N", OPTION_COUNT,
     "rows per table; 0 = all, which is what csv and json do unless told otherwise; else as many "
     "as fit a screen, all tables together",
     NULL, TAKES_LIMIT},
    {"columns", 0, "LIST", OPTION_TEXT,
     "the columns to show, with commas between them; where a terminal is too narrow for the usual "
     "ones, numbers are given up in a fixed order, and a line says which",
     NULL, TAKES_COLUMNS},
    {"thread", 't', "WHICH", OPTION_TEXT,
     "only threads with this name, number in the OS, or name like this pattern (* ? []); can be "
     "given several times",
     NULL, TAKES_THREAD},
    {"process", 'p', "PID", OPTION_COUNT, "only this process; can be given several times", NULL,
     TAKES_PROCESS},
    {"match", 'm', "REGEX", OPTION_TEXT,
     "only places whose function, file or FILE:FUNCTION matches; where stacks are shown, only "
     "stacks "
     "with such a place",
     NULL, TAKES_PLACES},
    {"exclude", 'x', "REGEX", OPTION_TEXT,
     "no places whose function, file or FILE:FUNCTION matches; where stacks are shown, no stacks "
     "with such a "
     "place",
     NULL, TAKES_PLACES},
    {"from", 0, "TIME", OPTION_TEXT,
     "only samples from then on: 12.5, 12.5s or 2m since the start, -30s before the end, 14:03:05, "
     "\"2026-05-06 14:03\"; without a zone in the time zone of the caller",
     NULL, TAKES_RANGE},
    {"to", 0, "TIME", OPTION_TEXT, "only samples before then", NULL, TAKES_RANGE},
    {"state", 0, "LIST", OPTION_TEXT,
     "only samples in one of these states, with commas between them, or blocked in the system call "
     "of that name",
     state_name, TAKES_STATE},
    {"phase", 0, "NAME[=DETAIL]", OPTION_TEXT,
     "only samples in a phase of that name (pyrec.phase()), or pattern; may be given several times",
     NULL, TAKES_STATE},
    {"label", 0, "KEY[=VALUE]", OPTION_TEXT,
     "only samples with that label (pyrec.set_label()), or pattern; may be given several times: of "
     "several keys all, of several values of one key one of them",
     NULL, TAKES_STATE},
    {"task", 0, "NAME", OPTION_TEXT,
     "only samples in which the task of that name ran, of asyncio or another event loop: a pattern "
     "for names, may come several times",
     NULL, TAKES_STATE},
    {"by", 'b', "METRIC", OPTION_CHOICE,
     "what decides the order, and what shares are of; default cpu", metric_name, TAKES_BY},
    {"merge-threads", 0, NULL, OPTION_FLAG, "one table for all threads", NULL, TAKES_MERGE},
    {"tasks", 0, NULL, OPTION_FLAG,
     "what a thread did in tasks of an event loop as threads of their own, one for each name of "
     "tasks: \"MainThread: fetch\"",
     NULL, TAKES_TASKS},
    {"native", 0, "WHICH", OPTION_CHOICE,
     "C frames of a recording made with pyrec --native: all, those at the leaf (what was called "
     "from "
     "Python last, and what ran in there), or hide them, so that what C took is its caller's; "
     "default all, for lines hide",
     dict_native_name, TAKES_NATIVE},
    {"group", 'g', NULL, OPTION_FLAG,
     "put the numbered threads of a pool together: Thread-1, Thread-2 .. as Thread-*, "
     "ThreadPoolExecutor-0_3 as ThreadPoolExecutor-*",
     NULL, TAKES_GROUP},
    {"format", 'f', "NAME", OPTION_CHOICE, "the form of the result", output_name, TAKES_FORMAT},
    {"color", 0, "WHEN", OPTION_CHOICE, "colours; auto means on a terminal, unless NO_COLOR is set",
     sink_color_name, TAKES_COLOR},
    {"full-paths", 0, NULL, OPTION_FLAG, "paths of files in full", NULL, TAKES_PATHS},
    {"follow", 0, NULL, OPTION_FLAG,
     "go on while the file is being written: on a terminal the table stays and is kept up to date, "
     "elsewhere a new one is written below the old one, with an empty line between, each time "
     "something was added, at most once a second; goes on in the next of numbered files (pyrec "
     "--rotate); ends when the recording does",
     NULL, TAKES_FOLLOW},
    {"jobs", 'j', "N", OPTION_COUNT, "threads that read the trace; default one per CPU", NULL,
     TAKES_JOBS},
    {"help", 'h', NULL, OPTION_FLAG, "this text", NULL, TAKES_ALWAYS},
};

const struct option *option_common(size_t i)
{
    return i < ARRAY_LEN(common) ? &common[i] : NULL;
}
