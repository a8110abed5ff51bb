/* SPDX-License-Identifier: MIT */
/* top: a screen that is looked at while it is recorded. */
#include "analyze/cli/args.h"
#include "analyze/cli/command.h"
#include "analyze/read/input.h"
#include "analyze/top/top.h"
#include "format/base/spelling.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DELAY_MAX_S 86400u

/* Is there a terminal that can be drawn on? */
static bool has_terminal(void)
{
    const char *const term = getenv("TERM");
    return isatty(STDOUT_FILENO) == 1 && isatty(STDIN_FILENO) == 1 && term != NULL &&
           strcmp(term, "dumb") != 0;
}

static enum status run_top(const struct args *args, struct problem *why)
{
    struct top top;
    const size_t window = args_count(args, "window", 10), delay = args_count(args, "delay", 2);
    const struct top_settings settings = {.path = args->files[0],
                                          .output = args_text(args, "program-output"),
                                          .mark = args_text(args, "keep-mark"),
                                          .window = (uint32_t)window,
                                          .plain = spelling_is_ascii()};
    if (window < 1 || window > LIVE_STRIP)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--window %s: from 1 to %u seconds are kept", args_text(args, "window"),
                           LIVE_STRIP);
    if (delay < 1 || delay > DELAY_MAX_S)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "--delay %s: from 1 to %u seconds",
                           args_text(args, "delay"), DELAY_MAX_S);
    if (input_passes_by(args->files[0]))
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "top: %s cannot be read again when there is more of it; give the path "
                           "of the file that is being written",
                           input_name(args->files[0]));
    enum status status = top_open(&top, &settings, why);
    if (status == STATUS_OK && (args_flag(args, "batch") || !has_terminal()))
        status = top_run_batch(&top, args_count(args, "count", 0), (uint32_t)delay, why);
    else if (status == STATUS_OK)
        status = top_run_terminal(&top, why);
    top_close(&top);
    return status;
}

static const struct option options[] = {
    {"batch", 0, NULL, OPTION_FLAG,
     "plain screens one below the other, for logs; so it is, too, where there is no terminal", NULL,
     0},
    {"count", 'n', "N", OPTION_COUNT,
     "with --batch: so many screens; default until the recording ends", NULL, 0},
    {"delay", 'd', "SECONDS", OPTION_COUNT, "with --batch: between two screens; default 2", NULL,
     0},
    {"window", 'w', "SECONDS", OPTION_COUNT, "what \"now\" is, 1 to 60; default 10", NULL, 0},
    {"program-output", 0, "FILE", OPTION_TEXT,
     "the key o shows the last lines of this file: what the program writes", NULL, 0},
    {"keep-mark", 0, "FILE", OPTION_TEXT,
     "the key K makes this file, for pyrec top: it is to keep the recording", NULL, 0},
    OPTION_END,
};

const struct command command_top = {
    .name = "top",
    .synopsis = "[options] [FILE]",
    .summary = "the recording as it goes on, on a screen",
    .text = "Shows what the threads do now, where the time goes now and since the beginning, who "
            "holds the GIL, and stalls as they happen. The file may still be written or be "
            "complete. Recording costs no more for it, and the program knows nothing of it. It "
            "follows --rotate from file to file; a file that is replaced (--keep) is read anew. "
            "Of a long recording the total begins a few minutes ago, and the heading of the "
            "table says when.\n"
            "\n"
            "A cell of a thread's strip is a second: its height the time on a CPU, a shade where "
            "it waited mostly for the GIL, a dot where it was blocked. cpu% is of one CPU, by "
            "the thread's clock; that of threads that run no Python is in none of it, but in "
            "processes. gil% and blk% are of the time in which it was looked at. now% "
            "is the share of a place in the window, \u00b1 its sampling error (95%), total% its "
            "share since the total began, cum% with all that it called; an arrow stands where "
            "now differs from the total by more than the error. All of it is what threads and "
            "lines say of the same seconds.\n"
            "\n"
            "Keys: space holds the screen, the arrows left and right walk back and forth in "
            "time, Enter shows a thread's stack and places or a place's source, / finds names, "
            "m, l, s and w choose metric, lines or functions, order and window, W writes the "
            "page of report, ? lists all, q leaves; the recording goes on. Stalls are looked for "
            "in the last minute, in main threads, by the rules of the command stalls.",
    .example = "pyanalyze top run.trace",
    .options = options,
    .min_files = 1,
    .max_files = 1,
    .run = run_top,
};
