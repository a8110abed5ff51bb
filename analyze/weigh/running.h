/* SPDX-License-Identifier: MIT */
/*
 * running - the profile of a trace that is being written: what is new is added, and a whole profile
 * can be had at any time.
 *
 * On the line:  growing trace -> tail -> [running] -> profile -> fold, view
 * Threads:      the first reading uses as many workers as it is told.
 * Memory:       struct running is the caller's, zeroed before running_open; running_clear takes it
 *               back. Per process that has not ended one dictionary and the sums of a generation.
 *
 * Always true:  what running_show gives is what profile_build gives of the same chunks.
 */
#ifndef PYREC_ANALYZE_RUNNING_H
#define PYREC_ANALYZE_RUNNING_H

#include "analyze/read/tail.h"
#include "profile.h"

struct builder;
struct build;

struct running {
    struct tail tail;
    struct profile whole; /* all that was read, before profile_finish; a watch is set before */
    bool newest_only;     /* set before: leave out what is not the newest generation of a process */
    struct build *build;
    struct builder **builders; /* by number of the tail's unit; NULL = none */
    size_t n_builders, builders_size;
    const struct select *select;
    bool is_lent;       /* by running_show */
    struct arena spare; /* memory of a copy that was taken back, for the next one */
};

/* Read all of a growing trace, in its window, which stays. `select` is borrowed. */
void running_open(struct running *running, struct trace *trace, const struct select *select,
                  size_t n_workers);

/* Read what trace_grow has found. False when it must be opened anew. */
bool running_read(struct running *running);

/*
 * What was read by now, as profile_build would give it. Names and tree are lent: running_take_back
 * has to be called before anything else, and clears the profile.
 */
void running_show(struct running *running, struct profile *profile);

/* The same, without a copy: its weights are lent, too, and must not be changed. */
void running_lend(struct running *running, struct profile *profile);
void running_take_back(struct running *running, struct profile *profile);

void running_clear(struct running *running);

#endif
