/* SPDX-License-Identifier: MIT */
/*
 * shells - those that command lines are completed for.
 *
 * On the line:  settings (--completion SHELL) -> [shells] -> shell_completion
 * Threads:      any. Memory: none.
 */
#ifndef PYREC_RECORD_SHELLS_H
#define PYREC_RECORD_SHELLS_H

#include <stdbool.h>

enum shell { SHELL_BASH, SHELL_ZSH, SHELL_FISH, SHELL_COUNT };

/* SHELL_COUNT where there is none of that name. */
enum shell shell_find(const char *name);

static inline bool shell_known(const char *name)
{
    return shell_find(name) != SHELL_COUNT;
}

#endif
