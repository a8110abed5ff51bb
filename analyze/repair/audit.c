/* SPDX-License-Identifier: MIT */
#include "audit.h"

#include "analyze/base/memory.h"
#include "analyze/read/trace_run.h"
#include "analyze/read/unit.h"

#include <stdlib.h>

/* What a worker adds up in the unit it reads. */
struct sum {
    uint64_t samples, cpu_ns;
};

struct auditing {
    struct audit *audit;
    struct sum *sums; /* one per worker */
};

static void read_unit(void *closure, size_t worker, struct unit_reader *reader)
{
    struct sum *const sum = &((struct auditing *)closure)->sums[worker];
    struct span spans[64];
    *sum = (struct sum){0};
    while (unit_next_range(reader)) {
        struct range_thread thread = {0};
        while (range_next_thread(&reader->range, &thread)) {
            size_t n;
            (void)facts_thread_index(&reader->facts, thread.id);
            while ((n = range_spans(&reader->range, &thread, spans, ARRAY_LEN(spans))) > 0) {
                for (size_t i = 0; i < n; i++) {
                    sum->samples += spans[i].n;
                    sum->cpu_ns += spans[i].cpu_q * reader->quantum_ns;
                }
            }
        }
    }
}

static void join_unit(void *closure, size_t worker, struct unit_reader *reader)
{
    const struct auditing *const auditing = closure;
    const uint64_t last_ns =
        quanta_ns(reader->facts.last_q, reader->quantum_ns) + reader->unit->recording->shift_ns;
    auditing->audit->samples += auditing->sums[worker].samples;
    auditing->audit->cpu_ns += auditing->sums[worker].cpu_ns;
    if (last_ns > auditing->audit->last_ns)
        auditing->audit->last_ns = last_ns;
}

void audit_run(struct audit *audit, struct trace *trace, size_t n_workers)
{
    struct auditing auditing = {audit, memory_get(n_workers * sizeof(struct sum))};
    const struct trace_job job = {read_unit, join_unit, &auditing};
    *audit = (struct audit){.n_chunks = trace->n_chunks};
    trace_run(trace, n_workers, &job);
    for (size_t i = 0; i < trace->n_chunks; i++)
        audit->n_bad += trace->chunks[i].is_bad;
    free(auditing.sums);
}
