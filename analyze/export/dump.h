/* SPDX-License-Identifier: MIT */
/*
 * dump - all samples of a trace in order of time, one at a time.
 *
 * On the line:  trace -> select -> [dump] -> rows of a log
 * Threads:      one.
 * Memory:       dump_open gives, dump_close takes. Of each process that is running at the time,
 *               one dictionary and the spans of one range are in memory.
 *
 * Samples of one tick come in order of process and thread. A process is opened when its time has
 * come and given up when it is over, so a thousand short ones cost no more than those that overlap.
 *
 * Always true:  where the trace's own times do not go back, those of the rows do not; as many rows
 *               come as a profile of the same selection has samples.
 */
#ifndef PYREC_ANALYZE_DUMP_H
#define PYREC_ANALYZE_DUMP_H

#include "analyze/model/select.h"
#include "analyze/read/trace.h"
#include "analyze/view/view.h"

struct dump;

/* At most `limit` rows, 0 = all. */
struct dump *dump_open(struct trace *trace, const struct select *select, size_t limit);
void dump_close(struct dump *dump);

/* The next sample; the row is good until the next call. A view's next(). */
bool dump_next(void *dump, struct row *row);

#endif
