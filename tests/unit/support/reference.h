/* SPDX-License-Identifier: MIT */
/*
 * reference - random traces, and what a profile of them must be, counted slowly and plainly.
 *
 * On the line:  made-up ticks -> make_trace -> run.trace, and beside it -> [reference]
 * Memory:       struct reference is the caller's, zeroed before random_trace; reference_clear takes
 *               it back.
 *
 * The reference keeps every sample of every thread at every tick and adds them up with nested
 * loops and linear searches, so that one can see that it is right.
 */
#ifndef PYREC_TESTS_REFERENCE_H
#define PYREC_TESTS_REFERENCE_H

#include "make_trace.h"

#include "analyze/model/state.h"

#define REFERENCE_DEPTH 24

struct reference_sample {
    uint32_t pid, thread, stack;
    uint16_t state;
    uint32_t range, tick; /* of the process: number of the Samples message; place in it */
    uint64_t time_q, wall_q, ticks;
    uint64_t middle_q; /* of the interval that its tick was due in */
    uint64_t cpu_q;   /* its clock moved by this */
    uint64_t given_q; /* what it gets of it, or hands on */
    const char *call;
};

struct reference_stack {
    struct maker_frame frames[REFERENCE_DEPTH]; /* root first */
    uint32_t n;
};

/* What a place (or, with line = first line, a function) of a thread weighs; times in quanta. */
struct reference_row {
    uint32_t pid, thread;
    const char *function, *file;
    uint32_t line;
    struct weights self, cum;
};

struct reference_thread {
    uint32_t pid, thread;
    struct weights total;
    uint64_t cpu_q, unattributed_q, before_q;
};

struct reference {
    uint64_t quantum_ns;
    struct reference_sample *samples;
    size_t n_samples, samples_room;
    struct reference_stack *stacks;
    size_t n_stacks, stacks_room;
    struct reference_thread *threads;
    size_t n_threads, threads_room;
    bool by_state; /* count only samples in that state, or blocked in that call (NULL = none) */
    enum state_class only_class;
    const char *only_call;
};

/* Write a random trace to `path` and remember what is in it. */
void random_trace(struct reference *reference, const char *path, uint64_t seed);
void reference_clear(struct reference *reference);

/* Forget the samples of ticks whose interval has its middle outside from_ns <= t < to_ns. */
void reference_keep(struct reference *reference, uint64_t from_ns, uint64_t to_ns);

/* Fill in the threads' totals. */
void reference_total(struct reference *reference);

/* What sample number `i` weighs, and under which class; times in quanta. */
struct weight reference_weight(const struct reference *reference, size_t i);
enum state_class reference_class(const struct reference *reference, size_t i);

enum reference_key { REFERENCE_LINES, REFERENCE_FUNCTIONS, REFERENCE_FILES };

/* The rows of all threads; the caller's to free. */
struct reference_row *reference_rows(const struct reference *reference, enum reference_key key,
                                     size_t *n_rows);

#endif
