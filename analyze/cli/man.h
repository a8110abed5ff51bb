/* SPDX-License-Identifier: MIT */
/*
 * man - the man page pyanalyze.1, from the tables.
 *
 * On the line:  tables of commands, options, columns, outputs -> [man] -> `pyanalyze help --man`
 * Memory:       writes into the caller's buffer.
 */
#ifndef PYREC_ANALYZE_MAN_H
#define PYREC_ANALYZE_MAN_H

#include "analyze/base/buffer.h"

struct command;
struct option;

#define MAN_INTRODUCTION                                                                           \
    "Asks a trace that pyrec has recorded. Without a command it gives an overview, and without a " \
    "FILE it reads run.trace, which is what pyrec writes. Several files are read as one "          \
    "recording: the parts of "                                                                     \
    "a long one, or recordings made at the same time, whose clocks are aligned. \"-\" is "         \
    "standard "                                                                                    \
    "input, which may be a pipe, as may any FILE. What is damaged or cut off is reported and the " \
    "rest is read all the same."

/* An exit status and what it means; text is NULL behind the last. */
struct man_item {
    const char *name, *text;
};
struct man_item man_exit_status(size_t i);

void man_page(struct buffer *out);

/* "-n, --limit N", and what it does with its choices; used by help texts and the man page. */
void option_print(struct buffer *out, const struct option *option);
void option_help(struct buffer *out, const struct option *option, const struct command *command);

#endif
