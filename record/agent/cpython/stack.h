/* SPDX-License-Identifier: MIT */
/*
 * stack - walk a thread's chain of Python frames, and know when it is not whole.
 *
 * On the line:  memory of CPython -> [stack] -> raw stack
 * Threads:      the thread itself (in a signal handler), or any other while it stands still.
 *               No allocation, no lock, no system call; 8 to 13 ns per frame
 *               (tests/bench/costs/walk.c).
 * Memory:       the caller's array of frames, and of facts.
 * Loss:         a chain that fails a check gives its reason; nothing is ever guessed.
 *
 * The interpreter exposes half-linked frames for a few instructions (3.11 and 3.12 at every entry
 * of the eval loop; others around generators). Four checks find every such state that
 * single-stepping has shown (tests/step): each code object is one; each frame lies where its
 * owner says; the entry frame of the innermost activation links to what the activation outside
 * it calls current; the chain ends in a bottom frame.
 */
#ifndef PYREC_AGENT_STACK_H
#define PYREC_AGENT_STACK_H

#include "pyver.h"
#include "record/base/address.h"

/*
 * A frame in one word: code object / 8 in the upper 44 bits (aarch64: 45), then the number of the
 * instruction (code unit) + 1, 0 for a frame that has not started.
 */
#define STACK_INSTR_BITS (64u - (ADDRESS_BITS - 3u))

static inline uint64_t stack_frame_pack(uintptr_t code, uint32_t index)
{
    return (uint64_t)(code >> 3) << STACK_INSTR_BITS | index;
}

static inline uintptr_t stack_frame_code(uint64_t frame)
{
    return (uintptr_t)(frame >> STACK_INSTR_BITS) << 3;
}

/* Byte offset into the bytecode, or -1. */
static inline int32_t stack_frame_instr(uint64_t frame)
{
    const uint32_t n = frame & ((1u << STACK_INSTR_BITS) - 1);
    return n == 0 ? -1 : (int32_t)(n - 1) * 2;
}

#define STACK_FACTS 512u /* power of two */

/* What a walk has to know of a code object; it does not change while that lives. */
struct stack_fact {
    uintptr_t code;  /* 0: none */
    uint64_t deaths; /* of code objects, before it was looked at */
    int64_t units;   /* of its bytecode */
    int32_t first;   /* its first traceable instruction */
};

/* What to walk. */
struct stack_source {
    const struct pyver *ver;
    uintptr_t code_type; /* &PyCode_Type */
    uintptr_t tstate;
    bool top_only; /* keep the leaf frame, check all the same */
    /*
     * STACK_FACTS that earlier walks of this thread's have found out; NULL = nothing is kept.
     * `deaths` is the number of code objects that had died before this walk (codes_deaths()): as
     * long as no other has died, what was a code object at an address still is that one.
     */
    struct stack_fact *facts;
    uint64_t deaths;
};

#define STACK_COROUTINES 16u /* power of two */

/* Coroutine objects whose frames are on a stack, in a ring: the outermost ones were put in last. */
struct stack_coroutines {
    uint32_t n;
    uintptr_t list[STACK_COROUTINES];
};

/* Leaf first. */
struct stack {
    uint64_t *frames;
    uint32_t max;                        /* room in frames */
    uint32_t depth;                      /* 0: the thread runs no Python now */
    bool cut;                            /* there were more than max */
    struct stack_coroutines *coroutines; /* the caller's; NULL = not asked for */
};

/*
 * Where the bytecode lies that this frame of `code` executes: without a GIL, from 3.14 on, each
 * thread but the first has a copy of its own. *bad is set when that could not be read; 0 = there is
 * no such copy.
 */
uintptr_t stack_bytecode(const struct pyver *ver, uintptr_t frame, uintptr_t code, uint32_t *bad);

/* Fill *stack. WIRE_FAIL_NONE, or the first check that failed (depth is then 0). */
enum wire_failure stack_take(const struct stack_source *source, struct stack *stack);

/* The frame at `at`, of a generator that is not on any stack now; 0 when there is none. */
uint64_t stack_frame_at(const struct stack_source *source, uintptr_t at);

#endif
