/* SPDX-License-Identifier: MIT */
/*
 * inject - load a library into a process that runs, and call a function of it there.
 *
 * On the line:  session, regard -> [inject: victim, hold, mailbox, stub] -> the library's entry
 * Threads:      one. The work is done in a child of ours, which lives for some milliseconds: when
 *               it dies, of whatever, the kernel lets go of all that it held.
 * Memory:       in the other process: see mailbox.h; 4 KiB of code that is its own from then on.
 * Loss:         it is done, or why not is said, and then nothing has been loaded. What was mapped
 *               for it stays, and the next time takes it again.
 *
 * One thread of the process is stopped for some 60 microseconds (in a process with one thread until
 * libc knows of another one: ours has 20 ms to begin, else it is tried anew). It makes a thread of
 * ours and goes on where it was;
 * whatever may have to wait is done on that one. The process is never stopped as a whole, no signal
 * is sent to it, no file is written, none of its code is changed, no lock is waited for on a thread
 * of its own. Killing pyrec at any moment harms nothing: what was begun ends by itself within ten
 * seconds, by the clock.
 */
#ifndef PYREC_RECORD_INJECT_H
#define PYREC_RECORD_INJECT_H

#include "format/status.h"
#include "inject_plan.h"

/* Could it be done? Looks, and touches nothing. A process that has just begun: see REGARD_AWAIT. */
enum inject_outcome inject_look(pid_t pid, struct problem *why);

/*
 * On anything but INJECT_DONE why->detail is a clause without its subject, the process: "is being
 * traced by .."; with INJECT_FAILED *result may be filled in, too: entry != 0.
 */
enum inject_outcome inject(const struct inject_plan *plan, struct inject_result *result,
                           struct problem *why);

#endif
