/* SPDX-License-Identifier: MIT */
/*
 * hooks - in a program that runs already: which of its calls come to us, and for how long.
 *
 * On the line:  calls of the program -> [hooks] -> interpose
 * Threads:      hooks_take by who attaches; hooks_give_back by who ends recording. One at a time.
 * Memory:       static.
 * Loss:         what cannot be had is told: struct wire_hooks.
 *
 * What the functions of interpose/ do is the same as in a program that was started by us; here they
 * are reached through slots.h, and those that are about signals are not needed.
 */
#ifndef PYREC_AGENT_LATE_HOOKS_H
#define PYREC_AGENT_LATE_HOOKS_H

#include "record/wire/wire.h"
#include "slots.h"

/*
 * From now on. `setting` is what programs that are executed find in their environment, together
 * with our library, which they find at `library`; NULL: they are not followed. *had: what was had.
 * Nothing happens in a program in which we were there first, which has it all, in no slots.
 */
void hooks_take(slots_is_home_fn *is_home, void *closure, const char *setting, const char *library,
                struct wire_hooks *had);

/* What comes to us passes through from now on, and what is executed is as the program has it. A few
 * stores, no system call. */
void hooks_disarm(void);

/* Nothing comes to us any more; is_forked: this is a child that was forked since. */
void hooks_give_back(bool is_forked);

#endif
