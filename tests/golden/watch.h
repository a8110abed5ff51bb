/* SPDX-License-Identifier: MIT */
/*
 * watch - what was seen of threads at ticks, in plain arrays, to and from a Samples message.
 *
 * On the line:  test data -> [watch] -> Samples -> [watch] -> test data
 * Memory:       watch_build fills a message whose columns watch_samples_clear frees; watch_read
 *               fills a struct watch that watch_clear frees. Otherwise arrays are the caller's.
 * Idea:         the definition of the columns as code, short rather than fast: what recorder and
 *               analysis do in a clever way can be compared with this.
 */
#ifndef PYREC_TESTS_WATCH_H
#define PYREC_TESTS_WATCH_H

#include "format/columns.h"
#include "format/trace.pb-c.h"

/* One thread at one tick. */
struct seen {
    uint64_t cpu_q; /* its CPU clock */
    uint32_t stack, state, call;
};

struct watched {
    uint32_t id;
    uint32_t begin, end; /* it was seen at ticks begin .. end - 1 */
    struct seen before;  /* as it was before tick `begin` */
    struct seen *seen;   /* at tick begin + i */
};

struct watch {
    uint64_t origin_ns, interval_ns, quantum_ns;
    uint64_t before_q;
    uint32_t n_ticks;
    uint64_t *number, *time_q; /* per tick */
    uint32_t *missed;          /* per tick: numbers skipped just before it */
    uint64_t *gap_q;           /* per tick: not observed before it */
    uint32_t *holder;          /* per tick; NULL = not known */
    uint32_t n_threads;
    struct watched *threads; /* in order of id */
};

void watch_build(const struct watch *watch, Pyrec__V1__Samples *samples);
void watch_samples_clear(Pyrec__V1__Samples *samples);

/* False where a message breaks the rules. CPU clocks count from 0 at the start of the range. */
bool watch_read(struct watch *watch, struct proto_column body, uint64_t quantum_ns);
void watch_clear(struct watch *watch);

#endif
