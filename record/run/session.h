/* SPDX-License-Identifier: MIT */
/*
 * session - one recording from start to end: the event loop of pyrec.
 *
 * On the line:  settings -> [session: launch, lobby, collect, child] -> result
 * Threads:      one; the whole of pyrec is single-threaded.
 * Memory:       everything is given back before session_run returns.
 * Loss:         when the trace cannot be written, recording stops (and says so once); the command
 *               goes on in any case.
 */
#ifndef PYREC_RECORD_SESSION_H
#define PYREC_RECORD_SESSION_H

#include "record/cli/settings.h"

struct session_result {
    int exit_code;        /* what pyrec should end with .. */
    uint32_t exit_signal; /* .. or the signal it should die of */
    char closing[1024];   /* the line that says what was recorded; "" = nothing to say */
};

/* Called at once when something goes wrong that the user must know now. */
typedef void session_say(const char *sentence);

void session_run(const struct settings *settings, session_say *say, struct session_result *result);

#endif
