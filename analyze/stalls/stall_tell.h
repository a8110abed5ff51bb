/* SPDX-License-Identifier: MIT */
/*
 * stall_tell - a stall in words and tables.
 *
 * On the line:  stall -> [stall_tell] -> story of a view
 * Threads:      one at a time.
 * Memory:       everything is in the view's arena; names are the scene's and the census's.
 */
#ifndef PYREC_ANALYZE_STALL_TELL_H
#define PYREC_ANALYZE_STALL_TELL_H

#include "analyze/view/story.h"
#include "stall.h"

/* What a stall's row speaks about, beside process, thread, place and weights. */
struct stall_facts {
    uint64_t start_ns, duration_ns;
    uint64_t unobserved_ns;     /* of the duration */
    const char *time;           /* by the wall clock */
    const char *cause;          /* what it did most: cpu, ready, gil, blocked */
    const char *call;           /* it was blocked in most; NULL = none */
    const char *end;            /* came back, or: recording ended */
    const char *phase, *detail; /* of a phase: its name, .. */
    uint64_t phase_ns;          /* .. and how long it took; NULL, NULL, 0 = it is a stall */
};

/* A row of one of its tables. */
struct stall_line {
    uint64_t ns;                 /* elapsed */
    uint64_t weight, whole;      /* by the metric of the order */
    const struct thread *thread; /* NULL = none */
    const char *others;          /* "30 threads", for which the row stands; NULL = for the one */
    const char *call, *doing;
    const char *evidence; /* why it is likely this thread, or why it cannot be told; NULL = none */
};

/* Add a story for it; as many rows per table at most, 0 = all. Its details must be there. */
void stall_tell(struct view *view, const struct stalls *stalls, const struct stall *stall,
                size_t number, size_t rows_max);

/*
 * Add lines: who held what it waited for, how sure that is, and where it cannot be told, why.
 * Returns of which kinds of entries they speak: 1 << STALL_GIL, 1 << STALL_HELD.
 */
unsigned stall_tell_who(struct view *view, const struct stalls *stalls, const struct stall *stall,
                        struct story *story);

/* A node's leaf as "function (file:line)", the file shortened. */
const char *stall_place_text(struct view *view, const struct scene *scene, uint32_t node);

/* "12.345 s" */
const char *stall_seconds_text(struct view *view, uint64_t ns);

#endif
