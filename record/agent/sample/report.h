/* SPDX-License-Identifier: MIT */
/*
 * report - turn what was sampled into wire records.
 *
 * On the line:  raw stack -> [report] -> ring
 * Threads:      the sampler only.
 * Memory:       one scratch stack, reserved at start.
 * Loss:         a record that finds no room is left out; the thread's next stack is then sent
 *               whole. The caller counts.
 */
#ifndef PYREC_AGENT_REPORT_H
#define PYREC_AGENT_REPORT_H

#include "record/wire/ring.h"
#include "threads.h"

struct report {
    struct ring *ring;
    struct codes *codes;
    struct wire_counters *counters;
    struct labels *labels; /* NULL = tasks are not told */
    struct wire_frame *scratch;
    uint32_t max_depth;
    bool full;            /* something found no room in this tick */
    uint32_t n_functions; /* the kernel's, in which threads wait, by their number */
    char functions[WIRE_CALL_FUNCTIONS][WIRE_CALL_FUNCTION_MAX];
};

bool report_init(struct report *report, struct codes *codes, uint32_t max_depth);

/* Give it back. */
void report_free(struct report *report);

/* One explicit sample, said in words. */
struct observation {
    struct slot *slot; /* holds the stack; NULL when there is none */
    uint64_t cpu_ns;
    uint32_t state;
    int32_t call;
    enum wire_failure failure;
};

/*
 * The number of a "call" of which only the kernel's function is known in which the thread waits.
 * -1 when that is "", there are too many of them, or the ring is full.
 */
int32_t report_call_function(struct report *report, const char *function);

/* Write it, announcing the thread and describing new code objects before. */
void report_sample(struct report *report, struct thread *thread, const struct observation *seen);

/* A codes_free_fn: `closure` is a struct report. */
void report_code_free(void *closure, uint32_t id);

void report_tick(struct report *report, const struct wire_tick *tick);
void report_thread_end(struct report *report, const struct thread *thread, uint64_t time_ns);
void report_thread_name(struct report *report, uint32_t thread, const char *name, uint32_t len);
void report_event(struct report *report, uint32_t event, uint32_t thread, uint64_t time_ns,
                  int64_t value);

#endif
