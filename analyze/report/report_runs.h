/* SPDX-License-Identifier: MIT */
/*
 * report_runs - who did what when, of a whole trace, in the form that the HTML page reads.
 *
 * On the line:  trace -> scene -> [report_runs] -> report_columns -> out/html
 * Threads:      one at a time.
 * Memory:       struct report is the caller's, zeroed before report_build; report_clear takes it
 *               back. 12 bytes per run, 16 per window of CPU, of at most runs_max of them; names
 *               are the scene's and the census's, which live as long.
 *
 * A process has a grid: interval k of it goes from origin_ns + (first + k) x interval_ns to the
 * next, on the common clock of all files. A run is so many intervals of the grid in a row in which
 * a thread was seen in the same state with the same stack in the same scope (report_scope.h); what
 * was missed belongs to the run of the sample after it, as in every table. So sums over any range
 * of intervals are whole numbers and those of the tables.
 *
 * Always true:  the runs of a thread follow each other without a hole from its `begin` on; where
 *               nobody looked there is a run of its own (REPORT_UNSEEN). The intervals of all other
 *               runs together are the thread's ticks, its windows and carries together its CPU.
 */
#ifndef PYREC_ANALYZE_REPORT_RUNS_H
#define PYREC_ANALYZE_REPORT_RUNS_H

#include "report_scope.h"

#define REPORT_UNSEEN 7u /* in place of a class: it was not observed */

struct report_run {
    uint32_t node; /* of the scene's tree */
    uint32_t n;    /* intervals */
    uint16_t call; /* of the scene's calls, or the name of its halt (state.h); 0 = none */
    unsigned scope : REPORT_SCOPE_BITS;
    unsigned class : 3; /* enum state_class, or REPORT_UNSEEN */
    unsigned gc : 1;    /* it was collecting garbage */
};

/*
 * n intervals that take CPU, one after the other, have cpu_q quanta of it. The first k of them have
 * cpu_q x k / n, rounded down; that is exactly what attribute.h gave them, wherever a sample ends.
 */
struct report_window {
    uint64_t cpu_q;
    uint32_t n;
};

/* CPU found where none is used up: the next interval that takes any has it as well. */
struct report_carry {
    uint64_t at; /* interval of the grid */
    uint64_t cpu_q;
};

/* What a thread did, in order: runs, and the CPU of those that take any. */
struct report_course {
    struct report_run *runs;
    size_t n_runs, runs_size;
    struct report_window *windows;
    size_t n_windows, windows_size;
    /* the last window has at least min_q quanta per min_n intervals, and less than max_q per max_n
     */
    uint64_t min_q, min_n, max_q, max_n;
    struct report_carry *carries;
    size_t n_carries, carries_size;
};

struct report_thread {
    const struct thread *thread;
    uint32_t process; /* index into the report's */
    uint64_t begin;   /* interval of the grid in which its first run begins */
    uint64_t end;     /* behind its last run */
    struct report_course course;
    struct report_course thinned; /* while it is read: what was thinned, and until where */
    uint64_t thinned_end;
};

/* A tick that stands for more than its interval: for those that were missed before it, too. */
struct report_odd_tick {
    uint64_t at; /* the interval that it was due in */
    uint32_t missed;
};

/* Who held the GIL for n intervals. */
struct report_hold {
    uint32_t thread; /* index into the report's + 1; 0 = nobody, or not known */
    uint32_t n;
};

/* In a bin so many intervals of waiting for the GIL while somebody held it (report_hold). */
struct report_pair {
    uint64_t bin;
    uint32_t waiter, holder;
    uint64_t n;
};

struct report_process {
    const struct process *process;
    uint64_t quantum_ns;                    /* unit of CPU */
    uint64_t origin_ns, interval_ns, first; /* the grid */
    uint64_t end;                           /* intervals */
    struct report_odd_tick *odd;
    size_t n_odd, odd_size;
    struct report_hold *holds;
    size_t n_holds, holds_size;
    uint64_t held;             /* intervals that `holds` reaches to */
    struct report_pair *pairs; /* in order; instead of holds, where it was thinned */
    size_t n_pairs, pairs_size;
    uint64_t paired; /* intervals that `pairs` reaches to, where holds begin */
    bool has_grid;
};

struct report {
    struct scene scene;
    const struct select *select;
    struct report_process *processes;
    size_t n_processes, processes_size;
    struct report_thread *threads; /* in order of process and appearance */
    size_t n_threads, threads_size;
    uint32_t *number_of; /* per thread of the census: index into threads + 1, 0 = none */
    size_t number_of_size;

    size_t runs_max;   /* set before report_build: thin (report_thin.h) above that; 0 = never */
    uint64_t bin;      /* intervals; 0 = nothing was thinned */
    uint64_t fine;     /* intervals: a part of a bin; a bin is a multiple of it */
    uint64_t n_stacks; /* of all bins; what n_runs is more is there for the parts' sake */
    uint64_t n_runs;
    /* intervals of shares whose moment was chosen by chance: of all, and of those that take CPU */
    double unsure[2], unsure_squares[2];
    size_t n_ranges; /* that were read */
    struct report_scopes scopes;
    bool is_read; /* all of it */
};

/* Add a run at the end, joined to the last one if that is of the same kind; `n` intervals of it. */
void report_run_append(struct report_course *course, struct report_run run, uint64_t n);
bool report_run_same(const struct report_run *a, const struct report_run *b);
void report_course_clear(struct report_course *course);
void report_clear(struct report *report);

#endif
