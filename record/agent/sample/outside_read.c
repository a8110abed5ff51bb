/* SPDX-License-Identifier: MIT */
#include "outside_read.h"
#include "record/agent/base/careful.h"
#include "record/agent/base/clock.h"
#include "record/agent/base/peek.h"
#include "record/agent/interpose/gil_wait.h"
#include "record/agent/kernel/syscall_of.h"
#include <sys/syscall.h>
#include <time.h>

#define FD_CACHE_MAX 900 /* descriptors we keep open, in a table of our own */

struct slot *outside_slot(struct sampler *s, const struct thread *thread)
{
    struct slot *slot = thread->slot;
    if (slot == NULL || atomic_load_explicit(&slot->state, memory_order_acquire) != SLOT_IDLE)
        slot = capture_scratch(s->capture);
    slot->tid = thread->tid;
    slot->bound = thread->bound;
    slot->is_c = thread->is_c;
    capture_look(s->capture, slot);
    const struct binding *const binding = threads_binding(s->threads, thread);
    if (binding == NULL)
        capture_look_away();
    slot->tstate = binding ? binding->tstate : 0;
    slot->interp = binding ? binding->interp : 0;
    return slot;
}

/* Is it the GIL that a thread that does not run waits for? */
static enum gil_wait waits_gil(const struct sampler *s, const struct thread *thread,
                               const struct observation *seen, const struct standing *standing)
{
    const uintptr_t gil = seen->slot ? interp_gil(s->interp, seen->slot->interp) : 0;
    const size_t len = s->interp->ver.gil.len;
    const bool is_futex = standing->call == SYS_futex;
    if (gil == 0 || (standing->kind == STANDING_CALL && !is_futex))
        return GIL_WAIT_NO;
    if (standing->kind == STANDING_CALL)
        return standing->argument - gil < len ? GIL_WAIT_YES : GIL_WAIT_NO;
    if (standing->kind == STANDING_KERNEL && standing->function[0] != '\0' && !is_futex)
        return GIL_WAIT_NO;
    if (s->head->flags & WIRE_ATTACHED) /* of those calls only some come to us */
        return GIL_WAIT_UNKNOWN;
    uint32_t bad = 0;
    const uint64_t mark = thread->ident ? peek(gil_wait_mark(thread->ident), &bad) : 0;
    return gil_wait_of(mark, gil, len);
}

/* What was not to be found out is said to be that: "blocked" is an answer, too. */
static struct standing standing_state(struct sampler *s, struct thread *thread,
                                      struct observation *seen)
{
    const struct standing standing =
        standing_of_thread(&s->tasks, thread->tid, &thread->files,
                           thread->files.call < FD_CACHE_MAX && thread->files.stat < FD_CACHE_MAX);
    if (standing.kind == STANDING_READY) {
        const bool had_cpu = affinity_was_shared(&s->affinity, thread->ident, thread->ran_ns,
                                                 s->last_ns - s->before_ns, &thread->owed_ns);
        seen->state |= had_cpu ? WIRE_ON_CPU | WIRE_UNKNOWN : WIRE_READY;
        return standing;
    }
    const enum gil_wait wait = waits_gil(s, thread, seen, &standing);
    seen->call = standing.call;
    if (standing.kind == STANDING_KERNEL && standing.call < 0)
        seen->call = wire_writer_call_function(s->writer, standing.function);
    const bool is_vague = standing.kind == STANDING_KERNEL && standing.function[0] == '\0';
    thread->vague_looks = is_vague && wait != GIL_WAIT_YES ? thread->vague_looks + 1 : 0;
    if (seen->slot != NULL && standing.kind == STANDING_CALL && standing.call == SYS_futex)
        seen->state |= interp_parked_for(s->interp, seen->slot->tstate, standing.argument);
    if (wait == GIL_WAIT_YES)
        seen->state |= WIRE_WAITS_GIL;
    else if (standing.kind == STANDING_UNKNOWN ||
             (standing.kind == STANDING_KERNEL && wait == GIL_WAIT_UNKNOWN))
        seen->state |= WIRE_UNKNOWN;
    return standing;
}

void outside_bits(struct observation *seen)
{
    if (seen->slot->holds_gil)
        seen->state |= WIRE_HOLDS_GIL;
    if (seen->slot->in_gc)
        seen->state |= WIRE_IN_GC;
    if (seen->slot->stops_world)
        seen->state |= WIRE_STOPS_WORLD;
}

/* Is there more to be known of where it is blocked? */
static void partial_note(const struct sampler *s, struct thread *thread, const struct slot *slot)
{
    thread->is_partial = s->native != NULL && slot->c_frames.is_known && slot->c_frames.is_partial;
    if (thread->is_partial)
        thread->partial_at = s->native->segments.n_read;
}

enum reading outside_still(struct sampler *s, struct thread *thread, uint64_t cpu_ns,
                           struct observation *seen)
{
    struct slot *const slot = outside_slot(s, thread);
    *seen = (struct observation){.slot = slot, .cpu_ns = cpu_ns, .call = -1};
    if (slot->tstate == 0) {
        seen->slot = NULL; /* an OS thread that has no Python state (any more) */
        const struct standing standing = standing_state(s, thread, seen);
        if (thread->is_c) {
            seen->slot = slot;
            capture_outside_c(s->capture, slot, standing.pc, standing.sp);
        }
        const bool stands = clock_of_thread(thread->tid) == cpu_ns;
        if (stands && thread->is_c)
            partial_note(s, thread, slot);
        return stands ? READING_OK : READING_MOVED;
    }
    capture_outside(s->capture, slot);
    const struct standing standing = standing_state(s, thread, seen);
    capture_outside_native(s->capture, slot, standing.pc, standing.sp);
    const bool still = clock_of_thread(thread->tid) == cpu_ns;
    seen->failure = slot->failure;
    outside_bits(seen);
    if (still && slot->failure == WIRE_FAIL_NONE) {
        capture_still(s->capture, slot);
        partial_note(s, thread, slot);
        return READING_OK;
    }
    capture_done(s->capture, slot);
    return still ? READING_TORN : READING_MOVED;
}

static bool stacks_equal(const struct stack *a, const uint64_t *frames, uint32_t depth)
{
    if (a->depth != depth)
        return false;
    for (uint32_t i = 0; i < depth; i++)
        if (i == 0 ? stack_frame_code(a->frames[i]) != stack_frame_code(frames[i])
                   : a->frames[i] != frames[i])
            return false;
    return true;
}

/* Is the slot's stack there in so many readings more? */
static bool stack_lasts(struct sampler *s, const struct thread *thread, const struct slot *slot,
                        int readings)
{
    for (int i = 0; i < readings; i++) {
        struct stack again = {.frames = s->capture->again, .max = s->capture->max_depth};
        if (readings > 1)
            (void)clock_of_thread(thread->tid); /* half a microsecond: some calls and returns */
        const uint64_t deaths = codes_deaths(s->codes);
        const struct stack_source source = capture_source(s->capture, slot->tstate, deaths);
        /* another one: nothing is kept of the one before */
        careful_reading_begin(CAREFUL_STACKS + 2 * (uint32_t)thread->tid);
        const enum wire_failure failure = stack_take(&source, &again);
        careful_reading_end();
        if (failure != WIRE_FAIL_NONE || !slot->stack.cut != !again.cut ||
            !stacks_equal(&again, slot->stack.frames, slot->stack.depth))
            return false;
    }
    return true;
}

enum reading outside_running(struct sampler *s, struct thread *thread, uint64_t cpu_ns,
                             int readings, struct observation *seen)
{
    for (int i = 0; i < OUTSIDE_TRIES; i++) {
        struct slot *const slot = outside_slot(s, thread);
        *seen = (struct observation){.slot = slot, .cpu_ns = cpu_ns, .call = -1};
        seen->state = WIRE_ON_CPU | WIRE_OUTSIDE | WIRE_UNKNOWN;
        if (slot->tstate == 0) {
            seen->slot = NULL;
            if (thread->is_c) {
                seen->slot = slot;
                capture_outside_c(s->capture, slot, 0, 0);
            }
            return READING_OK;
        }
        capture_outside(s->capture, slot);
        outside_bits(seen);
        if (slot->failure == WIRE_FAIL_NONE && stack_lasts(s, thread, slot, readings - 1))
            return READING_OK;
        seen->failure = slot->failure != WIRE_FAIL_NONE ? slot->failure : WIRE_FAIL_MOVED;
        capture_done(s->capture, slot);
    }
    return READING_TORN;
}

bool outside_beside(struct sampler *s, struct thread *thread, struct observation *seen)
{
    const struct timespec wait = {.tv_nsec = OUTSIDE_WAIT_NS};
    for (int i = 0; i < OUTSIDE_TRIES; i++) {
        if (!affinity_move(&s->affinity, thread->tid,
                           affinity_of_thread(&s->affinity, thread->ident)))
            return false;
        const uint64_t cpu = clock_of_thread(thread->tid);
        const enum reading reading =
            cpu != UINT64_MAX ? outside_still(s, thread, cpu, seen) : READING_MOVED;
        if (reading == READING_OK)
            return true;
        if (reading == READING_TORN) /* let it go on a little */
            clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL);
    }
    return false;
}
