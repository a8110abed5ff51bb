/* SPDX-License-Identifier: MIT */
/*
 * gil_wait - whether a thread waits for the GIL, from what it called last.
 *
 * On the line:  pthread_cond_timedwait, _wait, _signal -> [gil_wait] -> sampler
 * Threads:      the mark is each thread's own, and read by the sampler; no lock, no system call.
 * Memory:       one word per thread, in the thread's own storage.
 * Loss:         a thread that has called none of them yet is "not known".
 *
 * In every version a thread waits for the GIL in pthread_cond_timedwait() on a condition inside of
 * it, signals another one inside of it when it has it, and again when it gives it back; was it
 * asked to, it then waits in pthread_cond_wait() until somebody has it. So the last of these calls
 * says where it is. The kernel says so too (futex() on an address inside the GIL), but not to
 * everybody: see syscall_of.h.
 */
#ifndef PYREC_AGENT_GIL_WAIT_H
#define PYREC_AGENT_GIL_WAIT_H

#include <stddef.h>
#include <stdint.h>

enum gil_wait {
    GIL_WAIT_UNKNOWN,
    GIL_WAIT_NO,
    GIL_WAIT_YES,
};

/* Where the mark of the thread with this pthread_t is: a word that may not be there any more. */
uintptr_t gil_wait_mark(uint64_t ident);

/* Does a thread whose mark is that wait for the GIL at [gil, gil + len)? */
enum gil_wait gil_wait_of(uint64_t mark, uintptr_t gil, size_t len);

/* The calling thread signals a condition, or waits for it no more. */
void gil_wait_over(uintptr_t condition);

#endif
