/* SPDX-License-Identifier: MIT */
/*
 * make_loop - a recording of an asyncio loop, for make_outputs and the golden files.
 *
 * On the line:  [make_loop] -> a trace
 * Memory:       nothing is given out.
 */
#ifndef PYREC_TESTS_MAKE_LOOP_H
#define PYREC_TESTS_MAKE_LOOP_H

/* Write it; `mark` stands before all names that a program can choose. */
void make_loop(const char *path, const char *mark);

#endif
