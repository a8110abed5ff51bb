/* SPDX-License-Identifier: MIT */
/*
 * report_phases - when phases and labels began and ended, and marks: of a report whose runs were
 * read.
 *
 * On the line:  census -> [report_phases] -> report->scopes, which report_columns and out/page write
 * Threads:      one at a time.
 * Memory:       the report's.
 *
 * Loss:         of phases the longest are kept, of marks one per part of the time, of groups all;
 *               how many there were is kept as well.
 */
#ifndef PYREC_ANALYZE_REPORT_PHASES_H
#define PYREC_ANALYZE_REPORT_PHASES_H

#include "report_runs.h"

/* Those of the report's processes and selected threads, within the window. */
void report_phases_read(struct report *report, const struct trace *trace);

#endif
