/* SPDX-License-Identifier: MIT */
#include "unwind.h"
#include "record/agent/base/peek.h"
#include "record/agent/base/reserve.h"
#include <string.h>

#define GOLDEN      0x9e3779b97f4a7c15u /* spreads small numbers over a word */
#define ADDRESS_END ((uint64_t)1 << 47)

/* Where the kernel leaves the registers under a signal's handler: struct ucontext, at sp when the
 * handler has returned. */
enum {
    SIGNAL_REGISTERS = 40, /* r8 .. r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip */
    SIGNAL_BP = SIGNAL_REGISTERS + 8 * 10,
    SIGNAL_SP = SIGNAL_REGISTERS + 8 * 15,
    SIGNAL_PC = SIGNAL_REGISTERS + 8 * 16,
};
/* mov $15, %rax; syscall: the beginning of it */
#define SIGRETURN 0x050f0000000fc0c7u

/* ---- what was found out before ---- */

static uint64_t rule_pack(struct rule rule)
{
    return (uint64_t)(rule.kind + 1u) << 56 | (uint64_t)rule.reg << 48 |
           (uint64_t)(uint16_t)rule.bp << 32 | (uint32_t)rule.offset;
}

static struct rule rule_unpack(uint64_t word)
{
    return (struct rule){.kind = (uint8_t)((word >> 56) - 1),
                         .reg = (uint8_t)(word >> 48),
                         .bp = (int16_t)(uint16_t)(word >> 32),
                         .offset = (int32_t)(uint32_t)word};
}

static struct unwind_known *known_of(const struct unwinder *unwinder, uint64_t pc)
{
    return &unwinder->known[(pc * GOLDEN) >> 32 & (UNWIND_CACHE - 1)];
}

/* False: the code is not known. */
static bool rule_find(struct unwinder *unwinder, uint64_t pc, struct rule *rule)
{
    const uint64_t key = pc ^ segments_epoch(unwinder->segments) * GOLDEN;
    struct unwind_known *const known = known_of(unwinder, pc);
    const uint64_t word = atomic_load_explicit(&known->rule, memory_order_relaxed);
    struct segment segment;
    if (word != 0 && (atomic_load_explicit(&known->key, memory_order_relaxed) ^ word) == key) {
        *rule = rule_unpack(word);
        return true;
    }
    if (pc >= ADDRESS_END || !segments_find(unwinder->segments, pc, &segment))
        return false;
    const struct cfi_source source = {.hdr = segment.hdr, .low = segment.low, .high = segment.high};
    cfi_rule(&source, pc, rule, NULL);
    const uint64_t packed = rule_pack(*rule);
    atomic_store_explicit(&known->rule, packed, memory_order_relaxed);
    atomic_store_explicit(&known->key, packed ^ key, memory_order_relaxed);
    return true;
}

/* ---- one frame ---- */

static uint64_t load(uint64_t at, uint32_t *bad)
{
    if (at & 7)
        *bad = 1;
    return *bad ? 0 : peek(at, bad);
}

/* The interrupted frame's registers. Its stack may be another one. */
static enum unwind_stop signal_leave(struct unwind_regs *regs, struct unwind_frame *frame)
{
    uint32_t bad = 0;
    uint64_t code;
    if (!peek_bytes(&code, regs->pc + 1, sizeof(code)) || code != SIGRETURN)
        return UNWIND_NOT_UNDERSTOOD;
    const uint64_t pc = load(regs->sp + SIGNAL_PC, &bad), sp = load(regs->sp + SIGNAL_SP, &bad);
    const uint64_t bp = load(regs->sp + SIGNAL_BP, &bad);
    if (bad)
        return UNWIND_BOUNDS;
    frame->cfa = regs->sp + SIGNAL_PC + 8;
    frame->back = pc;
    *regs = (struct unwind_regs){.pc = pc, .sp = sp, .bp = bp, .has_bp = true, .is_exact = true};
    return UNWIND_ON;
}

/* Where the frame ends. */
static enum unwind_stop cfa_find(const struct unwind_regs *regs, struct rule rule, uint64_t *cfa)
{
    const uint64_t offset = (uint64_t)(int64_t)rule.offset;
    uint32_t bad = 0;
    switch (rule.kind) {
    case RULE_SP:
        *cfa = regs->sp + offset;
        break;
    case RULE_AT_SP:
        *cfa = load(regs->sp + offset, &bad) + 8;
        break;
    case RULE_PLT:
        *cfa = regs->sp + 8 + ((regs->pc & 15) >= offset ? 8 : 0);
        break;
    case RULE_BP:
    case RULE_AT_BP:
        if (!regs->has_bp)
            return UNWIND_NO_BP;
        *cfa = regs->bp + offset;
        if (rule.kind == RULE_AT_BP)
            *cfa = load(*cfa, &bad);
        break;
    case RULE_REG:
        if (regs->all == NULL)
            return UNWIND_NOT_UNDERSTOOD;
        *cfa = regs->all[rule.reg] + offset;
        break;
    case RULE_END:
        return UNWIND_END;
    case RULE_NONE:
        return UNWIND_NO_RULE;
    default:
        return UNWIND_NOT_UNDERSTOOD;
    }
    return bad || *cfa <= regs->sp || (*cfa & 7) ? UNWIND_BOUNDS : UNWIND_ON;
}

/* The caller's bp. */
static enum unwind_stop bp_find(struct unwind_regs *next, struct rule rule, uint64_t cfa)
{
    uint32_t bad = 0;
    if (rule.bp > 0) {
        next->bp = load(cfa - 8 * (uint64_t)rule.bp, &bad);
        next->has_bp = true;
    } else if (rule.bp == RULE_BP_AT_BP) {
        if (!next->has_bp)
            return UNWIND_ON;
        next->bp = load(next->bp, &bad);
    } else if (rule.bp == RULE_BP_LOST) {
        next->has_bp = false;
    }
    return bad ? UNWIND_BOUNDS : UNWIND_ON;
}

enum unwind_stop unwind_step(struct unwinder *unwinder, struct unwind_regs *regs,
                             struct unwind_frame *frame)
{
    struct rule rule;
    struct unwind_regs next = *regs;
    uint64_t cfa = 0;
    uint32_t bad = 0;
    const uint64_t pc = regs->is_exact ? regs->pc : regs->pc - 1;
    *frame = (struct unwind_frame){.pc = pc, .sp = regs->sp, .cfa = regs->sp};
    if (!rule_find(unwinder, pc, &rule)) {
        segments_miss(unwinder->segments);
        return UNWIND_UNKNOWN_CODE;
    }
    if (rule.kind == RULE_SIGNAL)
        return signal_leave(regs, frame);
    enum unwind_stop stop = cfa_find(regs, rule, &cfa);
    if (stop == UNWIND_ON)
        stop = bp_find(&next, rule, cfa);
    if (stop != UNWIND_ON)
        return stop;
    next.pc = load(cfa - 8, &bad);
    if (bad)
        return UNWIND_BOUNDS;
    next.sp = frame->cfa = cfa;
    frame->bp_at = rule.bp > 0 ? cfa - 8 * (uint64_t)rule.bp : 0;
    next.is_exact = false;
    next.all = NULL;
    frame->back = next.pc;
    if (next.pc == 0)
        return UNWIND_END;
    *regs = next;
    return UNWIND_ON;
}

enum unwind_stop unwind_walk(struct unwinder *unwinder, struct unwind_regs *regs,
                             struct unwind_frame *frames, uint32_t max, uint32_t *n)
{
    enum unwind_stop stop = UNWIND_ON;
    for (*n = 0; *n < max && stop == UNWIND_ON; ++*n)
        stop = unwind_step(unwinder, regs, &frames[*n]);
    return stop;
}

/* ---- life ---- */

bool unwind_init(struct unwinder *unwinder, struct segments *segments)
{
    unwinder->segments = segments;
    unwinder->known = reserve_memory(UNWIND_CACHE * sizeof(struct unwind_known));
    return unwinder->known != NULL;
}

void unwind_free(struct unwinder *unwinder)
{
    reserve_give_back(&unwinder->known, UNWIND_CACHE * sizeof(struct unwind_known));
    memset(unwinder, 0, sizeof(*unwinder));
}
