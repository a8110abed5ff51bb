/* SPDX-License-Identifier: MIT */
/*
 * readback - a trace as a list of what every thread did in every tick, read the slow, plain way.
 *
 * On the line:  run.trace -> [readback] -> tests of the recorder
 * Memory:       readback_load gives what readback_free takes.
 *
 * Checks on the way that the file is whole and that nothing in it refers to what is not there.
 */
#ifndef PYREC_TESTS_READBACK_H
#define PYREC_TESTS_READBACK_H

#include "format/status.h"
#include <stdbool.h>
#include <stdint.h>

struct readback_row {
    uint32_t process;
    uint32_t thread;
    uint64_t number; /* of the tick */
    uint64_t time_q, cpu_q;
    uint32_t state;
    uint32_t holder; /* of the GIL, at that tick */
    char *call;      /* and the task that ran, "futex/fetch"; "-" = none */
    char *stack;     /* function:line;function:line; */
};

/* The last Summary of a process, 0 = the recording. */
struct readback_process {
    uint32_t pid, image, generations;
    bool has_summary;
    bool is_status_known;
    uint32_t exit_status, exit_signal;
    uint64_t samples, ticks; /* as the rows say */
    uint64_t account_samples, process_cpu_ns;
    uint64_t end_q;
    char reason[300];
};

#define READBACK_PROCESSES 4096

struct readback {
    struct readback_row *rows; /* sorted by process, tick, thread */
    size_t n_rows;
    uint64_t start_mono_ns, quantum_ns;
    uint32_t n_processes; /* the highest number */
    struct readback_process *processes;
    uint64_t n_chunks;
    uint64_t n_events;
    uint64_t n_steps; /* of those: CLOCK_STEP */
    uint64_t n_ends; /* declarations that say with what on its clock a thread ended .. */
    uint64_t ends_q; /* .. and what they say together */
    uint64_t missed; /* tick numbers skipped */
    uint64_t gap_q;  /* not observed */
    bool is_closed;
    char fault[300]; /* the first thing that is not as it should be; "" = nothing */
};

/* Read all of it. What is wrong with the content is in `fault`. */
MUST_CHECK enum status readback_load(struct readback *back, const char *path);
void readback_free(struct readback *back);

/*
 * Compare the rows of a process with a truth (see fake_agent.h). 0 when all rows are there and
 * right. With `may_end_early`, the truth may go on after the trace has ended.
 */
int readback_compare(const struct readback *back, uint32_t process, const char *truth,
                     bool may_end_early);

#endif
