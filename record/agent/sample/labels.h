/* SPDX-License-Identifier: MIT */
/*
 * labels - numbers for the names of tasks, and where asyncio keeps the running ones.
 *
 * On the line:  struct task_name of a stack -> [labels] -> number in a sample, WIRE_TASK records
 * Threads:      the sampler only; labels_current also in signal handlers.
 * Memory:       a table of 32 KiB, reserved at start.
 * Loss:         a program that calls each request by a name of its own would fill the trace's
 *               dictionary with them: the first LABELS_GIVEN names are kept, tasks of other names
 *               are called like their coroutines; those for which there is no room even then have
 *               no name.
 *               Up to 3.13 the first sample with a coroutine has none either: where asyncio keeps
 *               its tasks is looked for only then.
 */
#ifndef PYREC_AGENT_LABELS_H
#define PYREC_AGENT_LABELS_H

#include "record/agent/cpython/interp.h"
#include "record/agent/cpython/task.h"

#define LABELS_GIVEN   512u
#define LABELS_MAX     WIRE_TASKS_MAX
#define LABELS_INTERPS 4u /* that run loops, up to 3.13 */

/* Where an interpreter has asyncio's dict of running tasks. Relaxed: what is found is proved. */
struct label_interp {
    _Atomic uintptr_t state, current;
};

struct labels {
    const struct interp *interp;
    uint64_t *hashes; /* 2 * LABELS_MAX; 0 = free */
    uint16_t *numbers;
    uint32_t n, n_given;
    uint64_t next_ns, wait_ns; /* of looks for what is imported */
    uint32_t hint, n_forced;   /* forced: because a coroutine was seen */
    bool has_current;          /* asyncio's dict was found, in some interpreter */
    _Atomic bool has_loops;
    struct label_interp interps[LABELS_INTERPS];
};

/* Reserve memory. False when there is none. */
bool labels_init(struct labels *labels, const struct interp *interp);
void labels_free(struct labels *labels);

/* After a fork: no number was given yet. */
void labels_reset(struct labels *labels);

/* Look for loops when it is time: five times per second until one was found, then once. */
void labels_look(struct labels *labels, uint64_t now_ns);

/* asyncio's dict of the interpreter at `state`; 0 = it has none. */
uintptr_t labels_current(const struct labels *labels, uintptr_t state);

/* A name that has no number yet gets this one: false when that cannot be written down. */
typedef bool labels_new_fn(void *closure, uint32_t number, const char *text, uint32_t len);

/* The number of a task's name; 0 = it has none. */
uint32_t labels_number(struct labels *labels, const struct task_name *name, labels_new_fn *add,
                       void *closure);

#endif
