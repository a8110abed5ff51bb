/* SPDX-License-Identifier: MIT */
/*
 * counted - C frames and Python frames as one stack where nothing on it says which activation of
 * the eval loop runs which frame: 3.8 and 3.9.
 *
 * On the line:  registers, frame objects, where the eval loop is -> unwind -> [counted] -> as blend
 * Threads:      as unwind.h; several at once.
 * Memory:       the caller's array.
 * Loss:         what does not add up is a gap below the innermost Python frame, and so is all that
 *               lies outside of one where the unwinding stopped; Python's frames are whole.
 *
 * There an activation runs one frame, from shortly after it begins to shortly before it ends. So
 * all C frames down to the thread's first are looked at, and those of the eval loop are to be as
 * many as Python's, or one more, the innermost, which begins or ends. Counts alone would agree as
 * well where one activation just begins and another one was not recognized (a compiler may put
 * parts of a function elsewhere). An activation needs the address of its frame until it ends: what
 * is to be its frame must be named in its part of the stack. Greenlets do not add up: under their
 * first frame lies somebody else's stack.
 */
#ifndef PYREC_AGENT_COUNTED_H
#define PYREC_AGENT_COUNTED_H

#include "blend.h"

/* The marks are addresses of frame objects. `loop`: the eval loop's code. False: as blend_take. */
bool counted_take(struct unwinder *unwinder, const struct cfi_range *loop, struct unwind_regs *regs,
                  const struct activations *activations, struct blend *blend);

#endif
