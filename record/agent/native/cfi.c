/* SPDX-License-Identifier: MIT */
/*
 * .eh_frame as in the Linux Standard Base: .eh_frame_hdr is a sorted table of functions; each has
 * an FDE, which refers to a CIE; both hold instructions (DWARF 6.4.2) that build a row per range of
 * code. Only three columns of it are of interest: CFA, bp, return address.
 */
#include "cfi.h"
#include "record/agent/base/peek.h"
#include <stddef.h>

enum {
    REG_BX = 3,
    REG_BP = 6,
    REG_SP = 7,
    REG_RA = 16,
    REG_NONE = 99,
    REMEMBERED_MAX = 8,
    INSTRUCTIONS_MAX = 1 << 15, /* hostile or damaged: 1 ms at most */
    AUGMENTATION_MAX = 8,
};

/* DW_EH_PE */
enum {
    PE_PTR = 0x00,
    PE_ULEB = 0x01,
    PE_UDATA2 = 0x02,
    PE_UDATA4 = 0x03,
    PE_UDATA8 = 0x04,
    PE_SLEB = 0x09,
    PE_SDATA2 = 0x0a,
    PE_SDATA4 = 0x0b,
    PE_SDATA8 = 0x0c,
    PE_FORMAT = 0x0f,
    PE_ABSOLUTE = 0x00,
    PE_PC_REL = 0x10,
    PE_APPLICATION = 0x70,
    PE_INDIRECT = 0x80,
    PE_OMIT = 0xff,
};

/* ---- bytes ---- */

struct cursor {
    uintptr_t at, end;
    uintptr_t word_at; /* of the word that was loaded last; 0 = none */
    uint64_t word;
    uint32_t bad;
};

static struct cursor cursor_at(uintptr_t at, uintptr_t end)
{
    return (struct cursor){.at = at, .end = end};
}

static uint8_t take_u8(struct cursor *c)
{
    if (c->at >= c->end || c->bad) {
        c->bad = 1;
        return 0;
    }
    const uintptr_t word_at = c->at & ~(uintptr_t)7;
    if (word_at != c->word_at) {
        c->word = peek(word_at, &c->bad);
        c->word_at = word_at;
    }
    return (uint8_t)(c->word >> (8 * (c->at++ & 7)));
}

static uint64_t take_bytes(struct cursor *c, unsigned n)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)take_u8(c) << (8 * i);
    return value;
}

static uint64_t take_leb(struct cursor *c, bool is_signed)
{
    uint64_t value = 0;
    uint8_t byte;
    unsigned shift = 0;
    do {
        byte = take_u8(c);
        if (shift < 64)
            value |= (uint64_t)(byte & 127) << shift;
        shift += 7;
    } while (byte & 128);
    if (is_signed && shift < 64 && (byte & 64))
        value |= UINT64_MAX << shift;
    return value;
}

static uint64_t take_uleb(struct cursor *c)
{
    return take_leb(c, false);
}

static int64_t take_sleb(struct cursor *c)
{
    return (int64_t)take_leb(c, true);
}

static void skip_bytes(struct cursor *c, uint64_t n)
{
    if (n > c->end - c->at || c->bad)
        c->bad = 1;
    else
        c->at += n;
}

/* An address in one of the encodings that executables have, absolute or relative to itself. */
static uintptr_t take_address(struct cursor *c, uint8_t encoding)
{
    const uintptr_t here = c->at;
    uint64_t value = 0;
    switch (encoding & PE_FORMAT) {
    case PE_PTR:
    case PE_UDATA8:
    case PE_SDATA8:
        value = take_bytes(c, 8);
        break;
    case PE_ULEB:
        value = take_uleb(c);
        break;
    case PE_UDATA2:
        value = take_bytes(c, 2);
        break;
    case PE_UDATA4:
        value = take_bytes(c, 4);
        break;
    case PE_SLEB:
        value = (uint64_t)take_sleb(c);
        break;
    case PE_SDATA2:
        value = (uint64_t)(int64_t)(int16_t)take_bytes(c, 2);
        break;
    case PE_SDATA4:
        value = (uint64_t)(int64_t)(int32_t)take_bytes(c, 4);
        break;
    default:
        c->bad = 1;
    }
    if ((encoding & PE_APPLICATION) == PE_PC_REL)
        value += here;
    else if ((encoding & PE_APPLICATION) != PE_ABSOLUTE)
        c->bad = 1;
    return (uintptr_t)value;
}

/* ---- entries ---- */

struct cie {
    uint64_t code_align;
    int64_t data_align;
    uint8_t encoding; /* of addresses in its FDEs */
    bool is_augmented, is_signal;
    uintptr_t first, end; /* its instructions */
};

struct fde {
    struct cie cie;
    uintptr_t start, length; /* of the function */
    uintptr_t first, end;
};

/* An entry's length; moves behind it and closes the cursor at the entry's end. */
static bool entry_open(const struct cfi_source *source, uintptr_t at, struct cursor *c)
{
    if (at < source->low || at >= source->high)
        return false;
    *c = cursor_at(at, source->high);
    const uint64_t length = take_bytes(c, 4);
    if (c->bad || length == 0 || length == UINT32_MAX || length > c->end - c->at)
        return false; /* the end, or one of more than 4 GiB */
    c->end = c->at + length;
    return true;
}

static bool augmentation_read(struct cursor *c, const char *letters, struct cie *cie)
{
    const uint64_t length = take_uleb(c);
    if (c->bad || length > c->end - c->at)
        return false;
    const uintptr_t next = c->at + length;
    for (; *letters != '\0'; letters++) {
        if (*letters == 'R') {
            cie->encoding = take_u8(c);
        } else if (*letters == 'L') {
            take_u8(c);
        } else if (*letters == 'P') {
            const uint8_t encoding = take_u8(c);
            if (encoding != PE_OMIT)
                take_address(c, encoding & PE_FORMAT);
        } else if (*letters == 'S') {
            cie->is_signal = true;
        } else if (*letters != 'B') {
            return false; /* it says something about what follows that is not known here */
        }
    }
    c->at = next;
    return !c->bad;
}

static bool cie_read(const struct cfi_source *source, uintptr_t at, struct cie *cie)
{
    struct cursor c;
    char letters[AUGMENTATION_MAX];
    unsigned n = 0;
    if (!entry_open(source, at, &c) || take_bytes(&c, 4) != 0)
        return false;
    const uint8_t version = take_u8(&c);
    do
        letters[n] = (char)take_u8(&c);
    while (letters[n] != '\0' && ++n < AUGMENTATION_MAX);
    if (c.bad || n == AUGMENTATION_MAX || (version != 1 && version != 3))
        return false;
    *cie = (struct cie){.is_augmented = letters[0] == 'z'};
    cie->code_align = take_uleb(&c);
    cie->data_align = take_sleb(&c);
    const uint64_t ra = version == 1 ? take_u8(&c) : take_uleb(&c);
    if (ra != REG_RA || (letters[0] != '\0' && !cie->is_augmented))
        return false;
    if (cie->is_augmented && !augmentation_read(&c, letters + 1, cie))
        return false;
    cie->first = c.at;
    cie->end = c.end;
    return !c.bad;
}

static bool fde_read(const struct cfi_source *source, uintptr_t at, struct fde *fde)
{
    struct cursor c;
    if (!entry_open(source, at, &c))
        return false;
    const uintptr_t here = c.at;
    const uint64_t back = take_bytes(&c, 4);
    if (c.bad || back == 0 || back > here - source->low ||
        !cie_read(source, here - back, &fde->cie))
        return false;
    if (fde->cie.encoding & PE_INDIRECT)
        return false;
    fde->start = take_address(&c, fde->cie.encoding);
    fde->length = take_address(&c, fde->cie.encoding & PE_FORMAT);
    if (fde->cie.is_augmented)
        skip_bytes(&c, take_uleb(&c));
    fde->first = c.at;
    fde->end = c.end;
    return !c.bad;
}

/* The FDE of the last function that begins at pc or before it; 0 = there is none. */
static uintptr_t table_find(const struct cfi_source *source, uintptr_t pc)
{
    const uintptr_t hdr = source->hdr;
    uint32_t bad = 0;
    if (hdr == 0 || (hdr & 3) || hdr < source->low || hdr >= source->high ||
        source->high - hdr < 12)
        return 0;
    /* version 1; a pointer relative to itself, 4 bytes; a number of 4 bytes; pairs relative to hdr
     */
    if (peek_u32(hdr, &bad) != 0x3b031b01 || bad)
        return 0;
    const uint32_t n = peek_u32(hdr + 8, &bad);
    if (bad || n > (source->high - hdr - 12) / 8)
        return 0;
    const uintptr_t table = hdr + 12;
    const int64_t want = (int64_t)(pc - hdr);
    uint32_t low = 0, high = n;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if ((int32_t)peek_u32(table + 8 * (uintptr_t)middle, &bad) <= want)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || bad)
        return 0;
    const uintptr_t at = table + 8 * (uintptr_t)(low - 1) + 4;
    const int64_t offset = (int32_t)peek_u32(at, &bad);
    return bad ? 0 : hdr + (uintptr_t)offset;
}

/* ---- instructions ---- */

struct row {
    uint8_t kind, reg;
    int64_t offset;
    int16_t bp;
    bool ra_none, ra_elsewhere;
};

struct run {
    const struct fde *fde;
    struct cursor c;
    struct row row, initial, remembered[REMEMBERED_MAX];
    unsigned n_remembered;
    uintptr_t pc, target;
    bool is_done;
};

static void row_cfa(struct row *row, uint64_t reg)
{
    row->kind = reg == REG_SP ? RULE_SP : reg == REG_BP ? RULE_BP : RULE_REG;
    row->reg = reg < CFI_REGISTERS ? (uint8_t)reg : 0;
    if (reg >= CFI_REGISTERS)
        row->kind = RULE_OTHER;
}

/* A register is saved `at` bytes from the CFA. */
static void row_saved(struct row *row, uint64_t reg, int64_t at)
{
    if (reg == REG_BP)
        row->bp =
            at < 0 && at % 8 == 0 && -at / 8 <= RULE_BP_MAX ? (int16_t)(-at / 8) : RULE_BP_LOST;
    if (reg == REG_RA) {
        row->ra_elsewhere = at != -8;
        row->ra_none = false;
    }
}

static void row_lost(struct row *row, uint64_t reg)
{
    if (reg == REG_BP)
        row->bp = RULE_BP_LOST;
    if (reg == REG_RA)
        row->ra_elsewhere = true;
}

static void row_restore(struct run *run, uint64_t reg)
{
    if (reg == REG_BP)
        run->row.bp = run->initial.bp;
    if (reg == REG_RA) {
        run->row.ra_none = run->initial.ra_none;
        run->row.ra_elsewhere = run->initial.ra_elsewhere;
    }
}

enum { OP_DEREF = 0x06, OP_PLUS = 0x22, OP_PLUS_ULEB = 0x23, OP_LIT0 = 0x30, OP_BREG0 = 0x70 };

/* As the linker describes a PLT: breg7 8; breg16 0; lit15; and; lit11 (or 10); ge; lit3; shl; plus.
 * The limit, or 0. */
static uint8_t plt_limit(struct cursor c)
{
    static const uint8_t plt[] = {
        OP_BREG0 + REG_SP, 8, OP_BREG0 + REG_RA, 0, 0x3f, 0x1a, OP_LIT0, 0x2a, 0x33, 0x24, OP_PLUS};
    uint8_t limit = 0;
    if (c.end - c.at != sizeof(plt))
        return 0;
    for (unsigned i = 0; i < sizeof(plt); i++) {
        const uint8_t byte = take_u8(&c);
        if (i == 6 && byte > OP_LIT0 && byte < OP_LIT0 + 16)
            limit = byte - OP_LIT0;
        else if (byte != plt[i])
            return 0;
    }
    return c.bad ? 0 : limit;
}

/* The CFA by an expression of `length` bytes: those that are in use. */
static void row_expression(struct run *run, uint64_t length)
{
    struct cursor c = run->c;
    struct row *const row = &run->row;
    skip_bytes(&run->c, length);
    row->kind = RULE_OTHER;
    if (run->c.bad)
        return;
    c.end = run->c.at;
    const uint8_t limit = plt_limit(c);
    if (limit != 0) {
        row->kind = RULE_PLT;
        row->offset = limit;
        return;
    }
    const uint8_t base = take_u8(&c);
    row->offset = take_sleb(&c);
    if ((base != OP_BREG0 + REG_BP && base != OP_BREG0 + REG_SP) || take_u8(&c) != OP_DEREF ||
        c.bad)
        return;
    if (base == OP_BREG0 + REG_BP) {
        row->kind = c.at == c.end ? RULE_AT_BP : RULE_OTHER;
        return;
    }
    const uint8_t add = take_u8(&c);
    const bool is_eight =
        add == OP_PLUS_ULEB ? take_uleb(&c) == 8 : add == OP_LIT0 + 8 && take_u8(&c) == OP_PLUS;
    if (is_eight && c.at == c.end && !c.bad)
        row->kind = RULE_AT_SP;
}

/* A register that is saved at an address, or is a value, that an expression gives. */
static void row_register_expression(struct run *run, bool is_address)
{
    const uint64_t reg = take_uleb(&run->c);
    const uint64_t length = take_uleb(&run->c);
    struct cursor c = run->c;
    skip_bytes(&run->c, length);
    const bool is_at_bp =
        is_address && length == 2 && take_u8(&c) == OP_BREG0 + REG_BP && take_u8(&c) == 0 && !c.bad;
    row_lost(&run->row, reg);
    if (reg == REG_BP && is_at_bp)
        run->row.bp = RULE_BP_AT_BP;
}

/* The next row begins `n` bytes on: is the target before it? */
static void run_advance(struct run *run, uint64_t n)
{
    if (n > run->target - run->pc)
        run->is_done = true;
    else
        run->pc += n;
}

static void run_advance_to(struct run *run, uintptr_t pc)
{
    if (pc < run->pc)
        run->c.bad = 1;
    else
        run_advance(run, pc - run->pc);
}

static void run_cfa(struct run *run, uint8_t op)
{
    struct cursor *const c = &run->c;
    const int64_t align = run->fde->cie.data_align;
    switch (op) {
    case 0x0c: /* def_cfa */
        row_cfa(&run->row, take_uleb(c));
        run->row.offset = (int64_t)take_uleb(c);
        break;
    case 0x0d: /* def_cfa_register */
        row_cfa(&run->row, take_uleb(c));
        break;
    case 0x0e: /* def_cfa_offset */
        run->row.offset = (int64_t)take_uleb(c);
        break;
    case 0x0f: /* def_cfa_expression */
        row_expression(run, take_uleb(c));
        break;
    case 0x12: /* def_cfa_sf */
        row_cfa(&run->row, take_uleb(c));
        run->row.offset = (int64_t)((uint64_t)take_sleb(c) * (uint64_t)align);
        break;
    case 0x13: /* def_cfa_offset_sf */
        run->row.offset = (int64_t)((uint64_t)take_sleb(c) * (uint64_t)align);
        break;
    default:
        c->bad = 1;
    }
}

static void run_saved(struct run *run, uint64_t reg, uint64_t factored)
{
    row_saved(&run->row, reg, (int64_t)(factored * (uint64_t)run->fde->cie.data_align));
}

static void run_register(struct run *run, uint8_t op)
{
    struct cursor *const c = &run->c;
    uint64_t reg;
    switch (op) {
    case 0x05: /* offset_extended */
        reg = take_uleb(c);
        run_saved(run, reg, take_uleb(c));
        break;
    case 0x11: /* offset_extended_sf */
        reg = take_uleb(c);
        run_saved(run, reg, (uint64_t)take_sleb(c));
        break;
    case 0x06: /* restore_extended */
        row_restore(run, take_uleb(c));
        break;
    case 0x07: /* undefined */
        reg = take_uleb(c);
        run->row.bp = reg == REG_BP ? RULE_BP_LOST : run->row.bp;
        run->row.ra_none |= reg == REG_RA;
        break;
    case 0x08: /* same_value */
        reg = take_uleb(c);
        run->row.bp = reg == REG_BP ? RULE_BP_SAME : run->row.bp;
        break;
    case 0x09: /* register */
    case 0x14: /* val_offset */
    case 0x15: /* val_offset_sf */
        row_lost(&run->row, take_uleb(c));
        take_uleb(c);
        break;
    case 0x10: /* expression */
    case 0x16: /* val_expression */
        row_register_expression(run, op == 0x10);
        break;
    default:
        run_cfa(run, op);
    }
}

static void run_extended(struct run *run, uint8_t op)
{
    struct cursor *const c = &run->c;
    const struct cie *const cie = &run->fde->cie;
    switch (op) {
    case 0x00: /* nop */
        break;
    case 0x01: /* set_loc */
        run_advance_to(run, take_address(c, cie->encoding));
        break;
    case 0x02: /* advance_loc1, 2, 4 */
    case 0x03:
    case 0x04:
        run_advance(run, take_bytes(c, 1u << (op - 2)) * cie->code_align);
        break;
    case 0x0a: /* remember_state */
        if (run->n_remembered == REMEMBERED_MAX)
            c->bad = 1;
        else
            run->remembered[run->n_remembered++] = run->row;
        break;
    case 0x0b: /* restore_state */
        if (run->n_remembered == 0)
            c->bad = 1;
        else
            run->row = run->remembered[--run->n_remembered];
        break;
    case 0x2e: /* GNU_args_size */
        take_uleb(c);
        break;
    default:
        run_register(run, op);
    }
}

static void run_part(struct run *run, uintptr_t first, uintptr_t end)
{
    const struct cie *const cie = &run->fde->cie;
    run->c = cursor_at(first, end);
    for (unsigned i = 0; run->c.at < end && !run->c.bad && !run->is_done; i++) {
        const uint8_t op = take_u8(&run->c), low = op & 63;
        if (i > INSTRUCTIONS_MAX)
            run->c.bad = 1;
        else if (op >> 6 == 1)
            run_advance(run, low * cie->code_align);
        else if (op >> 6 == 2)
            run_saved(run, low, take_uleb(&run->c));
        else if (op >> 6 == 3)
            row_restore(run, low);
        else
            run_extended(run, op);
    }
}

static struct rule rule_of(const struct row *row, bool is_signal)
{
    struct rule rule = {
        .kind = row->kind, .reg = row->reg, .bp = row->bp, .offset = (int32_t)row->offset};
    if (is_signal)
        return (struct rule){.kind = RULE_SIGNAL};
    if (row->ra_none)
        return (struct rule){.kind = RULE_END};
    if (row->ra_elsewhere || row->offset != rule.offset ||
        (row->kind != RULE_PLT && row->offset % 8 != 0))
        rule.kind = RULE_OTHER;
    return rule;
}

bool cfi_rule(const struct cfi_source *source, uintptr_t pc, struct rule *rule,
              struct cfi_range *range)
{
    struct fde fde;
    const uintptr_t at = table_find(source, pc);
    *rule = (struct rule){.kind = RULE_NONE};
    if (at == 0 || !fde_read(source, at, &fde) || pc - fde.start >= fde.length)
        return false;
    struct run run = {.fde = &fde, .row = {.kind = RULE_OTHER}, .pc = fde.start, .target = pc};
    run_part(&run, fde.cie.first, fde.cie.end);
    if (run.c.bad)
        return false;
    run.initial = run.row;
    run.is_done = false;
    run_part(&run, fde.first, fde.end);
    if (run.c.bad)
        return false;
    *rule = rule_of(&run.row, fde.cie.is_signal);
    if (range != NULL)
        *range = (struct cfi_range){fde.start, fde.start + fde.length};
    return true;
}
