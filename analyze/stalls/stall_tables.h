/* SPDX-License-Identifier: MIT */
/*
 * stall_tables - the tables of a stall: where it was, who held what, what the others did.
 *
 * On the line:  stall -> [stall_tables] -> story of a view
 * Threads:      one at a time.
 * Memory:       everything is in the view's arena.
 */
#ifndef PYREC_ANALYZE_STALL_TABLES_H
#define PYREC_ANALYZE_STALL_TABLES_H

#include "analyze/view/story.h"
#include "stall.h"

/* A row of one of its tables. */
struct stall_line {
    uint64_t ns;                 /* elapsed */
    uint64_t weight, whole;      /* by the metric of the order */
    const struct thread *thread; /* NULL = none */
    const char *others;          /* "30 threads", for which the row stands; NULL = for the one */
    const char *call, *doing;
    const char *evidence; /* why it is likely this thread, or why it cannot be told; NULL = none */
};

/* All that has rows; as many per table at most, 0 = all. `said`: 1 << kind of entries of which
 * the story's words name the largest. */
void stall_add_tables(struct view *view, const struct stalls *stalls, const struct stall *stall,
                      struct story *story, size_t rows_max, unsigned said);

#endif
