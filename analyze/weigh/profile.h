/* SPDX-License-Identifier: MIT */
/*
 * profile - weights on a tree of places, per thread.
 *
 * On the line:  trace -> select + [profile_build] -> profile -> fold, stacks -> view
 * Threads:      profile_build uses as many workers as it is told; the profile is read-only then.
 * Memory:       struct profile is the caller's, zeroed before profile_build; profile_clear takes
 *               it back. It borrows processes and threads from the trace's census.
 *
 * CPU. Who uses what a thread's clock counts is decided within a range (attribute.h). What is left
 * there, because no sample in it was seen using any, is carried to the next sample on a CPU (or
 * ready for one; carry.h). A unit carries within itself; what it needs to join the units before and
 * behind it is its head (the first sample that takes CPU) and its tail (what was left over), and
 * they are joined in order when all are there. So the result does not depend on who read which unit
 * when.
 *
 * Always true:  per thread, cpu of all nodes + unattributed_ns == cpu_ns, what its clock moved
 *               while it was recorded, or what of it is that of the window's samples; windows that
 *               follow each other add up to the whole. Times are in ns. Where samples are chosen
 *               by state they have the weights that they have among all others, and cpu_ns is
 *               theirs alone.
 */
#ifndef PYREC_ANALYZE_PROFILE_H
#define PYREC_ANALYZE_PROFILE_H

#include "analyze/model/census.h"
#include "analyze/model/module.h"
#include "analyze/model/select.h"
#include "analyze/model/symbols.h"
#include "analyze/model/tree.h"
#include "analyze/read/stretch.h"
#include "analyze/read/trace.h"
#include "bare.h"
#include "share.h"
#include "sheet.h"

struct profile;
struct unit_reader;

/* What a unit leaves behind of a thread's clock, to be joined in order of generation. */
struct profile_joint {
    struct profile_joint *next;
    uint32_t generation;
    bool begin_known;
    uint64_t begin_ns;              /* the clock before the unit */
    uint64_t cpu_ns;                /* moved by this in the unit */
    bool has_head, head_chosen;     /* chosen: not left out by its state */
    const struct thread *head_part; /* that the head is of; NULL = of none */
    enum state_class head_class;
    uint32_t head_node;
    uint64_t tail_ns;
    struct bare bare;
};

/* CPU that was given to a weight when clocks were joined. */
struct profile_carry {
    struct profile_carry *next;
    struct weight *at;
    uint64_t cpu_ns;
};

struct profile_thread {
    const struct thread *thread;
    struct sheet sheets[CLASS_COUNT]; /* by tree node */
    struct weights total;
    struct weights squares;                  /* see struct basis */
    uint64_t cpu_ns;                         /* its clock moved by this while it was recorded */
    uint64_t unattributed_ns;                /* of that, what no sample took, lost_ns included */
    uint64_t lost_ns;                        /* of that, what passed in lost chunks */
    uint64_t before_ns;                      /* its clock when recording of it began */
    struct weights bare_before, bare_behind; /* without frames, before its first and behind its last
                                                stack with some; see bare.h */
    bool is_program; /* it has stacks that show when the program began and ended */
    struct profile_joint *joints;
    struct profile_thread *parts, *next_part; /* of a thread; they stand behind it */
    struct stretch_list
        stretches; /* if they are wanted; its next: those of the units, until joined */
};

/*
 * Somebody who looks at what is weighed, where one worker reads: entering a unit, at each range
 * before it is weighed, and leaving. Names and tree may be taken from the profile in between.
 */
struct profile_watch {
    void (*enter)(void *closure, struct profile *profile, struct unit_reader *reader);
    void (*range)(void *closure);
    void (*leave)(void *closure, struct profile *profile);
    void *closure;
};

struct profile {
    struct arena arena;
    struct symbols symbols;
    struct tree tree;
    struct modules modules;
    struct profile_thread **threads; /* selected ones, in order of process and id */
    size_t n_threads, threads_size;
    const struct census *census;
    bool flat;            /* callers are left out: what a place weighs in itself is all that is
                             kept, as a node below the root; no modules. Set before profile_build */
    bool expressions;     /* places are told apart within a line; set before profile_build */
    bool by_task;         /* what a thread did in tasks are threads of their own, .. */
    bool by_phase;        /* .. or in phases; parts of it, in both. Set before, too */
    bool some_stacks;     /* profile_keep_stacks has left some out */
    struct window window; /* of the trace when it was read */

    /* Set before profile_build: keep what the threads did in order of time, weighed by this. */
    const struct metric *stretches_by;
    bool stretches_keep_pace; /* see stretch.h */
    const struct profile_watch *watch;

    /* Its sheets are another profile's: what profile_finish adds to them, to be taken out again. */
    bool is_lent;
    struct profile_carry *carries;
};

/* Read the whole trace. */
void profile_build(struct profile *profile, struct trace *trace, const struct select *select,
                   size_t n_workers);

/* Its first part: read, add up. */
void profile_read(struct profile *profile, struct trace *trace, const struct select *select,
                  size_t n_workers);

/* The last part of profile_build: join the clocks, drop the threads that are not selected. */
void profile_finish(struct profile *profile, const struct select *select);

/*
 * Keep only what select's expressions choose: stacks with a match and without an excluded place.
 * CPU that no sample took belongs to no stack and is gone with the others.
 */
void profile_keep_stacks(struct profile *profile, const struct select *select);

/* The threads of one process, *n of them, in order of id; borrowed. */
struct profile_thread *const *profile_process(const struct profile *profile,
                                              const struct process *process, size_t *n);

/* What the shares of a table of these threads are of. */
struct basis profile_basis(struct profile_thread *const *threads, size_t n_threads,
                           const struct metric *metric);

void profile_clear(struct profile *profile);

#endif
