/* SPDX-License-Identifier: MIT */
/*
 * activations - which Python frames each activation of the eval loop runs, and where on the C stack
 * it is.
 *
 * On the line:  memory of CPython -> [activations] -> blend
 * Threads:      as stack.h. No allocation, no lock, no system call.
 * Memory:       the caller's array.
 * Loss:         3.8 and 3.9 leave nothing on the C stack: there it is told which frames there are,
 *               each an activation of its own, and where those are is to be found by counting.
 *
 * From 3.10 on the interpreter itself links an object on the C stack for each activation: a CFrame
 * (3.10, 3.11), or the frame in which the eval loop begins (3.12 and later). The C frame that holds
 * it is that activation, whatever its name, and however often the compiler has split the function.
 */
#ifndef PYREC_AGENT_ACTIVATIONS_H
#define PYREC_AGENT_ACTIVATIONS_H

#include "stack.h"

struct activation {
    uintptr_t mark; /* what it has on the C stack; 3.8, 3.9: its frame object, which is not there */
    uint32_t n_frames; /* Python frames that run in it, counted as stack_take() keeps them */
};

/* The innermost first. */
struct activations {
    struct activation *list;
    uint32_t max, n;
};

/* Has each a mark on the C stack? */
bool activations_are_marked(const struct pyver *ver);

/* Of a thread whose stack_take() went well just now, and which has not moved since. False: not
 * readable, or more than there is room for. */
bool activations_take(const struct stack_source *source, struct activations *activations);

#endif
