/* SPDX-License-Identifier: MIT */
/*
 * trace_run - read all units of a trace, and do something with each.
 *
 * On the line:  trace -> [trace_run: a unit_reader per worker] -> profile, scene, series, audit
 * Threads:      trace_run starts workers, which take whole units.
 * Memory:       a reader per worker while it runs.
 */
#ifndef PYREC_ANALYZE_TRACE_RUN_H
#define PYREC_ANALYZE_TRACE_RUN_H

#include "trace.h"

struct unit_reader; /* unit.h */

/*
 * What is done with every unit. `read` is called by a worker and reads the unit or leaves it;
 * `join`, afterwards and under the lock, adds its result to what is shared. The census has the
 * unit's facts by then. Neither may keep pointers into the reader. `join` NULL: there is nothing to
 * add.
 */
struct trace_job {
    void (*read)(void *closure, size_t worker, struct unit_reader *reader);
    void (*join)(void *closure, size_t worker, struct unit_reader *reader);
    void *closure;
};

/* Run the job over all units with that many workers, at most one per unit. */
void trace_run(struct trace *trace, size_t n_workers, const struct trace_job *job);

/*
 * The same once more, unit by unit in this thread, for jobs that need a second look. The census has
 * all facts already, and damage was reported the first time.
 */
void trace_run_again(struct trace *trace, const struct trace_job *job);

/* How many workers are worth while on this machine for this trace. */
size_t trace_workers(const struct trace *trace);

#endif
