/* SPDX-License-Identifier: MIT */
/*
 * idle_next - loops that take the next piece of work without having to wait for it.
 *
 * On the line:  idle_choose -> [idle_next] -> stall, stall_pieces
 * Threads:      one at a time.
 * Memory:       struct idle_trail is the caller's, one per thread, zeroed.
 *
 * A server with a backlog accepts, handles and accepts again: select, accept and a queue's get give
 * what is there already, at once, so that it is not seen idle while there is more to do. That is a
 * return to its loop all the same. It is seen where a sample falls into the taking itself, or where
 * a function that runs straight down once for each piece is in an earlier line than before, or
 * where a loop in C has called another function. A loop of a window, or one that sleeps, waits each
 * time or is not answering anyway.
 */
#ifndef PYREC_ANALYZE_IDLE_NEXT_H
#define PYREC_ANALYZE_IDLE_NEXT_H

#include "idle_model.h"

/* May it take one piece of work after another, so that no sample meets it waiting between? */
bool idle_takes_next(const struct idle *idle, const struct idle_thread *t);

/* Functions that run once for each piece, outermost first, and the line each was seen in last. */
struct idle_trail {
    struct {
        uint32_t function, line;
    } list[4];
    size_t n;
};

/* The thread is seen there: has it, since the last time, begun with another piece of work? */
bool idle_took_next(struct idle *idle, struct idle_trail *trail, uint32_t node);

/*
 * What a loop in C has called: the function node of the slot, handler or callback below the
 * innermost such loop on the stack; TREE_ROOT where there is none. Another one than before is
 * another piece.
 */
uint32_t idle_called(struct idle *idle, const struct idle_thread *t, uint32_t node);

/* Is it just taking the next piece: in accept, or about it? */
bool idle_is_taking(struct idle *idle, uint32_t function);

#endif
