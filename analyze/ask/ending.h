/* SPDX-License-Identifier: MIT */
/*
 * ending - words for how a process ended, and for who is not in a recording at all.
 *
 * On the line:  census -> [ending] -> commands
 * Threads:      any.
 * Memory:       texts are in the caller's arena.
 */
#ifndef PYREC_ANALYZE_ENDING_H
#define PYREC_ANALYZE_ENDING_H

#include "analyze/model/census.h"

/*
 * "exit 3", "SIGKILL", "exec" (it became another program), "running" (when recording ended), "ended"
 * (nobody knows how); NULL when the file does not say: it was cut off.
 */
const char *ending_word(const struct ending *ending, struct arena *arena);

/*
 * "3 Python processes not recorded: network namespace (2), descriptors used up (1)", of those that
 * are Python, or (`unsure`) of those of which that is not known; NULL when there are none.
 */
const char *ending_missing(const struct ending *ending, bool unsure, struct arena *arena);

/* How many that are. */
uint64_t ending_missing_count(const struct ending *ending, bool unsure);

#endif
