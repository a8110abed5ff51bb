/* SPDX-License-Identifier: MIT */
/*
 * commands - what pyrec can do beside recording: the words, their options and their help.
 *
 * On the line:  the table -> look (parsing, --help), settings (--help), shell_completion (completion)
 * Threads:      any.
 * Memory:       none.
 */
#ifndef PYREC_RECORD_COMMANDS_H
#define PYREC_RECORD_COMMANDS_H

#include "settings_option.h"

#include <stddef.h>

struct command {
    const char *name;
    const char *argument; /* NULL = it takes none */
    const char *summary;  /* a few words */
    const char *about;    /* lines */
    const char *status;   /* its exit status, in lines; "" = nothing to say */
    const struct settings_option *options;
    size_t n_options;
    bool records; /* it has the options of recording, and those of settings that are for it */
};

#define COMMAND_TOP "top"

/* The i-th; NULL behind the last. */
const struct command *command_at(size_t i);

/* The one of that name; NULL: there is none. */
const struct command *command_find(const char *word);

/* The text of its --help. */
void command_write_help(FILE *to, const struct command *command);

#endif
