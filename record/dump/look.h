/* SPDX-License-Identifier: MIT */
/*
 * look - the commands that look at running programs: pyrec dump, pyrec ps.
 *
 * On the line:  argv -> [look] -> dump, ps -> stdout
 * Threads:      one.
 * Memory:       none that outlives a call.
 *
 * A command is the first word of the command line. `pyrec -- dump` and `pyrec -q dump` record a
 * program of that name.
 */
#ifndef PYREC_RECORD_LOOK_H
#define PYREC_RECORD_LOOK_H

#include "format/status.h"
#include <stdbool.h>
#include <stdio.h>

#define LOOK_EXIT_USAGE 2
/* else REASON_GONE and so on, see record/regard/reason.h */

/* Is this word one of the commands? */
bool look_is_command(const char *word);

/* Do what argv[1] says; the exit status, and what went wrong in why->detail ("" = nothing). */
int look_run(int argc, char **argv, FILE *to, struct problem *why);

#endif
