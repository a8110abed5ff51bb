/* SPDX-License-Identifier: MIT */
/*
 * report_thin - a report in less space: of a bin of time what, but no longer exactly when.
 *
 * On the line:  between report_runs, which reads, and report_columns
 * Memory:       the report's.
 *
 * A page may not grow with the recording. So when there are more than report->runs_max runs, time
 * is divided into bins (of each process's grid), those into parts, and of every thread and bin is
 * kept
 *
 *   how long it was in each class of states in every part, and
 *   how long it was in each stack, state and call in the whole bin, with its CPU,
 *
 * both as exactly as before. What is given up is when, within the bin, the thread was in which
 * stack. Stacks become shares of at most one part's length. Each share is put to one of the moments
 * at which its stack was seen, chosen by chance, and the shares fill the parts in that order. So
 * runs look as before and need no other form. Over parts of a bin each share is a sample of stacks,
 * and page/data.js says what its error is. When that is still too much, the bins become longer, or
 * the parts, whichever takes more space. A bin that would have more runs this way than it has stays
 * as it is.
 *
 * Who waited for whom for the GIL is counted per bin (report_pair), as runs of holders would have
 * to be exact.
 *
 * Always true:  sums over whole bins are what they were: of ticks and CPU per thread, state, stack.
 *               Sums of ticks per thread and class are in every part, too.
 * Loss:         what has no bins smaller than the recording and is still too much stays so. Ticks
 *               that stand for several intervals are cut at the border of a part.
 */
#ifndef PYREC_ANALYZE_REPORT_THIN_H
#define PYREC_ANALYZE_REPORT_THIN_H

#include "report_runs.h"

/* Behind each range that was read, and behind the last one. */
void report_thin_step(struct report *report);
void report_thin_end(struct report *report);

/* Thin a report that was read, to at most so many runs; false: there is nothing left to give up. */
bool report_thin_to(struct report *report, size_t runs_max);

/* What is in it: runs, windows, holders and pairs. */
size_t report_weight(const struct report *report);

/*
 * The error, 0 to 1, that thinning alone brings to a share of a half within half a bin, of the wall
 * or CPU time of all threads, whichever has more. Smaller shares have less, shorter times more.
 */
double report_thin_error(const struct report *report);

/*
 * One thread: thin what it did until that interval, with bins and parts as the report says. Used
 * by the functions above.
 */
void report_thin_course(struct report *report, struct report_thread *thread, uint64_t until);

#endif
