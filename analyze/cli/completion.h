/* SPDX-License-Identifier: MIT */
/*
 * completion - scripts that let a shell complete pyanalyze's command lines.
 *
 * On the line:  tables of commands, options, columns, outputs -> [completion] -> a script
 * Memory:       writes into the caller's buffer.
 *
 * Each shell has a file of its own that writes what complete_as says; what can stand where is
 * decided here, for all of them, from the tables that parse the command line.
 */
#ifndef PYREC_ANALYZE_COMPLETION_H
#define PYREC_ANALYZE_COMPLETION_H

#include "analyze/base/buffer.h"
#include "command.h"

/* The i-th shell; NULL behind the last. */
const char *completion_shell(size_t i);

/* The script for a shell; STATUS_USAGE when there is none of that name. */
MUST_CHECK enum status completion_print(struct buffer *out, const char *shell, struct problem *why);

/* ---- for the shells' own files ---- */

enum complete_as {
    COMPLETE_FLAG, /* the option has no argument */
    COMPLETE_ANY,  /* it has, but nobody knows what */
    COMPLETE_WORD, /* one of completion_words() */
    COMPLETE_LIST, /* some of them, with commas between them */
    COMPLETE_FILE,
    COMPLETE_FOLDER,
};
enum complete_as completion_of(const struct option *option);

/* The words that an option of a command takes, with blanks between them. */
void completion_words(struct buffer *out, const struct command *command,
                      const struct option *option);

/* Which files a command takes. */
enum complete_files {
    COMPLETE_NO_FILES,
    COMPLETE_TRACES,
    COMPLETE_ANY_FILES, /* sources, or profiles of other programs, besides */
};
enum complete_files completion_files(const struct command *command);

/* What stands before the files: the names of commands or shells, or nothing that is known. */
void completion_first(struct buffer *out, const struct command *command);

/* The beginning of a help text that fits a line, with no character a shell would act upon. */
void completion_summary(struct buffer *out, const char *help);

void completion_bash(struct buffer *out);
void completion_zsh(struct buffer *out);
void completion_fish(struct buffer *out);

#endif
