/* SPDX-License-Identifier: MIT */
/*
 * context - which phase or label is in force for what a thread runs at this moment.
 *
 * On the line:  memory of CPython -> [context] -> capture
 * Threads:      context_read in the signal handler on the thread itself, or by the sampler of a
 *               thread that stands still; the others on threads of the program.
 * Memory:       a few words, for good.
 * Loss:         0 where it is not known.
 *
 * The package python/pyrec keeps it in a ContextVar, so that it goes with the task and not with the
 * thread: its value is an object whose first slot is a bytes object, the number in its first 8
 * bytes. That is looked up as CPython does it: the thread's current Context, its map (a hash array
 * mapped trie), and in there the variable by its hash. No function of Python's is called. Where
 * these things lie is not in any table: the package finds it out in the process, tries it, and
 * tells.
 */
#ifndef PYREC_AGENT_CONTEXT_H
#define PYREC_AGENT_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#define CONTEXT_VARIABLES 8u /* one for each interpreter that has the package */

/* Offsets in bytes, and the types of the map's nodes. Outside of this tree: python/pyrec/_layout.py
 */
struct context_layout {
    uint64_t size;           /* of this struct */
    uint64_t tstate_context; /* PyThreadState.context */
    uint64_t context_map;    /* PyContext.ctx_vars */
    uint64_t map_root;       /* PyHamtObject.h_root */
    uint64_t head;           /* of an object; its type is the last word of it */
    uint64_t bitmap_type, array_type;
    uint64_t slot;              /* of the value, that holds .. */
    uint64_t bytes_type, bytes; /* .. an object of this type, with its bytes there */
};

/* The first one holds. NULL: it has proved wrong, nothing is read any more. False: the struct is
 * another one. */
bool context_set_layout(const struct context_layout *layout);

/* A ContextVar that may hold a value of ours, and its hash. False: there is no room for more. */
bool context_add_variable(uint64_t variable, uint64_t hash);

/* The number that is in force in this thread state's current context; 0 = none, or not known. */
uint64_t context_read(uintptr_t tstate);

/* Likewise, in the Context that a pointer at this address leads to: a task's that is suspended. */
uint64_t context_behind(uintptr_t pointer);

#endif
