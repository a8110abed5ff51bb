/* SPDX-License-Identifier: MIT */
/*
 * idle_place - is a thread in its idle place, or at work?
 *
 * On the line:  idle_model -> [idle_place] -> stall
 * Threads:      one at a time.
 * Memory:       none of its own.
 */
#ifndef PYREC_ANALYZE_IDLE_PLACE_H
#define PYREC_ANALYZE_IDLE_PLACE_H

#include "idle_model.h"

enum idle_relation {
    IDLE_OUTSIDE, /* no loop is on the stack */
    IDLE_UNKNOWN, /* where it would be idle, but what it did could not be looked at */
    IDLE_WORK,    /* called by the loop */
    IDLE_BACK,    /* in its idle place, or in the loop's own code */
};

/* What a thread was doing: a stack's node, its state, its call. */
enum idle_relation idle_relation(struct idle *idle, const struct idle_thread *t, uint32_t node,
                                 enum state_class class, uint32_t call);

/* Is it blocked where this place is: there, or in another line of what waits there? */
bool idle_is_at(struct idle *idle, const struct idle_place *place, uint32_t node,
                enum state_class class, uint32_t call);

/*
 * Is a time from .. to in which the loop was not on the stack still the loop's: is it between two
 * visits of the idle place from one and the same line, so that the loop is entered again and again?
 */
bool idle_spans(const struct idle *idle, const struct idle_thread *t, uint64_t from_ns,
                uint64_t to_ns);

/*
 * The frame below which a stack is what the loop lets work: the loop's own, or, where it is not on
 * the stack, the innermost that calls it, too; TREE_ROOT when there is none.
 */
uint32_t idle_loop_node(struct idle *idle, const struct idle_thread *t, uint32_t node);

#endif
