/* SPDX-License-Identifier: MIT */
/*
 * fork_point - where a thread is in its Python code, so as to ask later whether it still is there.
 *
 * On the line:  beside it: fork.
 * Threads:      fork_point_here on the thread itself; fork_point_is_under also from others, without
 *               a lock: what it reads may change meanwhile, but it follows nothing without end.
 */
#ifndef PYREC_AGENT_FORK_POINT_H
#define PYREC_AGENT_FORK_POINT_H

#include "interp.h"

/* The innermost frame of a thread and its instruction; frame 0 = no Python there. */
struct fork_point {
    uintptr_t tstate, frame;
    uint64_t instr;
};

struct fork_point fork_point_here(const struct interp *interp);

/*
 * Does the thread that was at `then` still run what the instruction there has called, with Python
 * frames of its own? When the innermost frame itself is `then`'s, it is for the caller to say.
 */
bool fork_point_is_under(const struct interp *interp, const struct fork_point *then);

#endif
