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
    uint64_t unobserved_ns;          /* of the duration */
    const char *time;                /* by the wall clock */
    const char *cause;               /* what it did most: cpu, ready, gil, blocked .. */
    const char *call;                /* it was blocked in most; NULL = none */
    const char *end;                 /* came back, or: recording ended */
    const char *pieces;              /* one, or: may be several */
    const char *phase, *detail;      /* of a phase: its name, .. */
    uint64_t phase_ns;               /* .. and how long it took; NULL, NULL, 0 = it is a stall */
    uint64_t away_ns;                /* .. of which its thread was not at it */
    const struct stall_tasks *tasks; /* NULL = no loop was seen in its thread then */
};

/* Add a story for it; as many rows per table at most, 0 = all. Its details must be there. */
void stall_tell(struct view *view, const struct stalls *stalls, const struct stall *stall,
                size_t number, size_t rows_max);

/*
 * What it did most: "cpu", "ready", "gil", "blocked", "unknown"; of a phase also "suspended", or
 * "elsewhere" where that was not seen. Where that was, as a node of the
 * scene: TREE_ROOT in several places, or without details. In which call it was blocked most, as a
 * number of the scene; SCENE_NO_CALL in none, or without details.
 */
const char *stall_cause(const struct stall *stall);
uint32_t stall_where(const struct stalls *stalls, const struct stall *stall);
uint32_t stall_call(const struct stall *stall);

/* When its tasks were seen: "in it", "before", "after", "not known". */
const char *stall_sight_text(enum stall_sight sight);

#endif
