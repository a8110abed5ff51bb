/* SPDX-License-Identifier: MIT */
/*
 * other_names - what other profilers call a command, and what it is here.
 *
 * On the line:  a first word that is no command -> [other_names] -> the message that refuses it
 * Threads:      any. Memory: none but the problem's.
 *
 * To add one: a row in other_names.c. Names of our formats need none.
 */
#ifndef PYREC_ANALYZE_OTHER_NAMES_H
#define PYREC_ANALYZE_OTHER_NAMES_H

#include "format/status.h"

/* STATUS_USAGE for a name that is no command: what to type, what is meant, or what there is. */
MUST_CHECK enum status other_names_problem(const char *wrong, struct problem *why);

#endif
