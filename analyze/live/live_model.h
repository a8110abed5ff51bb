/* SPDX-License-Identifier: MIT */
/*
 * live_model - what a screen shows of a window of seconds, as numbers and names.
 *
 * On the line:  live, recent -> [live_model] -> a screen
 * Threads:      one.
 * Memory:       struct live_model is the caller's, zeroed; each live_model_fill replaces what was
 *               there, live_model_clear takes it back. Rows are in its arena; names are borrowed
 *               from the live and good until its next look.
 *
 * Always true:  a row of threads is that of `pyanalyze threads --from --to` with the window's
 *               seconds, a row of places that of `lines` or `functions` with --merge-threads.
 */
#ifndef PYREC_ANALYZE_LIVE_MODEL_H
#define PYREC_ANALYZE_LIVE_MODEL_H

#include "analyze/model/key.h"
#include "analyze/model/metric.h"
#include "live.h"

#define LIVE_STRIP 60u /* seconds of a thread's strip at most */

enum live_order { LIVE_BY_CPU, LIVE_BY_GIL, LIVE_BY_BLOCKED, LIVE_BY_NAME, LIVE_ORDERS };

/* What is wished. */
struct live_wish {
    uint64_t to;     /* second behind the window */
    uint32_t window; /* its seconds, 1 to LIVE_STRIP */
    const struct metric *metric;
    enum key_id key; /* KEY_LINE or KEY_FUNCTION */
    enum live_order order;
    const char *find;          /* only rows that contain this, in any case; "" = all */
    const struct thread *only; /* places of this thread; NULL = of all */
};

/* A second of a strip: shares of what was observed; all 0 = not observed. */
struct live_second {
    float on_cpu, gil, blocked; /* on_cpu: ready for one, too */
    bool seen;
};

struct live_thread_row {
    const struct thread *thread;
    double cpu;                  /* CPUs used, by its clock */
    double on_cpu, gil, blocked; /* shares of what was observed */
    uint64_t wall_ns, cpu_ns;
    struct live_second strip[LIVE_STRIP]; /* the newest last */
    bool is_there; /* seen at the end of the window: the rest is what it does now */
    enum state_class state;
    uint32_t node;
    struct frame frame;
    const char *call;               /* "" = none */
    const struct thread *waits_for; /* NULL = for nobody that is known */
};

struct live_place_row {
    struct frame frame;
    double now, error, cum; /* shares of the metric's sum in the window, 0 to 1 */
    double total;           /* and of the total's */
    int trend;              /* more (1) or less (-1) than in the total, by more than the error */
    uint64_t weight;
};

struct live_model {
    struct arena arena;
    uint64_t from, to; /* seconds of the window */
    double cpus;       /* used by all threads together */
    uint32_t n_cpus;   /* of the machine; 0 = not known */
    bool gil_known;
    double held, waiting, gc; /* share of the time the GIL was held; threads that waited; share */
    struct live_thread_row *threads;
    size_t n_threads; /* those that were found */
    size_t n_seen;    /* all */
    struct live_place_row *places;
    size_t n_places;
    double cost; /* CPUs that recording takes; < 0: not known */
    double rate; /* ticks per second */
};

void live_model_fill(struct live_model *model, const struct live *live, const struct recent *recent,
                     const struct live_wish *wish);
void live_model_clear(struct live_model *model);

#endif
