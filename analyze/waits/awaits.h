/* SPDX-License-Identifier: MIT */
/*
 * awaits - what suspended tasks waited for, and how many at a time.
 *
 * On the line:  scene + looks -> [awaits] -> the commands awaits and stalls
 * Threads:      one at a time.
 * Memory:       struct awaits is the caller's, zeroed before awaits_read; awaits_clear takes it
 *               back.
 *
 * A look stands for a time; a mean number of tasks is over the time of the looks at their thread
 * that saw anything, and leaves out times without. Where a look has not read all tasks, each that
 * was read stands for so many.
 */
#ifndef PYREC_ANALYZE_AWAITS_H
#define PYREC_ANALYZE_AWAITS_H

#include "analyze/read/scene.h"

enum awaits_by {
    AWAITS_BY_CHAIN,     /* and for what, and name of the tasks */
    AWAITS_BY_COROUTINE, /* the outermost one */
    AWAITS_BY_PLACE,     /* the innermost line */
    AWAITS_BY_WAIT,      /* for what */
};

/* The looks at one thread's loop. */
struct awaits_loop {
    const struct process *process;
    const struct thread *thread;
    uint64_t seen_ns;                       /* of the time asked for, in which it was known .. */
    uint64_t ran_ns, unreadable_ns;         /* .. and was not */
    uint64_t n_looks;                       /* that were taken */
    double tasks_ns, unread_ns, unknown_ns; /* tasks x time */
};

/* Tasks that wait alike. */
struct await_row {
    size_t loop;
    uint32_t node;    /* of the chain; the root where rows are not by chain or place */
    const char *name; /* NULL = not told by it, "" = none */
    const char *wait; /* NULL = not told by it */
    const char *coroutine, *chain;
    struct frame leaf;
    struct stack *stack;          /* leaf first; NULL = not by chain */
    const struct awaits_loop *at; /* once all is read */
    double tasks_ns;              /* tasks x time */
    uint64_t some_ns;             /* time in which there was any */
    double most;
    /* while a look is added */
    double now;
};

struct awaits {
    enum awaits_by by;
    const struct select *select;
    struct awaits_loop *loops;
    size_t n_loops, loops_size;
    struct await_row *rows;
    size_t n, size;
    struct hash index;
    struct scene scene; /* has the names of its rows */
    size_t *touched;    /* rows of the look that is added */
    size_t touched_size;
};

void awaits_read(struct awaits *awaits, struct trace *trace, const struct select *select,
                 enum awaits_by by);
void awaits_clear(struct awaits *awaits);

/* Fill in what a row is called by its node, once; `node`: of a chain that is in it. */
void await_row_tell(struct scene *scene, struct await_row *row, uint32_t node, enum awaits_by by);

#endif
