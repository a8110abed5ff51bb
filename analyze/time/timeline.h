/* SPDX-License-Identifier: MIT */
/*
 * timeline - what each thread did in each of many equal parts of the time.
 *
 * On the line:  scene -> [timeline] -> cmd_timeline
 * Threads:      one at a time.
 * Memory:       struct timeline is the caller's, zeroed before timeline_read; timeline_clear takes
 *               it back. One struct weights per thread and bin; times in ns.
 *
 * What ticks stand for is spread evenly over the time from the tick before to the last of them, so
 * a bin may be shorter than a tick. CPU is what the thread's clock moved by at that time, whatever
 * it was seen doing. With --state it is the CPU of samples that were chosen, as in tables: what was
 * used before the thread blocked waits for its next sample on a CPU.
 *
 * What the process used beside that is known from its books, once per Samples message (two
 * seconds), and spread evenly over that time.
 *
 * Always true:  the bins of a thread add up to what was chosen of its time, and without --state to
 *               what its clock moved by; observed_ns is all its time, chosen or not.
 */
#ifndef PYREC_ANALYZE_TIMELINE_H
#define PYREC_ANALYZE_TIMELINE_H

#include "analyze/model/carry.h"
#include "analyze/read/scene.h"

struct timeline_thread {
    const struct thread *thread;
    struct weights *bins;
    uint64_t *observed_ns; /* per bin */
    struct weights total;
    uint64_t total_ns;  /* observed */
    struct carry carry; /* in ns; without --state nothing waits */
};

/* A process, and what it used beside its threads with samples. */
struct timeline_process {
    const struct process *process;
    uint64_t *other_ns; /* per bin: CPU of threads without samples */
    uint64_t other_total_ns;
    bool known; /* whole_ns is where the books stood at the end of the range before */
    uint64_t whole_ns;
    uint64_t owed_ns; /* threads' clocks were ahead of the books by this */
};

struct timeline {
    uint64_t start_ns, bin_ns;
    size_t n_bins;
    struct timeline_thread *threads; /* in the order in which they were seen */
    size_t n_threads, threads_size;
    size_t *entries; /* by index of a thread: its entry + 1 */
    size_t entries_size;
    struct timeline_process *processes; /* in the order in which they were seen */
    size_t n_processes, processes_size;
    const struct select *select;
};

/* That of a process; NULL when no range of it was read. */
const struct timeline_process *timeline_process(const struct timeline *timeline,
                                                const struct process *process);

/* From start_ns on, n_bins of bin_ns each; what lies outside is left out. */
void timeline_read(struct timeline *timeline, struct scene *scene, struct trace *trace,
                   const struct select *select);
void timeline_clear(struct timeline *timeline);

/* The shortest round time (1, 2, 5 x 10^n ms) of which at most n make up length_ns. */
uint64_t timeline_bin_ns(uint64_t length_ns, size_t n);

#endif
