/* SPDX-License-Identifier: MIT */
/*
 * task - what the task is called that a thread runs: of asyncio, or whoever drives coroutines.
 *
 * On the line:  memory of CPython + the coroutines on a stack -> [task] -> labels
 * Threads:      as stack.h: the thread itself, in a signal handler, or another one while it stands
 *               still.
 * Memory:       the caller's.
 * Loss:         no name where no coroutine is on the stack, or what should be a str is none.
 *
 * A task is believed to be the running one if its coroutine is on the stack: that is the proof, and
 * makes it harmless that asyncio's own word for it is read without a lock. A task with a name of
 * the program's is called that; one that asyncio has numbered ("Task-17"), one of asyncio's written
 * in Python, and those of trio, curio and others are called like their coroutine, whose qualified
 * name it is that a program has only so many of.
 */
#ifndef PYREC_AGENT_TASK_H
#define PYREC_AGENT_TASK_H

#include "stack.h"

#define TASK_NAME_MAX WIRE_TASK_NAME_MAX

/* UTF-8, whole characters; length 0 = none. */
struct task_name {
    uint8_t given_len, coroutine_len;
    char given[TASK_NAME_MAX];     /* by the program */
    char coroutine[TASK_NAME_MAX]; /* of the outermost coroutine of the task */
};

/* `current`: up to 3.13, asyncio's dict of the running tasks of all loops; 0 = not known. */
void task_find(const struct stack_source *source, const struct stack_coroutines *on,
               uintptr_t current, struct task_name *name);

/* That dict, in the interpreter at `state`; 0 while asyncio is not imported. */
uintptr_t task_current(const struct pyver *ver, uintptr_t state, uint32_t *hint);

/* Is a module imported there that runs coroutines? */
bool task_has_loops(const struct pyver *ver, uintptr_t state);

#endif
