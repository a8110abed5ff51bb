/* SPDX-License-Identifier: MIT */
/*
 * place - where a thread is in its Python code, so as to ask later whether it still is there.
 *
 * On the line:  beside it: fork.
 * Threads:      place_here on the thread itself; place_is_under also from others, without a lock:
 *               what is read may change meanwhile, but is never followed without end.
 */
#ifndef PYREC_AGENT_PLACE_H
#define PYREC_AGENT_PLACE_H

#include "interp.h"

/* The innermost frame of a thread and its instruction; frame 0 = no Python there. */
struct place {
    uintptr_t tstate, frame;
    uint64_t instr;
};

struct place place_here(const struct interp *interp);

/*
 * Does the thread that was at `then` still run what the instruction there has called, with Python
 * frames of its own? When the innermost frame itself is `then`'s, it is for the caller to say.
 */
bool place_is_under(const struct interp *interp, const struct place *then);

#endif
