/* SPDX-License-Identifier: MIT */
/*
 * make_halts - recordings of a build without a GIL, for make_outputs.
 *
 * On the line:  [make_halts] -> traces
 * Memory:       nothing is given out.
 */
#ifndef PYREC_TESTS_MAKE_HALTS_H
#define PYREC_TESTS_MAKE_HALTS_H

/* Two: halts.trace and held_up.trace. */
void make_halts(const char *directory);

#endif
