/* SPDX-License-Identifier: MIT */
/*
 * outside - the memory of another process, as the walker and its like read it.
 *
 * On the line:  memory of another CPython -> [outside] -> stack, describe, objects, interp
 * Threads:      one, and one process at a time: peek() has no room for saying which.
 * Memory:       its own, 2 MiB.
 * Loss:         what cannot be read is "bad", as in the agent.
 *
 * This is pyrec's own peek() (record/agent/base/peek.h). The agent's code that reads its own
 * process by loads reads another process here, by pages. The pages of one reading are kept, so that
 * a stack of forty frames costs some ten system calls and not four hundred. outside_forget() drops
 * them: call it to see what is there now.
 *
 * The other process may hold anything, also an endless chain that no single check finds. So a
 * reading has a number of loads. When they are used up, all further loads are bad.
 */
#ifndef PYREC_RECORD_OUTSIDE_H
#define PYREC_RECORD_OUTSIDE_H

#include "record/remote/remote_memory.h"

/* From now on this one; what it holds is copied. */
void outside_open(const struct remote *remote);

/* A reading begins: what was read before is old, and so many loads may be made. */
void outside_forget(uint64_t loads);

/* Whether they were used up. */
bool outside_is_spent(void);

#endif
