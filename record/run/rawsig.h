/* SPDX-License-Identifier: MIT */
/*
 * rawsig - signals as the kernel has them: all 64, also the two that the C library keeps to itself.
 *
 * On the line:  beside it; launch, child, relay, witness.
 * Threads:      one; a mask is the calling thread's.
 *
 * A set is a word in which bit n - 1 is signal n. The functions of the C library leave out 32 and
 * 33; whoever sends one of these to pyrec would kill it.
 */
#ifndef PYREC_RECORD_RAWSIG_H
#define PYREC_RECORD_RAWSIG_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define RAWSIG_MAX     64
#define RAWSIG_ALL     UINT64_MAX /* SIGKILL and SIGSTOP are left out by the kernel */
#define RAWSIG_BIT(n)  (1ull << ((n)-1))
#define RAWSIG_RT_FROM 32 /* from here on every one that is sent arrives */

/* Set the mask; the one before. */
uint64_t rawsig_mask(uint64_t set);

/* A descriptor that signals of the set are read from, as struct signalfd_siginfo; -1: errno. */
int rawsig_open(uint64_t set);

/* The default action, as it is before any program changes it. */
void rawsig_default(int signal);

/*
 * Whether a process would take the default action if it got this signal now: it neither handles,
 * ignores nor blocks it. False when that is not known.
 */
bool rawsig_is_unwanted(pid_t pid, int signal);

#endif
