/* SPDX-License-Identifier: MIT */
/*
 * report_pair - who waited for whom for the GIL, per bin, of a report that is thinned.
 *
 * On the line:  under report_thin
 * Memory:       the report's.
 */
#ifndef PYREC_ANALYZE_REPORT_PAIR_H
#define PYREC_ANALYZE_REPORT_PAIR_H

#include "report_runs.h"

/*
 * Count waits of a process's threads up to that interval, from runs that were not thinned yet, and
 * forget who held it until then. Who waits does not hold it, whatever was noted.
 */
void report_pair_holds(struct report *report, uint32_t process, uint64_t until);

/* So many bins become one. */
void report_pair_bins(struct report_process *process, uint64_t n);

#endif
