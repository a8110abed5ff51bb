/* SPDX-License-Identifier: MIT */
/*
 * sigmask - the number that threads are asked with is never blocked, and never waited for.
 *
 * On the line:  beside it: pthread_sigmask, sigprocmask, sigwait and their like, signalfd.
 * Threads:      any thread of the program, also in signal handlers and in children of vfork.
 * Memory:       two words per thread, in the thread's own storage.
 *
 * Programs block all signals in threads that are not to handle any, around exec, and where they
 * wait for them. A signal of ours that is blocked would stay pending: over exec, where it kills the
 * new program, or until sigwait() returns it to the program. So our number is taken out of each
 * mask and each set; the thread remembers that the program has it blocked, and tells it so.
 *
 * Should anybody send the program that very number, it comes to our handler, and from there to
 * where it would have been (signals.c). And a set that names our number among few others is a
 * program that means it: then we ask with another one.
 */
#ifndef PYREC_AGENT_INTERPOSE_SIGMASK_H
#define PYREC_AGENT_INTERPOSE_SIGMASK_H

#include <stdint.h>

/* The mask of the calling thread holds our number, by inheritance or as that of a handler: take it
 * out. Returns what there was, for sigmask_end() to put back. */
uint64_t sigmask_begin(void);
void sigmask_end(uint64_t begun);

/*
 * Somebody is to inherit the calling thread's mask who knows nothing of us: make it what the
 * program thinks it is. To be undone by sigmask_hide() with the result.
 */
uint64_t sigmask_reveal(void);
void sigmask_hide(uint64_t revealed);

#endif
