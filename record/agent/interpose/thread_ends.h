/* SPDX-License-Identifier: MIT */
/*
 * thread_ends - what threads had on their CPU clocks at their very end.
 *
 * On the line:  a thread that ends -> [thread_ends] -> sampler
 * Threads:      pthread_create and the end of a thread on the program's threads, wait-free; the
 *               rest on the sampler.
 * Memory:       static, 40 KiB.
 * Loss:         more than ENDS_MAX ends between two ticks: the oldest are forgotten. More than
 *               STARTS_MAX threads that are just being made at once: those beyond are not watched.
 *               The thread that runs main(), threads made before us or inside libc, and threads
 *               that the end of the process ends, do not come here. What destructors of other keys
 *               use after ours is not seen.
 *
 * The kernel forgets a thread's clock with the thread, so it has to be read on the thread itself.
 * pthread_create is interposed to set a key there, whose destructor libc calls however the thread
 * ends: by returning, pthread_exit or cancellation. Nothing else about the thread changes: same
 * attributes, same result, and our function is gone from its stack before the program's begins.
 */
#ifndef PYREC_AGENT_THREAD_ENDS_H
#define PYREC_AGENT_THREAD_ENDS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define ENDS_MAX   1024u
#define STARTS_MAX 64u
#define BIRTHS_MAX 1024u /* power of two */

/* Make a thread of ours: as pthread_create would without us. */
int thread_ends_create(pthread_t *thread, const pthread_attr_t *attributes,
                       void *(*routine)(void *), void *argument);

/* Watch the threads that are made from now on. */
void thread_ends_watch(void);

/* No more: nothing is done on threads that end. */
void thread_ends_unwatch(void);

/* In a forked child: none has ended, none is being made. */
void thread_ends_reset(void);

/* Note from now on who is made: for thread_ends_ident. */
void thread_ends_note_births(void);

/* The pthread_t of a thread that lives; 0 = it was not seen being made, or another one was since
 * whose number is as good as its own. */
uint64_t thread_ends_ident(int32_t tid);

/* The next one that has ended. False when there is none. */
bool thread_ends_next(int32_t *tid, uint64_t *cpu_ns);

#endif
