/* SPDX-License-Identifier: MIT */
/*
 * origin - of which recording a whole profile is, for files that are passed on.
 *
 * On the line:  request -> [origin] -> view -> outputs of whole profiles
 * Threads:      one at a time.
 * Memory:       everything is in the view's arena.
 * Loss:         what the trace does not say (a time of day, a command) has no line.
 *
 * Every format has a place for this. It tells ten files of ten recordings apart, and says how each
 * was taken, what of it was selected and how much is missing.
 */
#ifndef PYREC_ANALYZE_ORIGIN_H
#define PYREC_ANALYZE_ORIGIN_H

#include "analyze/base/arena.h"
#include "analyze/model/metric.h"

#include <stddef.h>

struct request;

struct origin_line {
    const char *name; /* one word or two, small letters: "command" */
    const char *text;
};

#define ORIGIN_LINES_MAX 21 /* those of a recording, and a line for each note */

struct origin {
    const char *title;   /* the command and when it began: one line, not long */
    const char *program; /* the script or module: "fib.py"; else what was started */
    const char *command; /* of the first process, whole; "" = not known */
    uint32_t pid;        /* its number; 0 = not known */
    struct origin_line lines[ORIGIN_LINES_MAX]; /* all that is known, for people */
    size_t n_lines;
};

/*
 * Of the processes that were asked for; after the trace was read. `notes` are what else a reader of
 * the profile must know, above all what is not in it (remainder.h).
 */
const struct origin *origin_find(struct arena *arena, struct request *request,
                                 const struct metric *metric, const char *const *notes,
                                 size_t n_notes);

/* What weights by the metric are, in two words: "cpu seconds", "samples". */
const char *metric_brief(struct arena *arena, const struct metric *metric, const char *unit);

#endif
