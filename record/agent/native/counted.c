/* SPDX-License-Identifier: MIT */
#include "counted.h"
#include "record/agent/base/peek.h"

#define STEPS_MAX  4096u /* C frames */
#define SEARCH_MAX 4096u /* words of the stack, for one activation */
#define SAVED                                                                                      \
    7u /* words at a frame's end: what it may save of its caller's, and the return address */

struct counting {
    const struct unwind_regs *innermost;
    const struct activations *activations;
    struct blend *blend;
    uint32_t next;   /* of Python's frames, to be met */
    uint32_t n_sure; /* C frames that lie inside of the first activation */
    uint64_t low;    /* where the activation's part of the stack begins */
    bool has_met;    /* an activation */
    bool is_full;
};

static void frame_add(struct counting *c, uint64_t pc)
{
    struct blend *const blend = c->blend;
    c->is_full |= blend->n + 1 >= blend->max; /* the last place is the gap's */
    if (!c->is_full)
        blend->frames[blend->n++] = (struct blend_frame){.pc = pc, .n_inside = c->next};
}

/* Is the address of that frame object in a register that calls leave alone, or between the
 * activation inside and this one's end? A function that is called saves what it overwrites. */
static bool is_named(const struct counting *c, const struct unwind_frame *frame, uintptr_t object)
{
    static const uint8_t kept[] = {3, 6, 12, 13, 14, 15}; /* rbx, rbp, .., by DWARF's numbers */
    const uint64_t *const all = c->innermost->all;
    const uint64_t end = frame->cfa - 8 * SAVED;
    uint32_t bad = 0;
    for (unsigned i = 0; all != NULL && c->next == 0 && i < sizeof(kept); i++)
        if (all[kept[i]] == object)
            return true;
    for (uint32_t i = 1; i <= SEARCH_MAX && end - 8 * (uint64_t)i >= c->low && !bad; i++)
        if (peek(end - 8 * (uint64_t)i, &bad) == object)
            return !bad;
    return false;
}

/* A C frame of the eval loop. False: it is none of those that there should be. */
static bool activation_meet(struct counting *c, const struct unwind_frame *frame)
{
    const struct activations *const activations = c->activations;
    const bool is_next =
        c->next < activations->n && is_named(c, frame, activations->list[c->next].mark);
    if (!c->has_met)
        c->n_sure = c->blend->n;
    if (!is_next && c->has_met)
        return false;
    c->has_met = true;
    c->low = frame->cfa - 8 * SAVED;
    if (is_next) {
        c->next++;
    } else {
        frame_add(c, frame->pc);
    }
    return true;
}

static void gap_add(struct blend *blend, enum unwind_stop stop)
{
    const uint32_t n_inside = blend->n > 0 ? blend->frames[blend->n - 1].n_inside : 0;
    blend->frames[blend->n++] = (struct blend_frame){.pc = BLEND_GAP, .n_inside = n_inside};
    blend->n_gaps = 1;
    blend->stop = stop;
    blend->met_unknown_code = stop == UNWIND_UNKNOWN_CODE;
}

bool counted_take(struct unwinder *unwinder, const struct cfi_range *loop, struct unwind_regs *regs,
                  const struct activations *activations, struct blend *blend)
{
    const struct unwind_regs innermost = *regs;
    struct counting c = {
        .innermost = &innermost, .activations = activations, .blend = blend, .low = regs->sp};
    struct unwind_frame frame;
    enum unwind_stop stop = UNWIND_ON;
    blend->n = blend->n_gaps = 0;
    blend->met_unknown_code = false;
    blend->stop = UNWIND_END;
    for (uint32_t steps = 0; stop == UNWIND_ON && steps < STEPS_MAX; steps++) {
        stop = unwind_step(unwinder, regs, &frame);
        if (frame.pc < loop->start || frame.pc >= loop->end)
            frame_add(&c, frame.pc);
        else if (!activation_meet(&c, &frame))
            stop = UNWIND_UNCOUNTED;
    }
    if (stop == UNWIND_END && c.next < activations->n)
        stop = UNWIND_UNCOUNTED;
    if (stop != UNWIND_END) {
        if (stop == UNWIND_UNCOUNTED && c.next == 0)
            return false;
        blend->n = c.has_met ? c.n_sure : blend->n;
        gap_add(blend, stop);
        return true;
    }
    /* as with marks, the outermost activation is where it ends */
    while (blend->n > 0 && blend->frames[blend->n - 1].n_inside == activations->n)
        blend->n--;
    if (c.is_full)
        gap_add(blend, UNWIND_ON);
    return true;
}
