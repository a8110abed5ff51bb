/* SPDX-License-Identifier: MIT */
/*
 * idle_place - where a thread waits for work, learnt from a trace.
 *
 * On the line:  scene -> [idle_place] -> stall
 * Threads:      one at a time.
 * Memory:       struct idle is the caller's, zeroed before idle_learn; idle_clear takes it back.
 *               Uses the scene's tree, which may grow meanwhile.
 *
 * A loop is a function that waits, then lets others do the work, then waits again. It waits in a
 * function that it calls (asyncio: _run_once calls select), or in C (tkinter: mainloop; Qt: the
 * function that calls exec_). What is called by the loop and is not the wait is the work. Loops
 * that everybody uses are known by name; others must show in the trace: the thread comes back to
 * the same place again and again, blocked, and the loop is at the root of most of its time.
 *
 * A wait inside of the work (a handler that waits for a queue) is no idle place.
 */
#ifndef PYREC_ANALYZE_IDLE_PLACE_H
#define PYREC_ANALYZE_IDLE_PLACE_H

#include "scene.h"

/* A place in which a thread was seen blocked. */
struct idle_place {
    uint32_t node, call; /* of the scene */
    uint64_t visits;     /* how often it came there */
    uint64_t blocked_ns;
    bool known;          /* by name */
    bool is_loop;        /* .. and the loop's name, not only that of the wait */
    bool meant;          /* the user named the very function that waits */
    bool nests;          /* a loop that may run inside of another of its kind */
    bool own_code;       /* the loop does no work itself: seen in it, it has come back */
    bool by_function;    /* any line of the waiting function will do, else node and call */
    uint32_t wait, loop; /* function nodes: of the waiting function, of the loop */
};

struct idle_thread {
    const struct thread *thread;
    struct idle_place *places; /* after idle_learn the idle ones, most time first */
    size_t n_places, size;
    struct idle_place most; /* where it was blocked most, idle or not; blocked_ns 0 = nowhere */
    uint64_t wall_ns;
    uint64_t *node_ns; /* by node */
    size_t n_node_ns, node_ns_size;
    uint32_t last; /* place at the last tick + 1, 0 = not blocked */
    struct hash hash;
};

struct idle {
    struct scene *scene;
    const char *const *names; /* functions that the user says are idle places */
    size_t n_names;
    struct idle_thread **threads;
    size_t n_threads, threads_size;
    size_t next; /* where the next thread is looked for first: they come in the same order */
    struct tree functions; /* the scene's tree without lines */
    uint32_t *function_of; /* by node: its function node + 1, 0 = not known yet */
    size_t n_function_of, function_of_size;
};

/* Which threads are looked at: the main threads, or those that are selected. */
bool idle_wants(const struct select *select, const struct thread *thread);

/* Read the trace. `names` are functions to be taken as idle places instead of what is learnt. */
void idle_learn(struct idle *idle, struct scene *scene, struct trace *trace,
                const struct select *select, const char *const *names, size_t n_names);
void idle_clear(struct idle *idle);

/* What was learnt of a thread; NULL when it was not looked at. */
const struct idle_thread *idle_thread_of(const struct idle *idle, const struct thread *thread);

/* Is one of its loops known, so that what it calls is work even before it was seen idle? */
bool idle_has_loop(const struct idle_thread *t);

enum idle_relation {
    IDLE_OUTSIDE, /* no loop is on the stack */
    IDLE_WORK,    /* called by the loop */
    IDLE_BACK,    /* in its idle place, or in the loop's own code */
};

/* What a thread was doing: a stack's node, its state, its call. */
enum idle_relation idle_relation(struct idle *idle, const struct idle_thread *t, uint32_t node,
                                 enum state_class class, uint32_t call);

/* The node of the loop's own frame on the way to `node`; TREE_ROOT when there is none. */
uint32_t idle_loop_node(struct idle *idle, const struct idle_thread *t, uint32_t node);

#endif
