/* SPDX-License-Identifier: MIT */
/*
 * reserve - address space that costs memory only where it is touched.
 *
 * On the line:  everything the agent keeps is reserved here, at start.
 * Threads:      any; two system calls.
 * Memory:       most is given back only where recording ends before the process does: where a
 *               program was attached to.
 */
#ifndef PYREC_AGENT_RESERVE_H
#define PYREC_AGENT_RESERVE_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed, page-aligned; NULL when the address space is not there (RLIMIT_AS). */
void *reserve_memory(size_t size);

/*
 * These two are given the address of a pointer, to anything: whenever the process forks, it leads to
 * memory that the child has, too, or is NULL.
 *
 * More of the same, elsewhere; false when there is no more, and then all stays as it was.
 */
bool reserve_grow(void *pointer, size_t before, size_t size);

/* All of what was reserved at once, and NULL is left; NULL is nothing. */
void reserve_give_back(void *pointer, size_t size);

/* Zero it again and give its pages back. */
void reserve_wipe(void *memory, size_t size);

#endif
