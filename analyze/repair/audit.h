/* SPDX-License-Identifier: MIT */
/*
 * audit - read all of a trace, and count what of it is good.
 *
 * On the line:  trace -> [audit] -> check, repair, merge
 * Threads:      one; reads with many (trace_run).
 * Loss:         everything that is wrong is reported through the trace, and the chunk is marked
 *               (struct unit_chunk.is_bad).
 */
#ifndef PYREC_ANALYZE_AUDIT_H
#define PYREC_ANALYZE_AUDIT_H

#include "analyze/read/trace.h"

struct audit {
    uint64_t n_chunks, n_bad; /* a chunk that is there twice counts once */
    uint64_t samples, cpu_ns;
    uint64_t last_ns; /* the latest tick, on the common clock */
};

/* Read every sample of every unit. */
void audit_run(struct audit *audit, struct trace *trace, size_t n_workers);

#endif
