/* SPDX-License-Identifier: MIT */
/*
 * output - a form that a view can take.
 *
 * On the line:  view -> [output] -> sink
 *
 * To add one: a file in out/ with a `const struct output output_NAME` and its name in OUTPUT_LIST.
 * --format, its check and "did you mean", help and man page come from there. An output gets a
 * finished view and gives it a form; it sorts, sums and drops nothing.
 */
#ifndef PYREC_ANALYZE_OUTPUT_H
#define PYREC_ANALYZE_OUTPUT_H

#include "analyze/base/sink.h"
#include "analyze/view/view.h"

/* What one frame of a stack is. */
enum frames {
    FRAMES_FIXED, /* the format has functions and lines each in its place, or wants only one */
    FRAMES_FUNCTION,
    FRAMES_LINE,
};

struct output {
    const char *name, *help;
    unsigned accepts; /* enum shape */
    bool machine;     /* for programs: all rows, whole paths, columns in full */
    bool binary;      /* not for a terminal */
    bool folder;      /* --output is a directory, which write() makes; the sink has only its path */
    bool per_thread;  /* of stacks: each thread has its own, asked for or not */
    bool per_part;    /* .. and what it did in each task and phase has */
    const char *ending; /* of files that are written in it unless --format is given; NULL = none */
    const char *by; /* of whole profiles: the metric, unless --by says another; NULL = samples */
    enum frames frames; /* of stacks: unless --frames says otherwise, which only FIXED forbids */
    bool parts;         /* of stacks: wants to know what each thread has of a merged tree */
    bool keeps_pace;    /* of courses: see stretch.h */
    bool more_metrics;  /* of graphs: wants those by other metrics, too */
    enum status (*write)(struct sink *to, const struct view *view, struct problem *why);
};

#define OUTPUT_LIST(X)                                                                             \
    X(text)                                                                                        \
    X(csv)                                                                                         \
    X(json)                                                                                        \
    X(folded)                                                                                      \
    X(speedscope)                                                                                  \
    X(gecko)                                                                                       \
    X(chrome)                                                                                      \
    X(pprof)                                                                                       \
    X(otlp)                                                                                        \
    X(callgrind)                                                                                   \
    X(pstats)                                                                                      \
    X(tables)                                                                                      \
    X(svg)                                                                                         \
    X(html)                                                                                        \
    X(plot_png)                                                                                    \
    X(plot_svg)                                                                                    \
    X(plot_pdf)

#define OUTPUT_EXTERN(name) extern const struct output output_##name;
OUTPUT_LIST(OUTPUT_EXTERN)
#undef OUTPUT_EXTERN

/* The i-th of all, its name; NULL behind the last. */
const struct output *output_get(size_t i);
const char *output_name(size_t i);
const struct output *output_find(const char *name);

#endif
