/* SPDX-License-Identifier: MIT */
/*
 * aside - the sampler steps aside when the program makes a call that bears no second thread.
 *
 * On the line:  beside it.
 * Threads:      the one that makes the call.
 * Loss:         the ticks of that moment; all that follow, where the program puts a filter on the
 *               system calls of all its threads; children, where it puts one on its own.
 */
#ifndef PYREC_AGENT_ASIDE_H
#define PYREC_AGENT_ASIDE_H

#include "agent.h"

/* If the sampler is the only thread but this one, end it until agent_start(). True if it was. */
bool aside_step(struct agent *agent);

/* Step aside for unshare(), setns() and system call filters from now on. */
void aside_watch(void);

#endif
