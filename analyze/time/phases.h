/* SPDX-License-Identifier: MIT */
/*
 * phases - what the phases of a program cost: how many, how long, and what threads did in them.
 *
 * On the line:  scene + census -> [phases] -> the command phases
 * Threads:      one at a time.
 * Memory:       struct phases is the caller's, zeroed before phases_read; phases_clear takes it
 *               back. Names are the census's.
 *
 * How many there were and how long they took was measured by the program, to a quantum; what was
 * done in them is known by samples. A sample counts for each phase that it is in: a phase has all
 * that is done in the phases within it, as a function has what it calls. In several of one name
 * that are inside of each other it counts once for that name.
 *
 * Always true:  the CPU of a group is what a profile of the same selection gives the samples in it
 *               (carry.h); a phase that began outside of the range of time that was asked for has
 *               samples and is not counted.
 */
#ifndef PYREC_ANALYZE_PHASES_H
#define PYREC_ANALYZE_PHASES_H

#include "analyze/read/scene.h"

enum phases_by { PHASES_BY_NAME, PHASES_BY_DETAIL, PHASES_BY_LABEL };

/* All phases of one process that have one name (and detail), or all with a label. */
struct phase_group {
    const struct process *process;
    const char *name, *value;      /* value NULL: of whatever detail */
    uint64_t n;                    /* of these began in the range, .. */
    uint64_t n_open;               /* .. and so many have no end in the recording */
    uint64_t total_ns, longest_ns; /* of those that have */
    uint64_t longest_at_ns;        /* when the longest one began */
    struct weights weights;
    double cpu_error_s, gil_error_s,
        blocked_error_s; /* 95 %: of an unbroken look at this recording */
};

/* All that was sampled of a process, in phases or not: what their parts are parts of. */
struct phase_whole {
    const struct process *process;
    struct weights total;
    double wall_squares, cpu_squares; /* as struct basis has them */
};

struct phases {
    enum phases_by by;
    const struct select *select;
    struct phase_group *groups; /* by process, in the order in which they were met */
    size_t n, size;
    struct hash index;
    struct phase_whole *wholes;
    size_t n_wholes, wholes_size;
    uint64_t n_lost; /* phases, labels and marks that the recorder could not keep */

    /* while the trace is read */
    uint32_t *group_of; /* by context of the unit: group + 1; 0 = not asked yet */
    size_t group_of_size, n_group_of;
    struct carry *carries; /* by thread->index */
    size_t carries_size, n_carries;
    uint32_t *seen; /* groups that the sample counts for already */
    size_t seen_size;
};

void phases_read(struct phases *phases, struct trace *trace, const struct select *select,
                 enum phases_by by);
void phases_clear(struct phases *phases);

/* How many and how long alone, of a trace that was read: from its census, without samples. */
void phases_count(struct phases *phases, const struct trace *trace, const struct select *select,
                  enum phases_by by);

/* Is this phase, or one that it is in, among those that --phase and --label ask for? */
bool phases_wanted(const struct select *select, const struct process *process,
                   const struct phase *phase);

#endif
