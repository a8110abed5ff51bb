/* SPDX-License-Identifier: MIT */
#include "native.h"
#include "counted.h"
#include "record/agent/interpose/loader.h"
#include <string.h>
#include <ucontext.h>

bool native_is_known(const struct interp *interp)
{
#if defined(__x86_64__)
    return activations_are_marked(&interp->ver) || interp->eval_loop != 0;
#else
    (void)interp;
    return false;
#endif
}

bool native_init(struct native_parts *native, const struct interp *interp)
{
    memset(native, 0, sizeof(*native));
    native->eval_loop = activations_are_marked(&interp->ver) ? 0 : interp->eval_loop;
    return segments_init(&native->segments, loader_unmapped()) &&
           unwind_init(&native->unwinder, &native->segments) &&
           code_places_init(&native->places, &native->segments);
}

void native_free(struct native_parts *native)
{
    code_places_free(&native->places);
    unwind_free(&native->unwinder);
    segments_free(&native->segments);
}

void native_reset(struct native_parts *native)
{
    code_places_reset(&native->places);
    segments_reset(&native->segments);
}

/* 3.8, 3.9: the function that is the eval loop. */
static void loop_look(struct native_parts *native)
{
    struct segment segment;
    struct cfi_range range;
    struct rule rule;
    if (!segments_find(&native->segments, native->eval_loop, &segment))
        return;
    const struct cfi_source source = {.hdr = segment.hdr, .low = segment.low, .high = segment.high};
    if (!cfi_rule(&source, native->eval_loop, &rule, &range))
        return;
    atomic_store(&native->loop_start, range.start);
    atomic_store(&native->loop_end, range.end);
}

void native_look(struct native_parts *native, uint64_t now_ns)
{
    struct segment segment;
    segments_look(&native->segments, now_ns);
    if (native->own_end == 0 &&
        segments_find(&native->segments, (uint64_t)(uintptr_t)native_look, &segment)) {
        atomic_store(&native->own_start, segment.start);
        atomic_store(&native->own_end, segment.end);
    }
    if (native->eval_loop != 0 && native->loop_end == 0)
        loop_look(native);
}

/* Without our own functions that have called another one of C. */
static uint32_t own_leave_out(struct native_parts *native, struct blend_frame *frames, uint32_t n)
{
    const uint64_t start = atomic_load_explicit(&native->own_start, memory_order_relaxed);
    const uint64_t end = atomic_load_explicit(&native->own_end, memory_order_relaxed);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        const bool is_own = frames[i].pc >= start && frames[i].pc < end;
        if (!is_own || i == 0 || frames[i - 1].n_inside != frames[i].n_inside)
            frames[kept++] = frames[i];
    }
    return kept;
}

/* What was found on the stack. */
static void sample_fill(struct native_parts *native, const struct blend *blend,
                        struct native_sample *sample)
{
    _Static_assert((int)WIRE_C_TOO_DEEP == UNWIND_ON && (int)WIRE_C_UNCOUNTED == UNWIND_UNCOUNTED &&
                       (int)WIRE_C_UNCOUNTED + 1 == UNWIND_STOPS,
                   "the reasons of gaps, in their order");
    sample->n = own_leave_out(native, blend->frames, blend->n);
    sample->is_known = true;
    sample->has_gap = blend->n_gaps > 0;
    sample->why = (enum wire_c_missing)blend->stop;
    sample->is_partial = blend->met_unknown_code;
}

/* False: what Python says and what is on the stack do not belong together. */
static bool frames_take(struct native_parts *native, struct blend_learnt *learnt,
                        const struct stack_source *source, struct unwind_regs *regs,
                        uint32_t n_python, struct native_sample *sample)
{
    struct activations activations = {.list = sample->room->activations, .max = NATIVE_ENTRIES_MAX};
    struct blend blend = {.frames = sample->room->frames, .max = NATIVE_FRAMES_MAX};
    uint32_t n = 0;
    sample->n = 0;
    sample->is_known = sample->has_gap = false;
    sample->why = WIRE_C_TORN;
    sample->epoch = segments_epoch(&native->segments);
    if (!activations_take(source, &activations)) {
        sample->why = WIRE_C_CUT;
        return true; /* more than there is room for: no C frames are told */
    }
    for (uint32_t i = 0; i < activations.n; i++)
        n += activations.list[i].n_frames;
    if (n != n_python)
        return false; /* 3.10 links an activation a few instructions before or after its frame */
    const struct cfi_range loop = {atomic_load_explicit(&native->loop_start, memory_order_relaxed),
                                   atomic_load_explicit(&native->loop_end, memory_order_relaxed)};
    if (native->eval_loop == 0
            ? !blend_take(&native->unwinder, learnt, regs, &activations, &blend)
            : !counted_take(&native->unwinder, &loop, regs, &activations, &blend))
        return false;
    sample_fill(native, &blend, sample);
    return true;
}

static void alone_take(struct native_parts *native, struct unwind_regs *regs,
                       struct native_sample *sample)
{
    struct blend blend = {.frames = sample->room->frames, .max = NATIVE_FRAMES_MAX};
    sample->epoch = segments_epoch(&native->segments);
    atomic_init(&sample->learnt.word, 0);
    blend_alone(&native->unwinder, regs, &blend);
    sample_fill(native, &blend, sample);
}

#if defined(__x86_64__)

/* In DWARF's order. */
static void registers_take(const ucontext_t *context, uint64_t all[CFI_REGISTERS],
                           struct unwind_regs *regs)
{
    static const uint8_t order[CFI_REGISTERS] = {
        REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP,
        REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    for (unsigned i = 0; i < CFI_REGISTERS; i++)
        all[i] = (uint64_t)context->uc_mcontext.gregs[order[i]];
    *regs = (struct unwind_regs){.pc = (uint64_t)context->uc_mcontext.gregs[REG_RIP],
                                 .sp = (uint64_t)context->uc_mcontext.gregs[REG_RSP],
                                 .bp = (uint64_t)context->uc_mcontext.gregs[REG_RBP],
                                 .has_bp = true,
                                 .is_exact = true,
                                 .all = all};
}

bool native_take(struct native_parts *native, const struct stack_source *source,
                 const void *context, uint32_t n_python, struct native_sample *sample)
{
    uint64_t all[CFI_REGISTERS];
    struct unwind_regs regs;
    registers_take(context, all, &regs);
    return frames_take(native, &native->learnt, source, &regs, n_python, sample);
}

void native_take_alone(struct native_parts *native, const void *context,
                       struct native_sample *sample)
{
    uint64_t all[CFI_REGISTERS];
    struct unwind_regs regs;
    registers_take(context, all, &regs);
    alone_take(native, &regs, sample);
}

#else

bool native_take(struct native_parts *native, const struct stack_source *source,
                 const void *context, uint32_t n_python, struct native_sample *sample)
{
    (void)native;
    (void)source;
    (void)context;
    (void)n_python;
    (void)sample;
    return true;
}

void native_take_alone(struct native_parts *native, const void *context,
                       struct native_sample *sample)
{
    (void)native;
    (void)context;
    (void)sample;
}

#endif

void native_take_blocked(struct native_parts *native, const struct stack_source *source,
                         uint64_t pc, uint64_t sp, uint32_t n_python, struct native_sample *sample)
{
    struct unwind_regs regs = {.pc = pc, .sp = sp, .is_exact = true};
    atomic_init(&sample->learnt.word, atomic_load(&native->learnt.word));
    if (!frames_take(native, &sample->learnt, source, &regs, n_python, sample))
        sample->is_known = false;
}

void native_take_blocked_alone(struct native_parts *native, uint64_t pc, uint64_t sp,
                               struct native_sample *sample)
{
    struct unwind_regs regs = {.pc = pc, .sp = sp, .is_exact = true};
    alone_take(native, &regs, sample);
}

void native_proved(struct native_parts *native, const struct native_sample *sample)
{
    blend_learn(&native->learnt, atomic_load(&sample->learnt.word));
}
