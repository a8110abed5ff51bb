/* SPDX-License-Identifier: MIT */
/*
 * called - what a trace says of how pyrec was called.
 *
 * On the line:  settings -> [called] -> emit (Meta of the recording)
 * Threads:      one.
 * Memory:       caller's storage, which the options point into: it must stay where it is.
 * Loss:         a command longer than its room is cut off.
 */
#ifndef PYREC_RECORD_CALLED_H
#define PYREC_RECORD_CALLED_H

#include "record/cli/settings.h"
#include "record/encode/emit.h"

#define CALLED_MAX 11

struct called {
    struct recording_option options[CALLED_MAX];
    char rate[32], depth[32], overhead[32], attached[16 * SETTINGS_MAX_PIDS], command[1024];
};

void called_fill(struct called *called, const struct settings *settings);

#endif
