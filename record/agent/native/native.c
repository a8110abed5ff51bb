/* SPDX-License-Identifier: MIT */
#include "native.h"
#include "record/agent/interpose/loader.h"
#include <string.h>
#include <ucontext.h>

bool native_is_known(const struct pyver *ver)
{
#if defined(__x86_64__)
    return activations_are_known(ver);
#else
    (void)ver;
    return false;
#endif
}

bool native_init(struct native_parts *native)
{
    memset(native, 0, sizeof(*native));
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
    segments_miss(&native->segments);
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
    struct activations activations = {.list = sample->room->activations, .max = NATIVE_ENTRIES_MAX};
    struct blend blend = {.frames = sample->room->frames, .max = NATIVE_FRAMES_MAX};
    uint32_t n = 0;
    sample->n = 0;
    sample->is_known = false;
    sample->epoch = segments_epoch(&native->segments);
    if (!activations_take(source, &activations))
        return true; /* more than there is room for: no C frames are told */
    for (uint32_t i = 0; i < activations.n; i++)
        n += activations.list[i].n_frames;
    if (n != n_python)
        return false; /* 3.10 links an activation a few instructions before or after its frame */
    registers_take(context, all, &regs);
    if (!blend_take(&native->unwinder, &native->learnt, &regs, &activations, &blend))
        return false;
    sample->n = blend.n;
    sample->is_known = true;
    return true;
}

#else

bool native_take(struct native_parts *native, const struct stack_source *source,
                 const void *context, uint32_t n_python, struct native_sample *sample)
{
    (void)native;
    (void)source;
    (void)context;
    (void)n_python;
    sample->n = 0;
    sample->is_known = false;
    return true;
}

#endif
