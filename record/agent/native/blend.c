/* SPDX-License-Identifier: MIT */
#include "blend.h"
#include "record/agent/base/peek.h"

#define LEARNT_VARIES UINT64_MAX
#define LEARNT_MOST   (1u << 20) /* bytes: nothing of what is learnt is farther away */

struct blending {
    struct unwinder *unwinder;
    struct blend_learnt *learnt;
    struct unwind_regs *regs;
    const struct activations *activations;
    struct blend *blend;
    uint32_t next;     /* activation that was not met yet */
    uint32_t n_inside; /* Python frames of those that were */
    bool is_behind_gap;
};

/* False: there is no room. */
static bool frame_add(struct blending *b, uint64_t pc)
{
    struct blend *const blend = b->blend;
    if (blend->n == blend->max)
        return false;
    blend->frames[blend->n++] = (struct blend_frame){.pc = pc, .n_inside = b->n_inside};
    return true;
}

/* The last place is always a gap's. */
static void gap_add(struct blending *b, enum unwind_stop stop)
{
    struct blend *const blend = b->blend;
    if (blend->n_gaps++ == 0)
        blend->stop = stop;
    blend->met_unknown_code |= stop == UNWIND_UNKNOWN_CODE;
    if (!frame_add(b, BLEND_GAP))
        blend->frames[blend->n - 1] =
            (struct blend_frame){.pc = BLEND_GAP, .n_inside = blend->frames[blend->n - 1].n_inside};
}

static uintptr_t next_mark(const struct blending *b)
{
    return b->activations->list[b->next].mark;
}

static void activation_pass(struct blending *b)
{
    b->n_inside += b->activations->list[b->next++].n_frames;
}

/* ---- what is learnt ---- */

void blend_learn(struct blend_learnt *learnt, uint64_t word)
{
    uint64_t none = 0;
    if (word != 0 && !atomic_compare_exchange_strong(&learnt->word, &none, word) && none != word)
        atomic_store(&learnt->word, LEARNT_VARIES);
}

/* A C frame that holds an activation, seen whole. */
static void learn(struct blending *b, const struct unwind_frame *frame, uintptr_t mark)
{
    const uint64_t end = frame->cfa - mark;
    const uint64_t saved = frame->bp_at != 0 ? frame->cfa - frame->bp_at : 0;
    const uint64_t word = end << 32 | saved;
    if (!b->is_behind_gap && end < LEARNT_MOST && saved < LEARNT_MOST)
        blend_learn(b->learnt, word);
}

/* Behind a gap: go on where the next activation's C frame returns to. False: not known. */
static bool resume(struct blending *b, uint64_t sp)
{
    const uint64_t word = atomic_load_explicit(&b->learnt->word, memory_order_relaxed);
    const uint64_t saved = (uint32_t)word;
    uint32_t bad = 0;
    if (word == 0 || word == LEARNT_VARIES || b->next == b->activations->n)
        return false;
    const uint64_t cfa = next_mark(b) + (word >> 32);
    if (next_mark(b) < sp || (cfa & 7))
        return false;
    struct unwind_regs regs = {.pc = peek(cfa - 8, &bad), .sp = cfa, .has_bp = saved != 0};
    if (saved != 0)
        regs.bp = peek(cfa - saved, &bad);
    if (bad)
        return false;
    *b->regs = regs;
    b->is_behind_gap = true;
    activation_pass(b);
    return true;
}

/* ---- the walk ---- */

/* False: the C frame is to be shown. */
static bool is_activation(struct blending *b, const struct unwind_frame *frame)
{
    bool is_one = false;
    while (b->next < b->activations->n && next_mark(b) >= frame->sp && next_mark(b) < frame->cfa) {
        learn(b, frame, next_mark(b));
        activation_pass(b);
        is_one = true;
    }
    return is_one;
}

/* It stopped at this frame: what is outside of it is not known, but for what comes behind a gap. */
static bool go_on(struct blending *b, const struct unwind_frame *frame, enum unwind_stop stop)
{
    frame_add(b, frame->pc);
    gap_add(b, stop);
    return resume(b, frame->sp);
}

bool blend_take(struct unwinder *unwinder, struct blend_learnt *learnt, struct unwind_regs *regs,
                const struct activations *activations, struct blend *blend)
{
    struct blending b = {.unwinder = unwinder,
                         .learnt = learnt,
                         .regs = regs,
                         .activations = activations,
                         .blend = blend};
    struct unwind_frame frame;
    blend->n = blend->n_gaps = 0;
    blend->met_unknown_code = false;
    blend->stop = UNWIND_END;
    for (uint32_t steps = 0; b.next < activations->n; steps++) {
        if (blend->n + 1 >= blend->max || steps > blend->max + activations->n) {
            gap_add(&b, UNWIND_ON);
            return true;
        }
        const enum unwind_stop stop = unwind_step(unwinder, regs, &frame);
        if (stop == UNWIND_END)
            return false;
        if (stop != UNWIND_ON) {
            if (!go_on(&b, &frame, stop))
                return true;
        } else if (!is_activation(&b, &frame)) {
            frame_add(&b, frame.pc);
        }
    }
    return true;
}

void blend_alone(struct unwinder *unwinder, struct unwind_regs *regs, struct blend *blend)
{
    struct blending b = {.unwinder = unwinder, .regs = regs, .blend = blend};
    struct unwind_frame frame;
    enum unwind_stop stop = UNWIND_ON;
    blend->n = blend->n_gaps = 0;
    blend->met_unknown_code = false;
    blend->stop = UNWIND_END;
    while (stop == UNWIND_ON && blend->n + 1 < blend->max) {
        stop = unwind_step(unwinder, regs, &frame);
        frame_add(&b, frame.pc);
    }
    if (stop != UNWIND_END)
        gap_add(&b, stop);
}
