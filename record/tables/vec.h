/* SPDX-License-Identifier: MIT */
/*
 * vec - arrays that grow.
 *
 * On the line:  beside it; intern, codebook, roster, batch keep their rows in such arrays.
 * Threads:      none of its own state.
 * Memory:       the array is the caller's, to be freed with free().
 *
 * Always true:  after a failure the array is as it was.
 */
#ifndef PYREC_RECORD_VEC_H
#define PYREC_RECORD_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Room for `need` items of `item_bytes` in the array whose pointer is at `array`; *capacity
 * counts items and at least doubles when it grows. False when there is no memory.
 */
bool vec_room(void *array, uint32_t *capacity, uint64_t need, size_t item_bytes);

#endif
