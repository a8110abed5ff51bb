/* SPDX-License-Identifier: MIT */
/*
 * command - what pyanalyze can be asked.
 *
 * On the line:  request -> [command] -> view
 *
 * To add one: a file in cmd/ with a `const struct command command_NAME` and its name in
 * COMMAND_LIST. Dispatch, "did you mean", help and man page come from there. A command returns a
 * view and is never given a FILE: how it looks is the business of outputs (output.h).
 */
#ifndef PYREC_ANALYZE_COMMAND_H
#define PYREC_ANALYZE_COMMAND_H

#include "analyze/view/column.h"
#include "analyze/view/view.h"
#include "option.h"

struct args;
struct request;

/* Another way to show a table: --style NAME. */
struct command_style {
    const char *name;    /* NULL behind the last */
    const char *columns; /* for people and programs */
    const char *sort;
    enum metric_id metric; /* unless --by says another */
};

struct command {
    const char *name;
    const char *synopsis; /* what stands behind the name in its usage line */
    const char *summary;  /* one line, no full stop */
    const char *text;     /* what it does and what its columns mean; paragraphs, blank lines */
    const char *example;  /* one command line */
    unsigned takes;       /* enum option_group: common options */
    const struct option *options; /* its own, up to OPTION_END; NULL = none */
    size_t n_traces;  /* the first so many files are traces, the others are not; 0 = all are */
    const char *word; /* what its first argument is when that is no file: "function"; NULL = none */
    size_t min_files, max_files; /* without the word */

    unsigned shape;                     /* enum shape: of the view that it builds, or may build */
    const char *output;                 /* unless --format says another */
    enum row_kind rows;                 /* for tables and logs */
    const char *columns;                /* .. shown to people */
    const char *machine_columns;        /* .. given to programs */
    const char *sort;                   /* order of rows, first column first */
    const struct command_style *styles; /* NULL = none */

    bool
        hides_native; /* C frames count for the Python that called them, unless --native is given */
    bool folds;       /* it has trees, and takes --full: see tree_fold */
    bool sides;       /* its traces are two sides, each with a window of its own */
    bool shows_damage;  /* its view says what is wrong with the files: main.c need not */
    bool writes_trace;  /* build() writes a trace to --output, which must be given; the view is
                           about that, and goes to standard output */
    bool writes_beside; /* .. or need not be: then it writes a file beside the trace */
    bool writes_file;   /* without --output it is a file named after the trace, in this folder */

    /* NULL: the command says something about pyanalyze itself, see help.h */
    enum status (*build)(struct request *request, struct view *view, struct problem *why);

    /* Of a command that is no answer but goes on by itself, on the terminal: in place of build() */
    enum status (*run)(const struct args *args, struct problem *why);
};

#define COMMAND_LIST(X)                                                                            \
    X(overview)                                                                                    \
    X(lines)                                                                                       \
    X(functions)                                                                                   \
    X(files)                                                                                       \
    X(modules)                                                                                     \
    X(threads)                                                                                     \
    X(tasks)                                                                                       \
    X(awaits)                                                                                      \
    X(stalls)                                                                                      \
    X(gil)                                                                                         \
    X(phases)                                                                                      \
    X(timeline)                                                                                    \
    X(diff)                                                                                        \
    X(compare)                                                                                     \
    X(processes)                                                                                   \
    X(report)                                                                                      \
    X(top)                                                                                         \
    X(tree)                                                                                        \
    X(callers)                                                                                     \
    X(callees)                                                                                     \
    X(annotate)                                                                                    \
    X(hot)                                                                                         \
    X(info)                                                                                        \
    X(dump)                                                                                        \
    X(export)                                                                                      \
    X(ship)                                                                                        \
    X(check)                                                                                       \
    X(symbols)                                                                                     \
    X(repair)                                                                                      \
    X(merge)                                                                                       \
    X(help)                                                                                        \
    X(completion)                                                                                  \
    X(version)

#define COMMAND_EXTERN(name) extern const struct command command_##name;
COMMAND_LIST(COMMAND_EXTERN)
#undef COMMAND_EXTERN

/* The i-th of all, its name; NULL behind the last. */
const struct command *command_get(size_t i);
const char *command_name(size_t i);
const struct command *command_find(const char *name);

/* The style of that name; NULL when the command has none, or the name is NULL. */
const struct command_style *command_style(const struct command *command, const char *name);

/* The i-th option it takes, its own first; NULL behind the last. */
const struct option *command_option(const struct command *command, size_t i);

#endif
