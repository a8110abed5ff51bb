/* SPDX-License-Identifier: MIT */
/*
 * stall_pieces - was it one piece of work, or may it have been several, one after the other?
 *
 * On the line:  ticks of a thread that is not idle -> [stall_pieces] -> stall
 * Threads:      one at a time.
 * Memory:       struct stall_parts is the caller's, zeroed; stall_parts_clear takes it back. Some
 *               hundred bytes per long piece and per time between two.
 *
 * Of a loop that takes the next piece without waiting (idle_next.h) the time between two visits of
 * its idle place is cut into parts: what is one wait or one call for sure, and as long as a stall,
 * and what is between. What is between, and as long as a stall itself, may be one piece or several,
 * and a row of its own says so. What is shorter goes with the sure piece that it is beside.
 *
 * Who stands still, be it for want of a CPU, does no two things meanwhile: that is left out of what
 * may be several.
 *
 * Always true:  no two parts in a row that are unsure; sure ones are as long as a stall.
 */
#ifndef PYREC_ANALYZE_STALL_PIECES_H
#define PYREC_ANALYZE_STALL_PIECES_H

#include "analyze/idle/idle_busy.h"
#include "stall.h"

/* What a tick is a part of. */
struct stall_piece {
    enum idle_piece kind;
    uint32_t which, call; /* idle_busy_piece */
    bool begins;          /* of a wait: its clock moved, so that this is another one */
    bool outside;         /* the loop is not on the stack, for now */
};

struct stall_part {
    struct stall stall;
    struct stall_piece piece;
    bool one;                       /* it is of one piece, as far as it goes */
    uint64_t still_ns, stillest_ns; /* its clock stands still: now, and for longest */
};

struct stall_parts {
    struct stall_part *list;
    size_t n, size;
};

/* One tick more, at the end of `whole`, which is not counted yet. */
void stall_parts_add(struct stall_parts *parts, const struct stall *whole, uint64_t over_ns,
                     const struct scene *scene, const struct span *span, uint32_t tick, bool counts,
                     const struct stall_piece *piece);

/* What came last, without the loop on the stack, is the loop's all the same. */
void stall_parts_keep(struct stall_parts *parts);

/*
 * It is idle again: add to the stalls what `whole` is, in one or in several; the last of them is
 * open if `open`. Begins anew.
 */
void stall_parts_end(struct stall_parts *parts, struct stalls *stalls, const struct stall *whole,
                     bool open);
void stall_parts_clear(struct stall_parts *parts);

#endif
