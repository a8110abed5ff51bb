/* SPDX-License-Identifier: MIT */
/*
 * marks - what the program says of itself: the C side of pyrec.phase(), set_label() and mark().
 *
 * On the line:  python/pyrec -> [marks] -> mark_queue
 * Threads:      any, in handlers of signals as well, with or without the GIL. Nobody waits but for
 *               each other's compare-and-swap; no system call.
 * Memory:       the texts of names, 1 MiB at most, which is touched as it fills.
 * Loss:         nothing and no error where nobody records: 0. What finds no room is counted
 *               (mark_queue.h); where there are too many names, all others have one number.
 *
 * Names are interned once for the life of the process, so that only numbers cross at each call.
 * What a recorder has not heard yet of a name is told before its first use in that recording.
 */
#ifndef PYREC_AGENT_MARKS_H
#define PYREC_AGENT_MARKS_H

#include "record/agent/cpython/context.h"
#include <stddef.h>

/* The number of a new name, `len` bytes of UTF-8. The caller knows which it has asked for before.
 */
uint32_t pyrec_name(const char *text, size_t len);

/* A phase or a label, as the package says it: one object of Python's is all that crosses. */
struct marks_context {
    uint64_t number;      /* from pyrec_numbers() on */
    uint64_t up;          /* of the one that it is in; 0 = none */
    uint32_t name, value; /* its name and detail, or its key, with MARKS_LABEL, and value */
};
#define MARKS_LABEL 0x80000000u

/* A range of 2^48 numbers that nobody else in this process has: its first one. */
uint64_t pyrec_numbers(void);

/* It begins. 1, or 0: this process is not being recorded. */
int pyrec_context_begin(const struct marks_context *context);
int pyrec_context_end(const struct marks_context *context);
int pyrec_mark(uint32_t name);

/*
 * The same two as functions of Python's, of one argument: a `bytes` that holds the struct. Without
 * what ctypes does for each call they cost a fifth less of a phase. Python makes objects of these
 * definitions (PyCFunction_NewEx), and calls with the GIL, or on a thread of its own where there is
 * none.
 */
struct marks_method {
    const char *name;
    void *(*call)(void *self, void *bytes);
    int flags;
    const char *doc;
};
extern struct marks_method pyrec_method_begin, pyrec_method_end;

/* What they need to know before: where a bytes has its bytes, what to return, and whether
 * references of that are counted (up to 3.11; later these objects live for ever). */
struct marks_objects {
    uint64_t bytes_type, bytes_data, is_true, is_false, is_counted;
};
void pyrec_methods(const struct marks_objects *objects);

/* See context.h: 1, or 0 when it is not taken. */
int pyrec_context_layout(const struct context_layout *layout);
int pyrec_context_variable(uint64_t variable, uint64_t hash);

/* What the sampler would read of this thread state now. */
uint64_t pyrec_context_now(uint64_t tstate);

#endif
