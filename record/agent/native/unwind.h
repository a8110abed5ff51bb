/* SPDX-License-Identifier: MIT */
/*
 * unwind - from one C frame to its caller, until there is none or it cannot be told.
 *
 * On the line:  registers + a thread's stack -> [unwind] -> C frames
 * Threads:      the thread itself in a signal handler, or any other while it stands still; several
 *               at once. No allocation, no lock, no system call.
 * Memory:       64 KiB, reserved at start: what was found out of 4,096 addresses.
 * Loss:         where it cannot be told who called, it stops and says why. A return address is
 *               never looked for.
 *
 * What a compiler has written down for exceptions (cfi.h) is all that is used, so no frame pointer
 * is needed. Each address is looked up once: its rule is kept until something is unmapped. Two
 * threads may write an entry of that table at once: one that is a mixture of both is known by its
 * key, which is the address xor the rule.
 */
#ifndef PYREC_AGENT_UNWIND_H
#define PYREC_AGENT_UNWIND_H

#include "cfi.h"
#include "segments.h"

#define UNWIND_CACHE 4096u /* power of two */

enum unwind_stop {
    UNWIND_ON,             /* it did not: there is a caller */
    UNWIND_END,            /* the outermost frame */
    UNWIND_UNKNOWN_CODE,   /* code that no known file is behind */
    UNWIND_NO_RULE,        /* its file says nothing of this instruction */
    UNWIND_NOT_UNDERSTOOD, /* what it says is none of cfi.h's rules */
    UNWIND_BOUNDS,         /* it leads to memory that is not there, or not further up the stack */
    UNWIND_NO_BP,          /* it needs a register that is not known any more */
    UNWIND_UNCOUNTED,      /* the eval loop's frames do not add up (counted.h) */
    UNWIND_STOPS
};

/* Registers of a frame. */
struct unwind_regs {
    uint64_t pc, sp, bp;
    bool has_bp;
    bool is_exact;       /* pc is where it goes on, and not behind a call */
    const uint64_t *all; /* CFI_REGISTERS of the innermost frame; NULL = not known */
};

struct unwind_frame {
    uint64_t pc;    /* an address within the instruction that runs, or that called */
    uint64_t sp;    /* the frame lies in [sp, cfa) */
    uint64_t cfa;   /* sp where it stopped */
    uint64_t back;  /* the return address: pc of the next frame, or one more */
    uint64_t bp_at; /* where it has saved its caller's bp; 0 = nowhere */
};

struct unwind_known {
    _Atomic uint64_t key, rule;
};

struct unwinder {
    struct segments *segments;
    struct unwind_known *known; /* UNWIND_CACHE */
};

/* Reserve memory. False when there is none. */
bool unwind_init(struct unwinder *unwinder, struct segments *segments);
void unwind_free(struct unwinder *unwinder);

/* One frame: write it down, and go on to its caller's registers. If it stops, `regs` is as it was.
 */
enum unwind_stop unwind_step(struct unwinder *unwinder, struct unwind_regs *regs,
                             struct unwind_frame *frame);

/* Frames from `regs` on, the innermost first, `max` at most; *n of them. UNWIND_ON: there are more.
 */
enum unwind_stop unwind_walk(struct unwinder *unwinder, struct unwind_regs *regs,
                             struct unwind_frame *frames, uint32_t max, uint32_t *n);

#endif
