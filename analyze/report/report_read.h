/* SPDX-License-Identifier: MIT */
/*
 * report_read - read a trace into runs, and thin them while it is read where they are to be few.
 *
 * On the line:  scene -> [report_read] -> struct report (report_runs.h)
 * Threads:      one at a time.
 * Memory:       the report's.
 */
#ifndef PYREC_ANALYZE_REPORT_READ_H
#define PYREC_ANALYZE_REPORT_READ_H

#include "report_runs.h"

/* Read the trace. Only the selected processes and threads are kept. */
void report_build(struct report *report, struct trace *trace, const struct select *select);

#endif
