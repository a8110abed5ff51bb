/* SPDX-License-Identifier: MIT */
/*
 * idle_evidence - what speaks for a place being the one in which a loop waits.
 *
 * On the line:  idle_visits -> [idle_evidence] -> idle_choose
 * Threads:      one at a time.
 * Memory:       8 bytes per function of the scene in struct idle_weighing, the caller's;
 *               idle_weighing_clear takes them back.
 */
#ifndef PYREC_ANALYZE_IDLE_EVIDENCE_H
#define PYREC_ANALYZE_IDLE_EVIDENCE_H

#include "idle_model.h"

struct idle_weighing {
    struct idle *idle;
    struct idle_thread *thread;
    uint64_t *below_ns; /* by function node: time that the thread had it on its stack */
};

void idle_weigh(struct idle_weighing *w, struct idle *idle, struct idle_thread *t);
void idle_weighing_clear(struct idle_weighing *w);

/* Find the loop around a place, what waits in it, and how sure that is. */
void idle_rank_place(struct idle_weighing *w, struct idle_place *p);

/* Add a loop that is known by name to the places, as one without a visit; its number. */
size_t idle_add_loop(struct idle *idle, struct idle_thread *t, uint32_t loop);

/*
 * Is the loop of a ranked place the function that waits, and was it never seen in another line or
 * to call anything? Then it may as well be called anew for each wait, unless who calls it does
 * so once.
 */
bool idle_only_waits(struct idle *idle, const struct idle_thread *t, const struct idle_place *p);

/*
 * Find the loop where the user named the place; false when nothing else was seen around it, so that
 * it can be nobody's idle place.
 */
bool idle_rank_named(struct idle_weighing *w, struct idle_place *p);

#endif
