/* SPDX-License-Identifier: MIT */
/*
 * stretch - what a thread did from when to when: its samples in order of time, equal ones joined.
 *
 * On the line:  spans of a unit -> [stretches of a thread] -> view (SHAPE_COURSE)
 * Threads:      each worker fills lists of its own; they are joined under the lock of trace_run.
 * Memory:       struct stretch_list is the owner's, zeroed before the first use; stretch_clear
 *               takes its heap. Calls are borrowed from the dictionary, later from the symbols.
 *
 * Always true:  stretches of a thread do not overlap and come in order of time; their weights add
 *               up to what the profile of the same samples weighs by the same metric. Time that
 *               nobody observed is in none of them.
 */
#ifndef PYREC_ANALYZE_STRETCH_H
#define PYREC_ANALYZE_STRETCH_H

#include "analyze/model/metric.h"
#include <stddef.h>

struct select;
struct span;
struct unit_reader;

struct stretch {
    uint64_t start_ns, end_ns;
    uint64_t weight;  /* by the metric, in its unit */
    uint64_t cpu_ns;  /* attributed to it */
    uint32_t samples; /* it was seen in, one interval of time after the other */
    const char *call; /* it was blocked in; NULL = none */
    uint32_t node; /* first a stack of the dictionary + 1, then a node of the tree, of the view */
    enum state_class class; /* CLASS_EITHER only where the metric asks for it */
    enum state_halt halt;
    bool left_out; /* by its state: it weighs nothing, but takes the CPU that is its own */
};

struct stretch_list {
    struct stretch *items;
    size_t n, size;
    bool keeps_pace;           /* set before anything is added */
    uint32_t generation;       /* of the unit it was found in */
    struct stretch_list *next; /* of another unit */
};

/*
 * Add one behind the others; one that goes on with what the last one did makes that longer. In a
 * list that keeps the pace it must have gone on at the same one, too, so that ticks that were
 * missed within a stretch do not hide where its samples were: they are at equal distances.
 */
void stretch_add(struct stretch_list *list, const struct stretch *stretch);

/*
 * Add spans of a thread, of the range that the reader is at. CPU is what its clock moved, which
 * stretch_join attributes; the weight is without it.
 */
void stretch_add_spans(struct stretch_list *list, const struct unit_reader *reader,
                       const struct metric *metric, const struct select *select,
                       const struct span *spans, size_t n);

/* Make one list of those of all units, in order of generation, and attribute CPU as a profile. */
void stretch_join(struct stretch_list *whole, struct stretch_list *parts,
                  const struct metric *metric);

/* Free the list and those behind it; the struct of the first one is its owner's. */
void stretch_clear(struct stretch_list *list);

#endif
