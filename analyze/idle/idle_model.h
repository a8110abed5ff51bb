/* SPDX-License-Identifier: MIT */
/*
 * idle_model - what is known of where threads wait for work: their places, and who calls whom.
 *
 * On the line:  scene -> idle_visits -> idle_evidence -> idle_choose -> [idle_model] -> stall
 * Threads:      one at a time.
 * Memory:       struct idle is the caller's: idle_learn fills it, idle_clear takes it back.
 *               Uses the scene's tree, which may grow meanwhile.
 *
 * A loop is a function that waits, then lets others do the work, then waits again. It waits in a
 * function that it calls (asyncio: _run_once calls select), or in C (tkinter: mainloop; Qt: the
 * function that calls exec_). What the loop calls beside the wait is the work, however often the
 * work itself waits. ARCHITECTURE.md says how the one is told from the other; where that cannot be
 * told, a thread has no idle place, but candidates.
 */
#ifndef PYREC_ANALYZE_IDLE_MODEL_H
#define PYREC_ANALYZE_IDLE_MODEL_H

#include "analyze/read/scene.h"

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

/* Between two visits this function stayed on the stack, and none that it calls did. */
struct idle_cycle {
    uint32_t function; /* node of idle->functions; TREE_ROOT = not even the first one stayed */
    uint64_t n;
};

/* A place in which a thread was seen blocked. */
struct idle_place {
    uint32_t node, call; /* of the scene */
    uint64_t visits;     /* how often it came there */
    uint64_t returns;    /* .. without having been blocked elsewhere since */
    uint64_t n_lasting;  /* .. and was seen there at two ticks or more */
    uint64_t n_away;     /* .. having been away for as long as a stall */
    uint64_t away_ns;    /* these times */
    uint64_t calls_back; /* .. having called others from the very expression it waits in; where
                            the trace does not tell that, from the line */
    uint64_t blocked_ns, longest_ns;
    uint64_t first_ns, last_ns; /* begin of the first, end of the last visit */
    uint64_t before_ns;         /* what was observed of the thread before the first */
    struct idle_cycle *cycles;
    size_t n_cycles, cycles_size;
    uint64_t last_step, visit_ns, visit_ticks, left_ns; /* while reading */

    /* what idle_choose makes of it */
    unsigned rank;          /* enum idle_rank */
    bool known;             /* by name */
    bool is_loop;           /* .. and the loop's name, not only that of the wait */
    bool queue;             /* known to wait for something to do; who calls it may be the loop */
    bool here;              /* .. where it is blocked only: it also does the work */
    bool nests;             /* a loop that may run inside of another of its kind */
    bool own_code;          /* the loop does no work itself: seen in it, it has come back */
    bool by_function;       /* anything in the waiting function will do, else line and call */
    bool in_line;           /* the loop is C: what it lets work is below the line it waits in */
    bool meant;             /* the user named it */
    uint32_t wait, loop;    /* function nodes: of the waiting function, of the loop */
    uint32_t named;         /* .. of what the user named; TREE_ROOT = nothing, or the call */
    unsigned name, wrapped; /* which name that was; frames between that are no known wait */
};

/* A frame on a thread's stack at the moment. */
struct idle_frame {
    uint32_t node, function;
    uint64_t entered, line_since, called; /* steps */
    uint64_t called_here;                 /* .. called from the expression in which it waited */
    struct position at;                   /* .. which is that */
    uint64_t entered_ns;                  /* observed time of the thread */
};

/* All calls of a function, as far as they can be told from each other. */
struct idle_calls {
    uint32_t function; /* node of idle->functions */
    uint64_t n, ns;
    uint64_t n_short; /* of less than three quarters of what a stall is */
};

/* Time in a stack, in all states. */
struct idle_time {
    uint32_t node;
    uint64_t ns;
};

enum idle_doubt {
    IDLE_FOUND,
    IDLE_NEVER_BLOCKED, /* nowhere, as far as it was looked at, and that was nearly always */
    IDLE_NOT_LOOKED_AT, /* it could not be looked at what it did */
    IDLE_NO_RETURN,     /* it comes back to no place between different things */
    IDLE_SELDOM,        /* it does, but that is a small part of its time */
    IDLE_TWO_READINGS,  /* to several, which may all be the idle one */
    IDLE_HIDDEN,        /* to one, in a function of the program's own that may as well be work */
    IDLE_NOT_AROUND,    /* named by the user, but nothing else was seen around it */
    IDLE_TOO_BUSY,      /* it has a loop, but was seldom or never seen to wait in it */
};

struct idle_thread {
    const struct thread *thread;
    struct idle_place *places; /* after idle_learn the idle ones first, then all others */
    size_t n_places, size;     /* the idle ones */
    size_t n_all;
    size_t n_candidates; /* where it cannot be told: how many of the first ones may be idle */
    enum idle_doubt doubt;
    uint64_t wall_ns;
    uint64_t unknown_ns; /* of it: ready or blocked, or blocked in nobody knows what */
    uint32_t request;    /* function node of what serves its connection; TREE_ROOT = it is no thread
                            of one connection, see idle_request.h */
    bool http;           /* .. of which it is known by name where it reads its requests */

    /*
     * It waits so seldom or shortly that ticks miss it: that it was not seen to come back does not
     * say that it did not. Only what was one call for sure is one piece of work: idle_busy.h.
     */
    bool busy;
    uint64_t loop_ns;       /* its loop was on the stack, */
    uint64_t short_work_ns; /* .. and let work what soon gave way to something else */

    struct idle_time *times;
    size_t n_times, times_size;
    struct idle_calls *calls;
    size_t n_calls, calls_size;
    struct hash hash, time_hash, call_hash;

    /* while reading */
    struct idle_frame *path;
    size_t n_path, path_size;
    uint64_t step;
    uint32_t last;         /* place at the last tick + 1, 0 = not blocked */
    uint32_t last_blocked; /* place it was blocked in last + 1 */
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
    struct tree functions;      /* the scene's tree without lines */
    struct scene_stacks stacks; /* of all samples */
    uint32_t *function_of;      /* by node: its function node + 1, 0 = not known yet */
    size_t n_function_of, function_of_size;
    uint32_t request;  /* what its threads of one connection begin with, the last one */
    uint16_t *bits_of; /* by function node: enum idle_name */
    size_t n_bits_of, bits_of_size;
};

/* Which threads are looked at for stalls: those that are selected, or the main threads and those
 * that each serve one connection. */
bool idle_wants(const struct idle *idle, const struct select *select, const struct thread *thread);

/* What was learnt of a thread; NULL when it was not seen. */
const struct idle_thread *idle_thread_of(const struct idle *idle, const struct thread *thread);

/* Is one of its loops known, so that what it calls is work even before it was seen idle? */
bool idle_has_loop(const struct idle_thread *t);

/* The node in idle->functions: the same path without lines. */
uint32_t idle_function(struct idle *idle, uint32_t node);

/* What is known of a function node by its name: bits of enum idle_name. */
unsigned idle_bits_of(const struct idle *idle, uint32_t function);

/* Is function node `above` on the way from the root to `function`, or the node itself? */
bool idle_is_below(const struct idle *idle, uint32_t function, uint32_t above);

/* The function node that `loop` calls on the way to `function`; `function` itself if it is that. */
uint32_t idle_child(const struct idle *idle, uint32_t function, uint32_t loop);

#endif
