/* SPDX-License-Identifier: MIT */
/*
 * One loop over the chain, one struct of what the checks have to remember. The order of the loads
 * does not matter: nothing moves while we read, the thread is interrupted or stands still.
 */
#include "stack.h"
#include "record/agent/base/peek.h"

enum {
    OWNER_THREAD = 0,
    OWNER_GENERATOR = 1,
    OWNER_SHIM = 3, /* and above: not Python */
    OWNER_LAST = 4,
    OWNER_NONE = UINT8_MAX,
    STEPS_MAX = 1 << 15,  /* twice what the deepest stack of all has */
    BEYOND_MAX = 1024,    /* steps below the frames that are kept, in search of the entry link */
    CHUNKS_MAX = 1 << 15, /* of a datastack, as far as the walk may have come down in it */
    GENERATORS_MAX = 64,
    OWN_FACTS = 8,            /* of one walk: deep stacks are of few functions; power of two */
    COROUTINE = 0x80 | 0x100, /* co_flags: `async def`, or a generator that is used like one */
};

struct frame {
    uintptr_t code, previous;
    uint64_t instr;
    uint8_t owner;
    bool is_entry;
};

struct walk {
    const struct pyver *ver;
    const struct stack_source *source;
    uintptr_t code_type, tstate;
    struct stack_coroutines *coroutines;
    uint8_t noted; /* the owner of frames that may be of coroutines which somebody asks for */
    uintptr_t cframe;
    uintptr_t chunk;     /* the datastack chunk that the walk has come down to */
    uintptr_t low, high; /* frames lie in [low, high) of it */
    unsigned n_chunks;   /* that it has come past: memory that is damaged may lead in circles */
    bool linked;         /* the entry link was seen and is right */
    uintptr_t lowest;    /* the last frame that was of the datastack, */
    unsigned n_own;      /* and how many there were */
    unsigned beyond;     /* steps below the frames that are kept */
    struct frame last;
    uintptr_t last_at;
    struct stack_fact own[OWN_FACTS];
};

uintptr_t stack_bytecode(const struct pyver *ver, uintptr_t frame, uintptr_t code, uint32_t *bad)
{
    if (ver->frame.tlbc_index == PYVER_NONE)
        return code + ver->code.bytecode;
    const uint32_t copy = peek_u32(frame + ver->frame.tlbc_index, bad);
    if (copy == 0) /* the one inside the code object */
        return code + ver->code.bytecode;
    const uintptr_t array = peek(code + ver->code.tlbc, bad); /* how many, then where each is */
    return *bad || copy >= peek(array, bad) ? 0 : peek(array + 8 + 8 * (uintptr_t)copy, bad);
}

static inline __attribute__((always_inline)) bool frame_load(const struct pyver *ver, uintptr_t at,
                                                             struct frame *frame)
{
    uint32_t bad = 0;
    frame->code = peek(at + ver->frame.code, &bad) & ~ver->tag_mask;
    frame->previous = peek(at + ver->frame.previous, &bad);
    frame->is_entry = false;
    if (ver->instr != INSTR_POINTER) {
        frame->instr = peek_u32(at + ver->frame.instr, &bad);
        frame->owner = OWNER_THREAD;
        return !bad;
    }
    frame->instr = peek(at + ver->frame.instr, &bad);
    const uint64_t word = peek(at + (ver->frame.owner & ~7u), &bad);
    frame->owner = (uint8_t)(word >> (8 * (ver->frame.owner & 7u)));
    if (ver->frame.is_entry != PYVER_NONE) /* in the same word as the owner */
        frame->is_entry = (uint8_t)(word >> (8 * (ver->frame.is_entry & 7u))) != 0;
    return !bad;
}

/* A thread's own frames lie in its datastack: in the current chunk below its top, or in an older
 * one. The walk only ever goes to older ones. */
static bool frame_in_bounds(struct walk *w, uintptr_t at)
{
    const struct pyver *ver = w->ver;
    while (at < w->low || at >= w->high) {
        uint32_t bad = 0;
        w->chunk = peek(w->chunk + ver->chunk.previous, &bad);
        if (bad || w->chunk == 0 || w->n_chunks++ > CHUNKS_MAX)
            return false;
        const uint64_t words = peek(w->chunk + ver->chunk.top, &bad);
        if (bad || words > UINT64_MAX / 16)
            return false;
        w->low = w->chunk + ver->chunk.data;
        w->high = w->low + 8 * words;
    }
    return true;
}

/* The innermost activation's entry frame must link to what the activation outside it has as its
 * current frame (3.11, 3.12). */
static bool entry_links(const struct walk *w, uintptr_t previous)
{
    uint32_t bad = 0;
    const uintptr_t outer = peek(w->cframe + w->ver->cframe.previous, &bad);
    if (bad || outer == 0)
        return false;
    const uintptr_t root = w->tstate + w->ver->thread.root_cframe;
    const uintptr_t current = peek(outer + w->ver->cframe.current, &bad);
    /* Only the outermost activation has no caller; in a greenlet, that one lies over an empty
     * cframe of the greenlet's own. */
    if (previous == 0 && outer != root &&
        (current != 0 || peek(outer + w->ver->cframe.previous, &bad) != root))
        return false;
    return !bad && current == previous;
}

/* Look at a code object: NULL with *failure set when it is none. */
static inline __attribute__((always_inline)) const struct stack_fact *code_check(
    struct walk *w, uintptr_t code, enum wire_failure *failure)
{
    const struct pyver *ver = w->ver;
    const uint64_t deaths = w->source->deaths;
    struct stack_fact *const fact = w->source->facts != NULL
                                        ? &w->source->facts[(code >> 6) % STACK_FACTS]
                                        : &w->own[(code >> 6) % OWN_FACTS];
    uint32_t bad = 0;
    if (fact->code == code && code != 0 && fact->deaths == deaths)
        return fact;
    *failure = WIRE_FAIL_NOT_CODE;
    if (code == 0 || (code & 7))
        return NULL;
    const uintptr_t type = peek(code + ver->object.type, &bad);
    if (!bad && type != w->code_type)
        return NULL;
    fact->code = code;
    fact->deaths = deaths;
    fact->units = ver->instr == INSTR_POINTER ? (int64_t)peek(code + ver->code.size, &bad) : 0;
    fact->first = ver->code.first_traceable == PYVER_NONE
                      ? 0
                      : (int32_t)peek_u32(code + ver->code.first_traceable, &bad);
    if (!bad)
        return fact;
    fact->code = 0;
    *failure = WIRE_FAIL_UNREADABLE;
    return NULL;
}

/* Number of the instruction + 1, or UINT32_MAX when it lies outside the code. */
static inline __attribute__((always_inline)) uint32_t instr_index(const struct pyver *ver,
                                                                  uintptr_t at,
                                                                  const struct frame *frame,
                                                                  int64_t units)
{
    int64_t offset;
    if (ver->instr == INSTR_POINTER) {
        uint32_t bad = 0;
        uintptr_t bytecode = frame->code + ver->code.bytecode;
        if (ver->frame.tlbc_index != PYVER_NONE) /* asked here: a call for each frame costs */
            bytecode = stack_bytecode(ver, at, frame->code, &bad);
        offset = (int64_t)(frame->instr - bytecode);
        if (bad || offset < -2 || offset / 2 >= units || (offset & 1)) /* units may be anything */
            return UINT32_MAX;
    } else {
        offset = (int32_t)frame->instr;
        if (offset < 0)
            offset = -2;
        else if (ver->instr == INSTR_INDEX_UNITS)
            offset *= 2;
    }
    const int64_t index = offset / 2 + 1;
    return index < 1 << STACK_INSTR_BITS ? (uint32_t)index : UINT32_MAX;
}

/*
 * One real Python frame. *keep is false for one that CPython itself would not show: before its
 * first traceable instruction (also the clean-up shim that 3.13+ puts under __init__).
 */
static inline __attribute__((always_inline)) enum wire_failure frame_check(
    struct walk *w, uintptr_t at, const struct frame *frame, uint64_t *packed, bool *keep)
{
    const struct pyver *ver = w->ver;
    enum wire_failure failure;
    const struct stack_fact *const code = code_check(w, frame->code, &failure);
    if (code == NULL)
        return failure;
    if (ver->chunk.data != PYVER_NONE && frame->owner == OWNER_THREAD && !frame_in_bounds(w, at))
        return WIRE_FAIL_BOUNDS;
    if (frame->owner == OWNER_THREAD) {
        w->lowest = at;
        w->n_own++;
    }
    const uint32_t index = instr_index(ver, at, frame, code->units);
    if (index == UINT32_MAX)
        return WIRE_FAIL_INSTRUCTION;
    if (index == 0 && w->last_at == 0 && w->cframe != 0 && frame->owner == OWNER_THREAD)
        return WIRE_FAIL_STARTING; /* 3.11, 3.12: its link may not have been written yet */
    *keep = ver->code.first_traceable == PYVER_NONE || frame->owner == OWNER_GENERATOR ||
            (int32_t)index - 1 >= code->first;
    *packed = stack_frame_pack(frame->code, index);
    return WIRE_FAIL_NONE;
}

/* Is this the frame of a coroutine? Then remember it. Only for frames whose owner is `noted`. */
static void coroutine_note(const struct walk *w, uintptr_t at, const struct frame *frame)
{
    const struct pyver *ver = w->ver;
    struct stack_coroutines *const to = w->coroutines;
    uint32_t bad = 0;
    const uintptr_t object =
        ver->frames != FRAMES_OBJECTS ? at - ver->gen.iframe : peek(at + ver->frame.gen, &bad);
    if (object == 0 || (peek_u32(frame->code + ver->code.flags, &bad) & COROUTINE) == 0 || bad)
        return;
    to->list[to->n++ % STACK_COROUTINES] = object;
}

static bool is_entry(const struct pyver *ver, const struct frame *frame)
{
    return ver->frames == FRAMES_CFRAME_ENTRY ? frame->is_entry : frame->owner >= OWNER_SHIM;
}

/*
 * 3.11, generator.throw() into a `yield from`: the generator's frame, an activation's first, is
 * put on top of the caller's activation for the time of the call. The link is then further down.
 */
static bool is_throw(const struct walk *w, const struct frame *frame)
{
    return w->ver->frames == FRAMES_CFRAME_ENTRY && frame->owner == OWNER_GENERATOR;
}

static enum wire_failure walk_begin(struct walk *w, uintptr_t *at)
{
    const struct pyver *ver = w->ver;
    uint32_t bad = 0;
    *at = peek(w->tstate + ver->thread.frame, &bad);
    if (ver->cframe.current != PYVER_NONE) {
        w->cframe = *at;
        *at = peek(w->cframe + ver->cframe.current, &bad);
        /* nothing runs: then it is the outermost cframe, not one that is not filled in yet */
        if (!bad && *at == 0 && w->cframe != w->tstate + ver->thread.root_cframe)
            return WIRE_FAIL_LINK;
    }
    if (ver->chunk.data != PYVER_NONE) {
        w->chunk = peek(w->tstate + ver->thread.chunk, &bad);
        w->low = w->chunk + ver->chunk.data;
        w->high = w->chunk ? peek(w->tstate + ver->thread.chunk_top, &bad) : w->low;
    }
    return bad ? WIRE_FAIL_UNREADABLE : WIRE_FAIL_NONE;
}

/* The chain ended: was its last frame a bottom one? */
static enum wire_failure walk_end(const struct walk *w)
{
    const struct pyver *ver = w->ver;
    uint32_t bad = 0;
    if (w->last_at == 0)
        return WIRE_FAIL_NONE; /* no frame at all */
    switch (ver->frames) {
    case FRAMES_OBJECTS:
        /* gen.throw() through `yield from` in 3.9.x and 3.10.0 - 3.10.6 */
        if (peek(w->last_at + ver->frame.gen, &bad) != 0 || bad)
            return WIRE_FAIL_BOTTOM;
        return WIRE_FAIL_NONE;
    case FRAMES_CFRAME_ENTRY:
    case FRAMES_CFRAME_SHIM:
        if (!is_entry(ver, &w->last))
            return WIRE_FAIL_BOTTOM;
        return w->linked ? WIRE_FAIL_NONE : WIRE_FAIL_LINK;
    case FRAMES_DIRECT:
    case FRAMES_BASED: /* in a greenlet the chain does not end at base_frame, but at a shim */
        return w->last.owner >= OWNER_SHIM ? WIRE_FAIL_NONE : WIRE_FAIL_BOTTOM;
    }
    return WIRE_FAIL_BOTTOM;
}

/* The nearest frame of the thread's own from `at` on; those of generators lie elsewhere. */
static uintptr_t own_frame(const struct walk *w, uintptr_t at)
{
    struct frame frame;
    for (unsigned i = 0; i < GENERATORS_MAX && at != 0 && frame_load(w->ver, at, &frame); i++) {
        if (frame.owner == OWNER_THREAD)
            return at;
        if (frame.owner != OWNER_GENERATOR)
            break;
        at = frame.previous;
    }
    return 0;
}

/* Is `at` older than all frames of the datastack that the walk has come past? */
static bool is_older(const struct walk *w, uintptr_t at)
{
    const struct pyver *ver = w->ver;
    uint32_t bad = 0;
    uintptr_t chunk = peek(w->tstate + ver->thread.chunk, &bad);
    uintptr_t high = peek(w->tstate + ver->thread.chunk_top, &bad);
    for (unsigned i = 0; chunk != w->chunk; i++) {
        const uintptr_t low = chunk + ver->chunk.data;
        if (bad || chunk == 0 || i > CHUNKS_MAX || (at >= low && at < high))
            return false;
        chunk = peek(chunk + ver->chunk.previous, &bad);
        high = chunk + ver->chunk.data + 8 * peek(chunk + ver->chunk.top, &bad);
    }
    return !bad && (at < w->low || at >= w->high || at < w->lowest);
}

/*
 * A recursion so deep that its entry frame is far below what is kept (3.11, 3.12): the link would
 * tell whether the leaf is one of this activation, and not one that an earlier activation has left
 * in a cframe that is not filled in yet. Such a leaf would be of the activation outside, or under
 * it. So it is right if the frames that were seen are all newer than that one's current frame; and
 * where there is none outside, the datastack is empty when an activation begins.
 */
static bool is_inner(const struct walk *w)
{
    const struct pyver *ver = w->ver;
    uint32_t bad = 0;
    const uintptr_t root = w->tstate + ver->thread.root_cframe;
    const uintptr_t outer = peek(w->cframe + ver->cframe.previous, &bad);
    const uintptr_t current = outer ? peek(outer + ver->cframe.current, &bad) : 0;
    if (bad || outer == 0 || w->n_own < 2)
        return false;
    if (current == 0)
        return outer == root;
    const uintptr_t own = own_frame(w, current);
    return own != 0 && is_older(w, own);
}

/* Enough frames are kept; is there anything left to check? The link is what tells a half-made
 * activation from a whole one, so the walk goes on to the first entry frame, or as far as that can
 * be told without. */
static bool walk_done(struct walk *w, const struct stack *stack, enum wire_failure *failure)
{
    const bool has_link = w->ver->cframe.current != PYVER_NONE;
    if (!stack->cut || (has_link && !w->linked && ++w->beyond < BEYOND_MAX))
        return false;
    if (has_link && !w->linked && !is_inner(w))
        *failure = WIRE_FAIL_LINK;
    return true;
}

static enum wire_failure walk(struct walk *w, struct stack *stack)
{
    uintptr_t at;
    enum wire_failure failure = walk_begin(w, &at);
    for (unsigned steps = 0; failure == WIRE_FAIL_NONE && at != 0; steps++) {
        struct frame frame;
        if ((at & 7) || !frame_load(w->ver, at, &frame))
            return WIRE_FAIL_UNREADABLE;
        if (frame.owner > OWNER_LAST)
            return WIRE_FAIL_OWNER;
        if (steps > STEPS_MAX)
            return WIRE_FAIL_LOOP;
        if (frame.owner < OWNER_SHIM) {
            uint64_t packed = 0;
            bool keep = false;
            failure = frame_check(w, at, &frame, &packed, &keep);
            if (failure != WIRE_FAIL_NONE)
                return failure;
            if (frame.owner == w->noted)
                coroutine_note(w, at, &frame);
            if (keep && stack->depth < stack->max)
                stack->frames[stack->depth++] = packed;
            else if (keep)
                stack->cut = true;
        }
        if (w->cframe != 0 && !w->linked && is_entry(w->ver, &frame)) {
            w->linked = entry_links(w, frame.previous);
            if (!w->linked && !is_throw(w, &frame))
                return WIRE_FAIL_LINK;
        }
        w->last = frame;
        w->last_at = at;
        at = frame.previous;
        if (walk_done(w, stack, &failure))
            return failure;
    }
    return failure != WIRE_FAIL_NONE ? failure : walk_end(w);
}

uint64_t stack_frame_at(const struct stack_source *source, uintptr_t at)
{
    struct walk w = {.ver = source->ver, .source = source, .code_type = source->code_type};
    struct frame frame;
    enum wire_failure failure;
    if ((at & 7) || !frame_load(w.ver, at, &frame))
        return 0;
    const struct stack_fact *const code = code_check(&w, frame.code, &failure);
    const uint32_t index = code != NULL ? instr_index(w.ver, at, &frame, code->units) : UINT32_MAX;
    return index == UINT32_MAX ? 0 : (uint64_t)(frame.code >> 3) << STACK_INSTR_BITS | index;
}

enum wire_failure stack_take(const struct stack_source *source, struct stack *stack)
{
    struct walk w = {.ver = source->ver,
                     .source = source,
                     .code_type = source->code_type,
                     .tstate = source->tstate,
                     .coroutines = stack->coroutines};
    struct stack top = {.frames = stack->frames, .max = 1};
    struct stack *const out = source->top_only ? &top : stack;
    out->depth = 0;
    out->cut = false;
    w.noted = OWNER_NONE;
    if (w.coroutines != NULL) {
        w.coroutines->n = 0;
        w.noted = source->ver->frames == FRAMES_OBJECTS ? OWNER_THREAD : OWNER_GENERATOR;
    }
    const enum wire_failure failure = walk(&w, out);
    stack->depth = failure == WIRE_FAIL_NONE ? out->depth : 0;
    stack->cut = failure == WIRE_FAIL_NONE && out->cut && !source->top_only;
    return failure;
}
