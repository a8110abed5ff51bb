/* SPDX-License-Identifier: MIT */
/*
 * cfi - how to get from one C frame to the one that called it, as the compiler has written it down.
 *
 * On the line:  .eh_frame of a mapped library -> [cfi] -> unwind
 * Threads:      any, also in signal handlers. No allocation, no lock, no system call; all loads are
 *               peek()'s, none outside of the range that it is given.
 * Memory:       the caller's.
 * Loss:         what is not there, not whole or not of a kind that compilers and assemblers write
 *               gives RULE_NONE or RULE_OTHER: nothing is guessed.
 *
 * x86-64 (System V). Of 1.5 GB of code in 3,722 files all but 0.006 % can be left by one of these
 * rules, which need three registers: pc, sp, bp.
 */
#ifndef PYREC_AGENT_CFI_H
#define PYREC_AGENT_CFI_H

#include <stdbool.h>
#include <stdint.h>

/* Where the frame ends on the caller's side (CFA); the return address lies right below. */
enum rule_kind {
    RULE_NONE,   /* nothing is written down for this instruction */
    RULE_SP,     /* sp + offset */
    RULE_BP,     /* bp + offset */
    RULE_AT_BP,  /* the word at bp + offset: stacks that are aligned anew (gcc) */
    RULE_AT_SP,  /* the word at sp + offset, + 8 (OpenSSL's assembly) */
    RULE_PLT,    /* sp + 8, and 8 more from the `offset`-th byte of each 16 on */
    RULE_REG,    /* another register + offset: prologues */
    RULE_SIGNAL, /* a signal's frame: the registers lie on the stack */
    RULE_END,    /* there is no caller */
    RULE_OTHER,  /* something else: not known */
};

/* What the caller's bp is. */
#define RULE_BP_SAME  0           /* untouched; positive: saved so many words below the CFA */
#define RULE_BP_AT_BP (-1)        /* saved where bp points */
#define RULE_BP_LOST  (-2)        /* not known */
#define RULE_BP_MAX   (INT16_MAX) /* words */

struct rule {
    uint8_t kind; /* enum rule_kind */
    uint8_t reg;  /* RULE_REG: by DWARF's number */
    int16_t bp;
    int32_t offset;
};

#define CFI_REGISTERS 16u /* rax rdx rcx rbx rsi rdi rbp rsp r8 .. r15 */

/* Where an object's unwind information lies. */
struct cfi_source {
    uintptr_t hdr;       /* its .eh_frame_hdr; 0 = it has none */
    uintptr_t low, high; /* loads stay in here */
};

/* The function, as far as its FDE goes: [start, end). */
struct cfi_range {
    uintptr_t start, end;
};

/* The rule at `pc`. False, and RULE_NONE: nothing is written down. `range` may be NULL. */
bool cfi_rule(const struct cfi_source *source, uintptr_t pc, struct rule *rule,
              struct cfi_range *range);

#endif
