/* SPDX-License-Identifier: MIT */
/*
 * blend - C frames and Python frames as one stack.
 *
 * On the line:  registers, activations -> unwind -> [blend] -> C frames, each with its place among
 *               the Python ones
 * Threads:      as unwind.h; several at once.
 * Memory:       the caller's array.
 * Loss:         where C frames cannot be told, a gap stands for them, and Python's are whole all
 *               the same.
 *
 * The C frame that holds an activation's mark is left out: the Python frames that it runs take its
 * place. The walk ends at the outermost activation: in a greenlet that is where its stack ends, and
 * under it lies somebody else's.
 *
 * Where the unwinding stops before, it goes on in the next activation outside: its mark lies a
 * fixed way below the end of its C frame. How far is learnt from stacks that were whole, and used
 * as long as it was the same each time.
 */
#ifndef PYREC_AGENT_BLEND_H
#define PYREC_AGENT_BLEND_H

#include "record/agent/cpython/activations.h"
#include "unwind.h"

#define BLEND_GAP 0u /* pc: C frames that are not known */

struct blend_frame {
    uint64_t pc;
    uint32_t n_inside; /* so many Python frames are on its inner side */
};

/* The innermost first. */
struct blend {
    struct blend_frame *frames;
    uint32_t max, n;
    uint32_t n_gaps;
    bool met_unknown_code; /* before one of them: it may be known later */
    enum unwind_stop
        stop; /* why there was a gap, of the innermost one; UNWIND_ON: too many frames */
};

/* What was learnt: how far a mark is from the end of its C frame, and where that has saved bp. */
struct blend_learnt {
    _Atomic uint64_t word;
};

/* Take over what a copy of it has learnt since it was made. */
void blend_learn(struct blend_learnt *learnt, uint64_t word);

/*
 * False: an activation lies in none of the C frames, and C frames do not end before. Then what
 * Python says and what is on the stack do not belong together: the sample is torn.
 */
bool blend_take(struct unwinder *unwinder, struct blend_learnt *learnt, struct unwind_regs *regs,
                const struct activations *activations, struct blend *blend);

/* The C frames of a thread that runs no Python, down to its outermost one. */
void blend_alone(struct unwinder *unwinder, struct unwind_regs *regs, struct blend *blend);

#endif
