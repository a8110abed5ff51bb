/* SPDX-License-Identifier: MIT */
/*
 * make_halts - a recording of a build without a GIL, for make_outputs.
 *
 * On the line:  [make_halts] -> a trace
 * Memory:       nothing is given out.
 */
#ifndef PYREC_TESTS_MAKE_HALTS_H
#define PYREC_TESTS_MAKE_HALTS_H

void make_halts(const char *path);

#endif
