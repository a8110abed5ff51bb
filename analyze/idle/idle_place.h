/* SPDX-License-Identifier: MIT */
/*
 * idle_place - where a thread waits for work, learnt from a trace.
 *
 * On the line:  scene -> idle_visits -> idle_choose -> [idle_place] -> stall
 * Threads:      one at a time.
 * Memory:       struct idle is the caller's, zeroed before idle_learn; idle_clear takes it back.
 *               Uses the scene's tree, which may grow meanwhile.
 *
 * A loop is a function that waits, then lets others do the work, then waits again. It waits in a
 * function that it calls (asyncio: _run_once calls select), or in C (tkinter: mainloop; Qt: the
 * function that calls exec_). What is called by the loop and is not the wait is the work, however
 * often the work waits itself. ARCHITECTURE.md says how the one is told from the other; where that
 * cannot be told, a thread has no idle place, but candidates.
 */
#ifndef PYREC_ANALYZE_IDLE_PLACE_H
#define PYREC_ANALYZE_IDLE_PLACE_H

#include "idle_visits.h"

/* How sure it is that a place is idle; from what an idle place may be up to what it must be. */
enum idle_rank {
    IDLE_RANK_NONE,    /* below functions of the program that may as well be work */
    IDLE_RANK_WRAPPED, /* a wait of the loop's own library, or a known one, but not its own call */
    IDLE_RANK_DIRECT,  /* the loop's own call, or one that only loops use */
    IDLE_RANK_QUEUE,   /* the loop's own call of what is known to wait for something to do */
    IDLE_RANK_CALLS,   /* a loop in C: it calls functions from the very line it waits in */
    IDLE_RANK_KNOWN,   /* wait and loop are known by name */
    IDLE_RANK_NAMED,   /* the user says so */
};

struct idle {
    struct scene *scene;
    const char *const *names; /* that the user says are idle places */
    size_t n_names;
    uint64_t short_ns; /* a wait that is never so long hides no stall, if it is work after all */
    struct idle_thread **threads;
    size_t n_threads, threads_size;
    size_t *number_of; /* by index of the thread: its number in threads + 1; 0 = not seen */
    size_t number_of_size;
    struct tree functions; /* the scene's tree without lines */
    uint32_t *function_of; /* by node: its function node + 1, 0 = not known yet */
    size_t n_function_of, function_of_size;
};

/* Which threads are looked at for stalls: the main threads, or those that are selected. */
bool idle_wants(const struct select *select, const struct thread *thread);

/*
 * Read the trace: all threads of the selected processes. `names` are taken instead of what is
 * learnt, for those that idle_wants. Stalls of less than short_ns will not be asked for.
 */
void idle_learn(struct idle *idle, struct scene *scene, struct trace *trace,
                const struct select *select, const char *const *names, size_t n_names,
                uint64_t short_ns);
void idle_clear(struct idle *idle);

/* What was learnt of a thread; NULL when it was not seen. */
const struct idle_thread *idle_thread_of(const struct idle *idle, const struct thread *thread);

/* Is one of its loops known, so that what it calls is work even before it was seen idle? */
bool idle_has_loop(const struct idle_thread *t);

enum idle_relation {
    IDLE_OUTSIDE, /* no loop is on the stack */
    IDLE_UNKNOWN, /* where it would be idle, but what it did could not be looked at */
    IDLE_WORK,    /* called by the loop */
    IDLE_BACK,    /* in its idle place, or in the loop's own code */
};

/* What a thread was doing: a stack's node, its state, its call. */
enum idle_relation idle_relation(struct idle *idle, const struct idle_thread *t, uint32_t node,
                                 enum state_class class, uint32_t call);

/* Is it blocked where this place is: there, or in another line of what waits there? */
bool idle_is_at(struct idle *idle, const struct idle_place *place, uint32_t node,
                enum state_class class, uint32_t call);

/*
 * Is a time from .. to in which the loop was not on the stack still the loop's: is it between two
 * visits of the idle place from one and the same line, so that the loop is entered again and again?
 */
bool idle_spans(const struct idle *idle, const struct idle_thread *t, uint64_t from_ns,
                uint64_t to_ns);

/*
 * The frame below which a stack is what the loop lets work: the loop's own, or, where it is not on
 * the stack, the innermost that calls it, too; TREE_ROOT when there is none.
 */
uint32_t idle_loop_node(struct idle *idle, const struct idle_thread *t, uint32_t node);

/* The node in idle->functions: the same path without lines. */
uint32_t idle_function(struct idle *idle, uint32_t node);

/* Is function node `above` on the way from the root to `function`, or the node itself? */
bool idle_is_below(const struct idle *idle, uint32_t function, uint32_t above);

/* The function node that `loop` calls on the way to `function`; `function` itself if it is that. */
uint32_t idle_child(const struct idle *idle, uint32_t function, uint32_t loop);

#endif
