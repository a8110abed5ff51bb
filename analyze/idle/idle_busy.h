/* SPDX-License-Identifier: MIT */
/*
 * idle_busy - loops that wait so seldom, or so shortly, that ticks miss it.
 *
 * On the line:  idle_evidence -> [idle_busy] -> idle_choose, stall
 * Threads:      one at a time.
 * Memory:       what it needs meanwhile is its own; the result is in the thread.
 *
 * A server that is busy for 19 of 20 ms is seen idle at every twentieth tick, by chance: times
 * without such a tick are as long as a stall again and again, and are none. What was one call is
 * told from many in a row by two things only: a wait during which the thread's clock stood still,
 * and a function whose calls are long whenever it is seen, beside other work of the same loop that
 * is seen to change often.
 */
#ifndef PYREC_ANALYZE_IDLE_BUSY_H
#define PYREC_ANALYZE_IDLE_BUSY_H

#include "idle_evidence.h"

/*
 * A loop that is known by name and was on the stack, though never seen to wait: it is added to the
 * places, without a visit; false when there is none. `best`: the place that would be chosen else,
 * n_all when there is none; where that is of another loop, inside or around, that one is it.
 */
bool idle_busy_find(struct idle_weighing *w, struct idle_thread *t, size_t best, size_t *added);

/* Set `busy` of a thread whose places are chosen. */
void idle_busy_judge(struct idle_weighing *w, struct idle_thread *t);

/*
 * What a tick below the loop is surely a part of, and of which (a function node; the scene's node
 * of the wait): of a thread that is busy, or that takes the next piece without waiting
 * (idle_next.h).
 */
enum idle_piece {
    IDLE_PIECE_NONE, /* of no one piece: of many in a row, for all that is known */
    IDLE_PIECE_CALL, /* of one long call */
    IDLE_PIECE_WAIT, /* of one long wait; where its clock moves, another one begins */
};
enum idle_piece idle_busy_piece(struct idle *idle, const struct idle_thread *t, uint32_t node,
                                enum state_class class, uint32_t call, uint32_t *which);

#endif
