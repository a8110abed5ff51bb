/* SPDX-License-Identifier: MIT */
/*
 * gil_wakeup - a bell that rings when somebody takes the GIL.
 *
 * On the line:  a thread of the program, in take_gil() -> [gil_wakeup] -> wakes the sampler
 * Threads:      pthread_cond_signal on any; gil_wakeup_reset in a forked child; all else on the
 *               sampler's.
 * Memory:       static.
 * Loss:         none: where it is not proved to ring, it is not relied on.
 *
 * Whoever takes the GIL, in every version from 3.8 on, sets `locked` and then signals a condition
 * variable inside the GIL, always, whether anybody waits for it or not; whoever drops it signals
 * another one. pthread_cond_signal is interposed. While the bell is armed, a signal to one of them
 * wakes the sampler; else it costs a load and a compare.
 *
 * Whether Python's calls come through here is not known (it may be linked in ways of its own): a
 * GIL on which both variables have been signalled is proved to have a wakeup.
 */
#ifndef PYREC_AGENT_GIL_WAKEUP_H
#define PYREC_AGENT_GIL_WAKEUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Has the GIL at this address (`len` bytes) a bell? False at first: it listens from then on. */
bool gil_wakeup_works(uintptr_t gil, size_t len);

/*
 * Arm it: the next taking of the GIL sets `bits` in *word and wakes who waits for that futex. A
 * GIL that was taken before is seen to be locked after this, or its taking will ring.
 */
void gil_wakeup_arm(_Atomic uint32_t *word, uint32_t bits);

/* CLOCK_MONOTONIC of the first ring since it was armed, 0 = none. It may ring once more. */
uint64_t gil_wakeup_disarm(void);

/* Until a GIL is known: call `heard` at every signal, with where it was given; NULL: no more. */
void gil_wakeup_watch(void (*heard)(uintptr_t caller));

/* In a forked child: nobody sleeps there. What is proved of the GIL holds there as well. */
void gil_wakeup_reset(void);

#endif
