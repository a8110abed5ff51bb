/* SPDX-License-Identifier: MIT */
/*
 * shell_script - scripts that let a shell complete pyrec's command lines.
 *
 * On the line:  the table of options (settings_option) -> [shell_script] -> pyrec --completion
 * Threads:      one.
 *
 * Behind the options stands a command of the user's: shells complete that as they do elsewhere.
 */
#ifndef PYREC_RECORD_SHELL_SCRIPT_H
#define PYREC_RECORD_SHELL_SCRIPT_H

#include <stdbool.h>
#include <stdio.h>

/* Is there a script for a shell of that name: bash, zsh or fish? */
bool shell_script_known(const char *shell);

/* Write it; the shell must be known. */
void shell_script_write(FILE *to, const char *shell);

#endif
