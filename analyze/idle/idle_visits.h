/* SPDX-License-Identifier: MIT */
/*
 * idle_visits - where a thread was blocked, how it came back there, and what it did between.
 *
 * On the line:  scene -> [idle_visits] -> idle_choose, idle_place
 * Threads:      one at a time.
 * Memory:       some 100 bytes per place in which a thread was blocked and 16 per stack that it
 *               was seen in, however long the recording is: it is read as a stream.
 *
 * A function that has called others and is seen again with the same callers is taken for the same
 * call of it, unless a caller was seen in another line, or elsewhere, in between. So between two
 * visits of a place some frames stayed on the stack: the innermost of them is what came back to
 * the place: a loop around it, as far as can be told.
 *
 * A blocked thread whose clock moved was awake between two ticks and has come back: a visit too,
 * of which no more is known.
 */
#ifndef PYREC_ANALYZE_IDLE_VISITS_H
#define PYREC_ANALYZE_IDLE_VISITS_H

#include "analyze/read/scene.h"

struct idle;

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
    uint64_t calls_back; /* .. having called others from the very line it waits in */
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
    uint64_t entered_ns;                  /* observed time of the thread */
};

/* All calls of a function, as far as they can be told from each other. */
struct idle_calls {
    uint32_t function; /* node of idle->functions */
    uint64_t n, ns;
    uint64_t n_short; /* of less than half of what a stall is */
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

/* One more span of the thread, of the range that the scene is at. */
void idle_visits_add(struct idle *idle, struct idle_thread *t, const struct span *span);

/* Nothing more comes: what is on the stack counts as it is. */
void idle_visits_end(struct idle *idle, struct idle_thread *t);
void idle_visits_clear(struct idle_thread *t);

#endif
