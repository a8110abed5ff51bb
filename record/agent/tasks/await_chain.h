/* SPDX-License-Identifier: MIT */
/*
 * await_chain - what the suspended tasks of an asyncio loop wait for: who awaits what.
 *
 * On the line:  memory of CPython -> [await_chain] -> await_looks
 * Threads:      the sampler, while the loop's thread stands still in a call.
 * Memory:       the caller's.
 * Loss:         a task is "not known" when what hangs together in a whole one does not: the type of
 *               each object, the code of each frame, and that the future at the end of the chain of
 *               coroutines is the one that the task says it waits for.
 *
 * Nothing proves that other threads change nothing meanwhile: the caller does (`hash`).
 */
#ifndef PYREC_AGENT_AWAIT_CHAIN_H
#define PYREC_AGENT_AWAIT_CHAIN_H

#include "record/agent/cpython/stack.h"
#include "record/agent/cpython/task.h"
#include "record/wire/wire_awaits.h"

#define AWAIT_FRAMES_MAX 64u /* that are kept, the innermost ones */
#define AWAIT_TYPES_MAX  32u

/* What an object is, told by its type's name, or that of a class that it is derived from. */
enum await_object {
    AWAIT_OTHER,
    AWAIT_GENERATOR, /* coroutines, too */
    AWAIT_WRAPPER,   /* that stands for one */
    AWAIT_ITERATOR,  /* of a future that is awaited */
    AWAIT_FUTURE,
    AWAIT_TASK,
    AWAIT_REFERENCE, /* a weak one */
};

struct await_type {
    uintptr_t type;
    enum await_object kind;
    bool is_derived;
};

/* One look at a loop; zeroed but for the first three. */
struct await_reader {
    const struct stack_source *source;        /* its tstate is the loop's thread's */
    uintptr_t state;                          /* of the interpreter */
    uintptr_t loop;                           /* the object */
    struct await_type types[AWAIT_TYPES_MAX]; /* that were met in this look */
    uint32_t n_types;
};

/* All tasks there are, one by one. */
struct await_tasks {
    uintptr_t head, node; /* a list of the thread's; 0 = .. */
    uintptr_t table;      /* .. a set of weak references to all of the interpreter's */
    uint64_t mask, at;
};

enum await_found {
    AWAIT_FOUND,
    AWAIT_NOT_OURS,  /* another loop's, or it is over */
    AWAIT_RUNNING,   /* it runs now, or is being begun */
    AWAIT_NOT_KNOWN, /* it changes, or is of a kind that is not understood */
};

struct await_chain {
    uint64_t frames[AWAIT_FRAMES_MAX]; /* as struct stack has them, but the outermost first */
    uint32_t n;
    bool is_cut;           /* there were outer ones */
    enum wire_await waits; /* for what */
    uint8_t name_len, on_len;
    char name[TASK_NAME_MAX]; /* what the program calls it, numbers in it as "#"; or nothing */
    char on[TASK_NAME_MAX];   /* likewise, of the task that it waits for; or a type's name */
    uint64_t context;         /* the phase or label that the task is in; 0 = none, or not known */
    uint64_t hash;            /* of all that was read */
};

/* The loop that runs in a thread now; 0 = none, or it cannot be told. `hint` is the caller's. */
uintptr_t await_loop(const struct pyver *ver, uintptr_t tstate, uint32_t *hint);

/* Whether that can be told in this version and build at all. */
bool await_is_known(const struct pyver *ver);

/* Begin with the tasks that there are. False when they cannot be found. */
bool await_tasks_begin(struct await_reader *reader, struct await_tasks *tasks);

/* The next one; 0 = that were all. */
uintptr_t await_tasks_next(struct await_reader *reader, struct await_tasks *tasks);

/* Is it a task of the loop, and not over? Two or three loads; `chain` is not needed for that. */
bool await_is_ours(struct await_reader *reader, uintptr_t task);

/* What it waits for. */
enum await_found await_chain_read(struct await_reader *reader, uintptr_t task,
                                  struct await_chain *chain);

#endif
