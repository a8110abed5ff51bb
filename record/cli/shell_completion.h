/* SPDX-License-Identifier: MIT */
/*
 * shell_completion - scripts that let a shell complete pyrec's command lines.
 *
 * On the line:  the table of options (settings_option) -> [shell_completion] -> pyrec --completion
 * Threads:      one.
 *
 * Behind the options stands a command of the user's: shells complete that as they do elsewhere.
 */
#ifndef PYREC_RECORD_SHELL_COMPLETION_H
#define PYREC_RECORD_SHELL_COMPLETION_H

#include <stdio.h>

/* Write it; the shell must be known (shells.h). */
void shell_completion_write(FILE *to, const char *shell);

#endif
