/* SPDX-License-Identifier: MIT */
#include "activations.h"
#include "record/agent/base/peek.h"

enum {
    OWNER_GENERATOR = 1,
    OWNER_SHIM = 3,      /* and above: no Python frame, an activation's first one */
    STEPS_MAX = 1 << 15, /* frames */
};

bool activations_are_marked(const struct pyver *ver)
{
    return ver->frames != FRAMES_OBJECTS || ver->thread.cframe != PYVER_NONE;
}

static bool add(struct activations *to, uintptr_t mark, uint32_t n_frames)
{
    if (to->n == to->max)
        return false;
    to->list[to->n++] = (struct activation){mark, n_frames};
    return true;
}

static uint8_t owner_of(const struct pyver *ver, uintptr_t frame, uint32_t *bad)
{
    const uint64_t word = peek(frame + (ver->frame.owner & ~7u), bad);
    return (uint8_t)(word >> (8 * (ver->frame.owner & 7u)));
}

/* Does stack_take() keep this frame? Not before its first traceable instruction. */
static bool is_kept(const struct pyver *ver, uintptr_t frame, uint8_t owner, uint32_t *bad)
{
    if (ver->code.first_traceable == PYVER_NONE || owner == OWNER_GENERATOR)
        return true;
    const uintptr_t code = peek(frame + ver->frame.code, bad) & ~ver->tag_mask;
    const int64_t offset =
        (int64_t)(peek(frame + ver->frame.instr, bad) - stack_bytecode(ver, frame, code, bad));
    return offset / 2 >= (int32_t)peek_u32(code + ver->code.first_traceable, bad);
}

/* 3.10: a CFrame for each frame. */
static bool take_each(const struct stack_source *source, struct activations *to)
{
    const struct pyver *const ver = source->ver;
    const uintptr_t root = source->tstate + ver->thread.root_cframe;
    uint32_t bad = 0;
    uintptr_t cframe = peek(source->tstate + ver->thread.cframe, &bad);
    for (; cframe != root && !bad; cframe = peek(cframe + ver->cframe.previous, &bad))
        if (cframe == 0 || !add(to, cframe, 1))
            return false;
    return !bad;
}

/* 3.8, 3.9 */
static bool take_frames(const struct stack_source *source, struct activations *to)
{
    const struct pyver *const ver = source->ver;
    uint32_t bad = 0;
    uintptr_t frame = peek(source->tstate + ver->thread.frame, &bad);
    for (; frame != 0 && !bad; frame = peek(frame + ver->frame.previous, &bad))
        if (!add(to, frame, 1))
            return false;
    return !bad;
}

/*
 * 3.11: frames are an activation's from what it calls current to what the one outside it does. Not
 * by is_entry: generator.throw() puts a frame that has that mark on top of its caller's.
 */
static bool take_between(const struct stack_source *source, struct activations *to)
{
    const struct pyver *const ver = source->ver;
    const uintptr_t root = source->tstate + ver->thread.root_cframe;
    uint32_t bad = 0, steps = 0;
    uintptr_t cframe = peek(source->tstate + ver->thread.cframe, &bad);
    uintptr_t frame = peek(cframe + ver->cframe.current, &bad);
    while (cframe != 0 && cframe != root && !bad) {
        const uintptr_t outer = peek(cframe + ver->cframe.previous, &bad);
        const uintptr_t end = outer != 0 ? peek(outer + ver->cframe.current, &bad) : 0;
        uint32_t n = 0;
        if (peek(cframe + ver->cframe.current, &bad) == 0)
            break; /* a greenlet's own, under which another one's stack lies */
        for (; frame != 0 && frame != end && !bad;
             frame = peek(frame + ver->frame.previous, &bad)) {
            if (steps++ > STEPS_MAX)
                return false;
            n += is_kept(ver, frame, owner_of(ver, frame, &bad), &bad);
        }
        if (bad || !add(to, cframe, n))
            return false;
        cframe = outer;
    }
    return !bad;
}

/* 3.12 and later: each begins in a frame of its own, which lies on the C stack. */
static bool take_entries(const struct stack_source *source, struct activations *to)
{
    const struct pyver *const ver = source->ver;
    uint32_t bad = 0, n = 0;
    uintptr_t frame = peek(source->tstate + ver->thread.frame, &bad), base = 0;
    if (ver->cframe.current != PYVER_NONE)
        frame = peek(frame + ver->cframe.current, &bad);
    if (ver->thread.base_frame != PYVER_NONE)
        base = peek(source->tstate + ver->thread.base_frame, &bad);
    for (uint32_t i = 0; frame != 0 && frame != base && !bad; i++) {
        const uint8_t owner = owner_of(ver, frame, &bad);
        if (i > STEPS_MAX)
            return false;
        if (owner >= OWNER_SHIM) {
            if (!add(to, frame, n))
                return false;
            n = 0;
        } else {
            n += is_kept(ver, frame, owner, &bad);
        }
        frame = peek(frame + ver->frame.previous, &bad);
    }
    return !bad && n == 0; /* the outermost frame is none of Python's */
}

bool activations_take(const struct stack_source *source, struct activations *activations)
{
    activations->n = 0;
    switch (source->ver->frames) {
    case FRAMES_OBJECTS:
        return activations_are_marked(source->ver) ? take_each(source, activations)
                                                   : take_frames(source, activations);
    case FRAMES_CFRAME_ENTRY:
        return take_between(source, activations);
    case FRAMES_CFRAME_SHIM:
    case FRAMES_DIRECT:
    case FRAMES_BASED:
        return take_entries(source, activations);
    }
    return false;
}
