/* SPDX-License-Identifier: MIT */
/*
 * help - what pyanalyze says about itself: help texts and its man page.
 *
 * On the line:  tables of commands, options, columns, metrics, outputs -> [help] -> text
 * Memory:       writes into the caller's buffer.
 *
 * Everything comes from the tables that also do the work, so it cannot say anything else than
 * what is true; pyanalyze.1 is `pyanalyze help --man`, and a test compares the two.
 */
#ifndef PYREC_ANALYZE_HELP_H
#define PYREC_ANALYZE_HELP_H

#include "analyze/base/buffer.h"
#include "args.h"

/* The commands that answer without a trace: help, completion and version. STATUS_USAGE: no such
 * command. */
MUST_CHECK enum status help_answer(const struct args *args, struct buffer *out,
                                   struct problem *why);

/* How to use one command. */
void help_command(const struct command *command, struct buffer *out);

#endif
