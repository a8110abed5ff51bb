/* SPDX-License-Identifier: MIT */
/*
 * metric - what a sample can be weighed by.
 *
 * On the line:  profile (struct weights of a place) -> [metric] -> column -> cell
 *
 * To add one: a row here. Its two columns (own, and "_cum"), the values of --by, help and man page
 * come from the row. X(id, name for --by, column name, unit, weight expression over `w`, help)
 */
#ifndef PYREC_ANALYZE_METRIC_H
#define PYREC_ANALYZE_METRIC_H

#include "cell.h"
#include "state.h"

#define METRIC_LIST(X)                                                                             \
    X(CPU, "cpu", "cpu_time", UNIT_SECONDS, weights_sum(w).cpu,                                    \
      "CPU seconds of the thread's own clock", "CPU", "CPUs")                                      \
    X(TICKS, "ticks", "ticks", UNIT_COUNT, weights_sum(w).ticks,                                   \
      "sampling intervals accounted to it, blocking included", "ticks", "ticks")                   \
    X(SAMPLES, "samples", "samples", UNIT_COUNT, weights_sum(w).samples,                           \
      "times it was observed; equals ticks unless ticks were missed", "samples", "samples")        \
    X(WALL, "wall", "wall", UNIT_SECONDS, weights_sum(w).wall,                                     \
      "elapsed seconds its samples stand for", "seen", "threads")                                  \
    X(ON_CPU, "on_cpu", "on_cpu", UNIT_SECONDS, weights_on_cpu(w).wall,                            \
      "elapsed seconds on a CPU", "on CPU", "threads on a CPU")                                    \
    X(READY, "ready", "ready", UNIT_SECONDS, w->by[CLASS_READY].wall,                              \
      "elapsed seconds runnable while no CPU was free", "ready", "threads ready, without a CPU")   \
    X(GIL_WAIT, "gil_wait", "gil_wait", UNIT_SECONDS, w->by[CLASS_WAITS_GIL].wall,                 \
      "elapsed seconds waiting for the GIL", "GIL wait", "threads waiting")                        \
    X(BLOCKED, "blocked", "blocked", UNIT_SECONDS, w->by[CLASS_BLOCKED].wall,                      \
      "elapsed seconds blocked or idle in a system call", "blocked", "threads blocked or idle")    \
    X(UNKNOWN, "unknown", "unknown", UNIT_SECONDS, w->by[CLASS_UNKNOWN].wall,                      \
      "elapsed seconds ready or blocked: the kernel could not be asked which", "unknown",          \
      "threads ready or blocked, not known which")                                                 \
    X(KERNEL, "kernel", "kernel", UNIT_SECONDS, w->by[CLASS_KERNEL].cpu,                           \
      "CPU seconds in system calls: of samples that could tell", "kernel", "CPUs in the kernel")   \
    X(KERNEL_UNKNOWN, "kernel_unknown", "kernel_unknown", UNIT_SECONDS,                            \
      w->by[CLASS_EITHER].cpu + w->by[CLASS_READY].cpu,                                            \
      "CPU seconds of samples that could not tell whether they were in system calls", "kernel?",   \
      "CPUs in the kernel or not")

enum metric_id {
#define METRIC_ENUM(id, by, name, unit, weight, help, word, amount) METRIC_##id,
    METRIC_LIST(METRIC_ENUM)
#undef METRIC_ENUM
        METRIC_COUNT
};

struct metric {
    const char *by, *name, *help;
    const char *word, *amount; /* over time: what its curve is called, and what that counts */
    enum cell_unit unit;
    uint64_t (*of)(const struct weights *w);
};

extern const struct metric metrics[METRIC_COUNT];

/* The metric that --by calls `name`, or NULL. */
const struct metric *metric_find(const char *name);

/* The i-th name for --by; NULL behind the last. */
const char *metric_name(size_t i);

#endif
