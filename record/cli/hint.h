/* SPDX-License-Identifier: MIT */
/*
 * hint - what somebody may have meant who asked for a command that is not there.
 *
 * On the line:  launch, when the command cannot be run -> [hint] -> the line that says so
 * Threads:      any. Memory: the caller's.
 */
#ifndef PYREC_RECORD_HINT_H
#define PYREC_RECORD_HINT_H

#include <stddef.h>

#define HINT_SIZE 128

/* "; try: pyrec -p 4711", to stand behind the reason; "" = nothing comes to mind. */
void hint_find(char hint[HINT_SIZE], const char *command);

#endif
