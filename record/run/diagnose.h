/* SPDX-License-Identifier: MIT */
/*
 * diagnose - why nothing was recorded: look at the command that was run.
 *
 * On the line:  after the recording, when no agent has said hello.
 * Threads:      any.
 * Memory:       the caller's.
 */
#ifndef PYREC_RECORD_DIAGNOSE_H
#define PYREC_RECORD_DIAGNOSE_H

#include "format/status.h"

/*
 * Put the reason in words into why->detail ("ls is not Python"). `path` is the executable that was
 * found; scripts are followed to their interpreters, also through env.
 */
void diagnose_command(const char *path, struct problem *why);

#endif
