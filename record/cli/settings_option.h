/* SPDX-License-Identifier: MIT */
/*
 * settings_option - an option of the command line, for those who tell others about it.
 *
 * On the line:  settings, commands -> [settings_option] -> help, completion
 * Threads:      any. Memory: borrows from tables.
 */
#ifndef PYREC_RECORD_SETTINGS_OPTION_H
#define PYREC_RECORD_SETTINGS_OPTION_H

#include <stdbool.h>
#include <stdio.h>

struct settings_option {
    char letter;                        /* 0 = none */
    const char *name, *argument, *help; /* argument NULL = it takes none */
    bool is_for_top;                    /* only behind the word "top" */
};

/* Its lines in a help text. */
void settings_write_option(FILE *to, const struct settings_option *option);

#endif
