/* SPDX-License-Identifier: MIT */
/*
 * emit - turn what was sampled into wire records.
 *
 * On the line:  raw stack -> [emit] -> ring
 * Threads:      the sampler only.
 * Memory:       one scratch stack, reserved at start.
 * Loss:         a record that finds no room is left out; the thread's next stack is then sent
 *               whole. The caller counts.
 */
#ifndef PYREC_AGENT_EMIT_H
#define PYREC_AGENT_EMIT_H

#include "record/ring.h"
#include "threads.h"

struct emit {
    struct ring *ring;
    struct codes *codes;
    struct wire_counters *counters;
    struct wire_frame *scratch;
    uint32_t max_depth;
    bool full; /* something found no room in this tick */
};

bool emit_init(struct emit *emit, struct codes *codes, uint32_t max_depth);

/* One explicit sample, said in words. */
struct observation {
    struct slot *slot; /* holds the stack; NULL when there is none */
    uint64_t cpu_ns;
    uint32_t state;
    int32_t call;
    enum wire_failure failure;
};

/* Write it, announcing the thread and describing new code objects before. */
void emit_sample(struct emit *emit, struct thread *thread, const struct observation *seen);

void emit_tick(struct emit *emit, const struct wire_tick *tick);
void emit_thread_end(struct emit *emit, const struct thread *thread, uint64_t time_ns);
void emit_thread_name(struct emit *emit, uint32_t thread, const char *name, uint32_t len);
void emit_event(struct emit *emit, uint32_t event, uint32_t thread, uint64_t time_ns,
                int64_t value);

#endif
