/* SPDX-License-Identifier: MIT */
/*
 * attribute - which samples get the CPU that a thread's clock counted.
 *
 * On the line:  struct span, within range_spans -> [attribute] -> struct span, given_q filled in
 * Threads:      pure.
 *
 * Nobody knows where a thread used its CPU between two samples. To give all of it to the later
 * sample, or to split it between the two, is wrong on average as soon as the program is as regular
 * as the ticks, or does not run all the time: the tick's phase then decides both which place is
 * seen and how long the time before it was. But the ticks fall evenly on whatever a thread does. So
 * the samples that were seen to use CPU share equally what the clock counted around them, each by
 * the intervals it stands for. "Around" is a window. It has as many samples as it takes to make
 * their phases even and its two ends unimportant, and not more: where a clock ran slower for a
 * while because others wanted the CPU, that must not be evened out.
 *
 * A window begins with a sample whose clock has moved. It ends with the 13th sample that takes CPU
 * (the phases of 13 ticks in a row are spread evenly), before the 256th tick, or with the range.
 * The samples that take CPU were seen running, or ready with the GIL in hand: a moment ago they
 * ran. A sample that is ready without the GIL may just have been woken, so it keeps what its own
 * clock moved.
 *
 * Always true:  within a window the given CPU adds up to what the clock moved. Where no sample in
 *               it takes any, each keeps its own: the reader carries it on to one that does.
 */
#ifndef PYREC_ANALYZE_ATTRIBUTE_H
#define PYREC_ANALYZE_ATTRIBUTE_H

#include <stdbool.h>
#include <stddef.h>

#define ATTRIBUTE_TAKERS 13u
#define ATTRIBUTE_TICKS  256u

struct span;

/*
 * Fill in given_q of spans of one thread, in order of time. The result is how many are settled,
 * from the first on; the others (ATTRIBUTE_TICKS at most) belong to a window that may go on and
 * have to be handed in again, with those behind them. With `is_last` all are settled.
 */
size_t attribute_spans(struct span *spans, size_t n, bool is_last);

#endif
