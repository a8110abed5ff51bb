/* SPDX-License-Identifier: MIT */
/*
 * idle_choose - which of the places in which a thread was blocked is the idle one, and how sure.
 *
 * On the line:  idle_visits -> [idle_choose] -> idle_learn
 * Threads:      one at a time.
 * Memory:       what it needs meanwhile is its own; the result is in the thread.
 *
 * Evidence, in order (enum idle_rank): the loop's name; a line that waits and calls others, as only
 * a loop in C does; a known queue that the loop itself asks; a wait that the loop itself calls. A
 * wait below a function of the program's own may always be work. Of the places of one thread only
 * the best can be the idle one, others are work; where two are equally good, the one to which the
 * thread comes back again and again without having been in the other is it, and where that does not
 * tell either, nobody knows. Shares of time count only for what nobody knows by name, and nothing
 * becomes idle by having been there often or for long.
 */
#ifndef PYREC_ANALYZE_IDLE_CHOOSE_H
#define PYREC_ANALYZE_IDLE_CHOOSE_H

#include "idle_model.h"

/* Sets places, doubt and candidates of a thread whose visits are all known. */
void idle_choose(struct idle *idle, struct idle_thread *t);

/* The same, of the places that the user names; of all when he means none of this thread. */
void idle_choose_named(struct idle *idle, struct idle_thread *t);

#endif
