/* SPDX-License-Identifier: MIT */
/*
 * guarded_peek - peek() of record/agent/base/peek.h for readers that may look at a range only.
 *
 * Memory of this process, by the kernel, so that none needs to be there. Each load outside of the
 * range that is guarded is counted; without one nothing is.
 */
#ifndef PYREC_TESTS_UNIT_GUARDED_PEEK_H
#define PYREC_TESTS_UNIT_GUARDED_PEEK_H

#include <stdint.h>

/* From now on: [low, high), as far as whole words go; 0, 0: no range. */
void guarded_peek_set(uintptr_t low, uintptr_t high);

/* Loads outside of it since then, and all of them. */
uint64_t guarded_peek_outside(void);
uint64_t guarded_peek_loads(void);

#endif
