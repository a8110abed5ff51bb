/* SPDX-License-Identifier: MIT */
/*
 * What to do with each thread in a tick, and with the answers of the tick before.
 */
#include "outside_read.h"
#include "record/agent/base/clock.h"
#include "record/agent/interpose/signals.h"
#include "record/agent/interpose/thread_ends.h"
#include "record/agent/kernel/syscall_of.h"
#include "sampler.h"
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LATE_READINGS   4   /* of a thread that was asked and did not answer */
#define DEAF_READINGS   2   /* of one that cannot be asked, where its CPU is not known */
#define VAGUE_LOOKS     16u /* the kernel shows where a thread waits when it has left its run queue */
#define PARTIAL_LOOKS   4u /* at C frames of a blocked thread, while the list of code grows */
#define TORN_ROUNDS     3
#define TORN_MAX        16
#define LOST_NS         1000000000u
#define SIGNAL_FIRST_NS 50000u /* what a signal takes, while none was seen */
#define SIGNAL_DECAY    64u    /* what was longest is forgotten by so much with each signal */

static void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static void sample_book(struct sampler *s, struct thread *thread, const struct observation *seen)
{
    wire_writer_sample(s->writer, thread, seen);
    thread->cpu_ns = seen->cpu_ns;
    thread->state = seen->state;
    if (thread->samples < 2)
        thread->samples++;
    if (thread->samples == 2 && thread->slot == NULL) {
        thread->slot = capture_take_slot(s->capture, thread->tid, thread->ident);
        thread->full = true;
    }
}

static uint8_t *mark_of(struct sampler *s, const struct thread *thread)
{
    return &s->threads->marks[thread - s->threads->list];
}

/* ---- from outside ---- */

static void observation_finish(struct sampler *s, struct thread *thread, struct observation *seen)
{
    counter_add(&s->head->counters.samples_outside, 1);
    sample_book(s, thread, seen);
    if (seen->slot != NULL && seen->failure == WIRE_FAIL_NONE)
        capture_done(s->capture, seen->slot);
}

/*
 * A thread that was asked, and has run without answering: it has stayed in the kernel all the
 * while, unless it blocks the signal.
 */
static bool is_in_kernel(struct sampler *s, struct thread *thread)
{
    return standing_has_pending(&s->tasks, thread->tid, &thread->files, thread->slot->signo, NULL);
}

/* It runs, has not answered what it was asked before, and did not block the signal: what it will
 * answer is true of this sample, too. `cpu_ns`: its clock, read before. */
static bool late_goes_on(struct sampler *s, struct thread *thread, uint64_t cpu_ns)
{
    if (!(*mark_of(s, thread) & THREAD_LATE) || thread->late_cpu_ns == 0 ||
        thread->late_cpu_ns != thread->cpu_ns ||
        atomic_load_explicit(&thread->slot->state, memory_order_acquire) != SLOT_ASKED)
        return false;
    thread->late_cpu_ns = cpu_ns;
    return true;
}

static void observe_running_outside(struct sampler *s, struct thread *thread, uint64_t cpu_ns,
                                    int readings, uint32_t more_state)
{
    struct observation seen;
    const bool is_joined = late_goes_on(s, thread, cpu_ns);
    if (readings != DEAF_READINGS || !outside_beside(s, thread, &seen)) {
        outside_running(s, thread, cpu_ns, readings, &seen);
    } else if ((seen.state & WIRE_READY) || (seen.call < 0 && !(seen.state & WIRE_UNKNOWN))) {
        /* it had a CPU until we came */
        seen.state = (seen.state & ~(uint32_t)WIRE_READY) | WIRE_ON_CPU | WIRE_UNKNOWN;
    }
    seen.cpu_ns = cpu_ns;
    seen.is_late = *mark_of(s, thread) & THREAD_LATE;
    seen.is_joined = is_joined;
    seen.state |= more_state;
    if (more_state & WIRE_STALLED && seen.state & WIRE_ON_CPU && is_in_kernel(s, thread))
        seen.state = (seen.state & ~(uint32_t)WIRE_UNKNOWN) | WIRE_IN_KERNEL;
    observation_finish(s, thread, &seen);
}

/* ---- by asking ---- */

static bool thread_ask(struct sampler *s, struct thread *thread, uint64_t cpu_ns)
{
    struct slot *const slot = thread->slot;
    const int signo = signals_number();
    if (signo == 0 || slot == NULL || thread->ident == 0 ||
        atomic_load_explicit(&slot->state, memory_order_acquire) != SLOT_IDLE)
        return false;
    slot->bound = thread->bound;
    slot->is_c = thread->is_c;
    slot->ident = thread->ident;
    if (!capture_ask(s->capture, slot, signo))
        return false;
    *mark_of(s, thread) |= THREAD_ASKED;
    thread->asked_cpu_ns = cpu_ns;
    thread->asked_ns = s->last_ns;
    thread->asked_state = 0;
    return true;
}

/*
 * A thread that runs inside a call of libc's has no stack that changes: while it is in the same
 * call before and afterwards, what was read is exact, and nobody was disturbed.
 */
static bool observe_in_call(struct sampler *s, struct thread *thread, uint64_t cpu_ns)
{
    const uint64_t call = capture_call_of(thread->ident);
    if (call == 0)
        return false;
    struct slot *const slot = outside_slot(s, thread);
    if (slot->tstate == 0)
        return false;
    struct observation seen = {
        .slot = slot,
        .cpu_ns = cpu_ns,
        .state = WIRE_ON_CPU | WIRE_IN_KERNEL,
        .call = -1,
    };
    capture_outside(s->capture, slot);
    seen.failure = slot->failure;
    outside_bits(&seen);
    if (slot->failure != WIRE_FAIL_NONE || capture_call_of(thread->ident) != call) {
        capture_done(s->capture, slot);
        return false;
    }
    observation_finish(s, thread, &seen);
    return true;
}

/*
 * It has answered at last. Its first words, then, and nothing of its own came before: a handler of
 * the program's would block signals that it did not block, and a call that it made would be one
 * more by nosignal's count.
 */
static void late_answer(struct sampler *s, struct thread *thread)
{
    struct slot *const slot = thread->slot;
    if (thread->late_cpu_ns != 0 && thread->late_cpu_ns == thread->cpu_ns &&
        slot->c_frames.is_known && slot->failure == WIRE_FAIL_NONE && slot->tries == 0 &&
        !slot->blocked_segv && !slot->met_waiting && slot->met_mask == thread->late_mask)
        wire_writer_late(s->writer, thread, thread->cpu_ns);
    thread->late_cpu_ns = 0;
    thread->n_late = 0;
}

/* Its tick has been booked without it, and no answer is awaited any more. */
static void late_end(struct sampler *s, struct thread *thread)
{
    capture_done(s->capture, thread->slot);
    *mark_of(s, thread) &= (uint8_t)~THREAD_LATE;
}

static void late_settle(struct sampler *s, struct thread *thread)
{
    late_answer(s, thread);
    late_end(s, thread);
}

static void observe_running(struct sampler *s, struct thread *thread, uint64_t cpu_ns)
{
    if (thread->slot == NULL && s->signals) { /* running at its first sample: it is a busy one */
        thread->slot = capture_take_slot(s->capture, thread->tid, thread->ident);
        thread->full = true;
    }
    if (!s->signals) { /* nor does anybody keep signals away */
        observe_running_outside(s, thread, cpu_ns, DEAF_READINGS, 0);
        return;
    }
    if (*mark_of(s, thread) & THREAD_LATE &&
        atomic_load_explicit(&thread->slot->state, memory_order_acquire) == SLOT_DONE)
        late_settle(s, thread); /* just now */
    if (!observe_in_call(s, thread, cpu_ns) && !thread_ask(s, thread, cpu_ns))
        observe_running_outside(s, thread, cpu_ns, DEAF_READINGS,
                                *mark_of(s, thread) & THREAD_LATE ? WIRE_STALLED : 0);
}

/*
 * Was it in a system call when it was asked? Not if the signal met it anywhere else. But one that
 * it met behind a call may have begun that call after it was asked: until a signal gets to another
 * CPU, which takes 1 to 50 us, a thread goes on. So only a call that was longer than signals to
 * this program's threads take is known to have been under way.
 */
static uint32_t answer_mode(struct sampler *s, const struct slot *slot)
{
    const uint64_t took_ns = slot->time_ns - slot->asked_ns;
    const uint64_t most_ns = s->signal_ns != 0 ? s->signal_ns : SIGNAL_FIRST_NS;
    switch (capture_met(slot)) {
    case SLOT_MET_RUNNING:
        s->signal_ns = took_ns > most_ns ? took_ns : most_ns - most_ns / SIGNAL_DECAY;
        return 0;
    case SLOT_MET_BEHIND:
        return took_ns > 2 * most_ns ? WIRE_IN_KERNEL : WIRE_UNKNOWN;
    case SLOT_MET_DEFERRED:
        break;
    }
    return WIRE_UNKNOWN;
}

/* The answer to what was asked in the last tick. */
static void answer_fetch(struct sampler *s, struct thread *thread)
{
    struct slot *const slot = thread->slot;
    struct observation seen = {
        .slot = slot,
        .cpu_ns = thread->asked_cpu_ns,
        .state = WIRE_ON_CPU,
        .call = -1,
        .failure = slot->failure,
    };
    if (slot->blocked_segv) {
        capture_done(s->capture, slot);
        observe_running_outside(s, thread, thread->asked_cpu_ns, DEAF_READINGS, 0);
        return;
    }
    outside_bits(&seen);
    if (thread->asked_state != 0) { /* the signal came before its next instruction */
        seen.state = thread->asked_state;
    } else {
        seen.state |= answer_mode(s, slot);
        affinity_apart(&s->affinity, thread->tid, affinity_of_thread(&s->affinity, thread->ident));
    }
    counter_add(&s->head->counters.samples_asked, 1);
    sample_book(s, thread, &seen);
    capture_done(s->capture, slot);
}

/* Does the signal wait for it, and does it not block it? *mask: what it blocks. */
static bool is_waited_for(struct sampler *s, struct thread *thread, uint64_t *mask)
{
    return s->native != NULL &&
           standing_has_pending(&s->tasks, thread->tid, &thread->files, thread->slot->signo, mask);
}

/*
 * A thread that stands still and has not answered yet. If the signal waits for it and it does not
 * block it, it will answer before it executes anything else: then its answer is true of this
 * sample, and of all others for as long as its clock does not move. `cpu_ns`: its clock. That had
 * moved if it was asked on a CPU and lost that before the signal got there, or was in the kernel:
 * then the answer is true of the sample in which it was asked, too, as it would be in time.
 */
static void late_note(struct sampler *s, struct thread *thread, uint64_t cpu_ns,
                      struct observation *seen)
{
    const bool is_noted = thread->late_cpu_ns != 0 && thread->late_cpu_ns == thread->cpu_ns;
    uint64_t mask = 0;
    seen->is_late = true;
    if (s->native == NULL || thread->late_cpu_ns == cpu_ns)
        return;
    const bool is_waiting =
        is_waited_for(s, thread, &mask) && clock_of_thread(thread->tid) == cpu_ns;
    seen->is_joined = is_waiting && is_noted && mask == thread->late_mask;
    if (!seen->is_joined)
        thread->n_late = 0;
    thread->late_mask = mask;
    thread->late_cpu_ns = is_waiting ? cpu_ns : 0;
}

/* It has used CPU since it was asked, and has not answered: the sample in which it was asked. */
static void late_note_asked(struct sampler *s, struct thread *thread)
{
    thread->n_late = 0;
    thread->late_cpu_ns = is_waited_for(s, thread, &thread->late_mask) ? thread->asked_cpu_ns : 0;
}

/* No answer within the tick: it blocks the signal, or has not been on a CPU since. */
static void answer_missing(struct sampler *s, struct thread *thread)
{
    struct observation seen;
    *mark_of(s, thread) |= THREAD_LATE;
    const uint64_t now = clock_of_thread(thread->tid);
    if (now == UINT64_MAX)
        return; /* it is gone; sampler_observe will find out */
    if (now == thread->asked_cpu_ns && outside_still(s, thread, now, &seen) == READING_OK) {
        seen.state = thread->asked_state ? thread->asked_state : seen.state | WIRE_STALLED;
        late_note(s, thread, now, &seen);
        observation_finish(s, thread, &seen);
        return;
    }
    late_note_asked(s, thread);
    observe_running_outside(s, thread, thread->asked_cpu_ns, LATE_READINGS, WIRE_STALLED);
}

/* The program has taken the number for itself, and ignores it: so the kernel has thrown away what
 * was under way. */
static bool signal_is_lost(const struct sampler *s, const struct thread *thread)
{
    return thread->slot->signo != signals_number() && s->last_ns - thread->asked_ns > LOST_NS;
}

static void answer_settle(struct sampler *s, uint32_t i)
{
    struct thread *const thread = &s->threads->list[i];
    const uint8_t mark = s->threads->marks[i];
    const bool done = atomic_load_explicit(&thread->slot->state, memory_order_acquire) == SLOT_DONE;
    s->threads->marks[i] &= (uint8_t)~THREAD_ASKED;
    if (mark & THREAD_ASKED && done) {
        answer_fetch(s, thread);
    } else if (mark & THREAD_ASKED) {
        answer_missing(s, thread);
    } else if (done) {
        late_settle(s, thread);
    } else if (signal_is_lost(s, thread)) {
        late_end(s, thread);
    }
}

void sampler_harvest(struct sampler *s)
{
    for (uint32_t i = 0; i < s->threads->n; i++)
        if (s->threads->marks[i] & (THREAD_ASKED | THREAD_LATE))
            answer_settle(s, i);
}

/* ---- one tick ---- */

void sampler_note_ends(struct sampler *s)
{
    int32_t tid;
    uint64_t cpu_ns;
    while (thread_ends_next(&tid, &cpu_ns))
        threads_note_end(s->threads, tid, cpu_ns);
}

static void thread_gone(struct sampler *s, uint32_t i, uint64_t now)
{
    struct thread *const thread = &s->threads->list[i];
    s->is_quiet = false;
    sampler_note_ends(s);
    if (thread->slot != NULL) {
        if (atomic_load_explicit(&thread->slot->state, memory_order_acquire) != SLOT_IDLE)
            capture_done(s->capture, thread->slot);
        capture_give_slot(s->capture, thread->slot);
    }
    standing_close_files(&thread->files);
    if (thread->id == s->last_holder_id)
        s->last_holder = 0;
    thread_names_end(s->names, thread, s->writer);
    wire_writer_thread_end(s->writer, thread, now);
    threads_remove(s->threads, i);
}

/* What became of looking at a thread. */
enum outcome { OUTCOME_DONE, OUTCOME_GONE, OUTCOME_TORN };

/*
 * A thread that stands still but could run has registers that nobody outside can see. For its C
 * frames it is asked: it answers before it does anything else, so with the stack it stood still
 * with. False: it was not asked, and what was read holds.
 */
static bool ask_standing(struct sampler *s, struct thread *thread, const struct observation *seen)
{
    const uint32_t state = seen->state;
    if (s->native == NULL || seen->slot == NULL || seen->slot != thread->slot || !s->signals ||
        thread->ident == 0 || (state & (WIRE_ON_CPU | WIRE_READY)) == 0 ||
        capture_call_of(thread->ident) != 0)
        return false;
    capture_done(s->capture, seen->slot);
    if (!thread_ask(s, thread, seen->cpu_ns))
        observe_running_outside(s, thread, seen->cpu_ns, DEAF_READINGS, 0);
    else
        thread->asked_state = state;
    return true;
}

/* Has it stood still since its last sample, which said all that there is to say? */
static bool is_implied(const struct sampler *s, struct thread *thread, uint64_t cpu)
{
    const bool on_cpu = thread->state & WIRE_ON_CPU; /* was; then it is no more */
    const bool is_vague = thread->vague_looks > 0 && thread->vague_looks < VAGUE_LOOKS;
    if (thread->samples == 0 || cpu != thread->cpu_ns) {
        thread->is_partial = false;
        thread->partial_looks = 0;
        return false;
    }
    if (thread->is_partial && s->native->segments.n_read != thread->partial_at) {
        thread->is_partial = ++thread->partial_looks < PARTIAL_LOOKS;
        return false;
    }
    return !on_cpu && !is_vague;
}

static enum outcome thread_observe(struct sampler *s, struct thread *thread)
{
    uint64_t *const clock = &s->threads->clocks[thread - s->threads->list];
    const uint64_t cpu = clock_of_thread(thread->tid);
    if (cpu == UINT64_MAX)
        return OUTCOME_GONE;
    counter_add(&s->head->counters.samples, 1);
    thread->ran_ns = thread->samples > 0 ? cpu - *clock : 0;
    *clock = cpu;
    if (is_implied(s, thread, cpu)) {
        if (thread->idle_ticks < COLD_TICKS)
            thread->idle_ticks++;
        else if (!thread->is_partial)
            *mark_of(s, thread) |= THREAD_COLD;
        return OUTCOME_DONE;
    }
    s->is_quiet = false;
    thread->idle_ticks = 0;
    *mark_of(s, thread) &= (uint8_t)~THREAD_COLD;
    const uint64_t again = clock_of_thread(thread->tid);
    if (again == UINT64_MAX)
        return OUTCOME_GONE;
    if (again != cpu) {
        observe_running(s, thread, again);
        return OUTCOME_DONE;
    }
    struct observation seen;
    switch (outside_still(s, thread, cpu, &seen)) {
    case READING_OK:
        if (*mark_of(s, thread) & THREAD_LATE)
            late_note(s, thread, cpu, &seen);
        if (!ask_standing(s, thread, &seen))
            observation_finish(s, thread, &seen);
        return OUTCOME_DONE;
    case READING_TORN:
        return OUTCOME_TORN;
    case READING_MOVED:
        break;
    }
    observe_running(s, thread, cpu);
    return OUTCOME_DONE;
}

/* Threads that stood still in the middle of linking a frame: let them go on a little. */
static void torn_again(struct sampler *s, struct thread *thread)
{
    struct observation seen = {.call = -1, .failure = WIRE_FAIL_MOVED};
    const struct timespec wait = {.tv_nsec = OUTSIDE_WAIT_NS};
    for (int i = 0; i < TORN_ROUNDS; i++) {
        counter_add(&s->head->counters.retries, 1);
        clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL);
        const uint64_t cpu = clock_of_thread(thread->tid);
        if (cpu == UINT64_MAX)
            return;
        const enum reading reading = outside_still(s, thread, cpu, &seen);
        if (reading == READING_MOVED) {
            observe_running(s, thread, cpu);
            return;
        }
        if (reading == READING_OK)
            break;
    }
    observation_finish(s, thread, &seen);
}

/* Threads that were torn, by id: entries move. */
struct torn {
    uint32_t ids[TORN_MAX];
    uint32_t n;
};

/* Look at all threads whose mark COLD is as said. */
static void observe_group(struct sampler *s, uint8_t cold, struct torn *torn)
{
    for (uint32_t i = 0; i < s->threads->n;) {
        struct thread *const thread = &s->threads->list[i];
        if ((s->threads->marks[i] & THREAD_COLD) != cold) {
            i++;
            continue;
        }
        const uint32_t id = thread->id;
        const enum outcome outcome = thread_observe(s, thread);
        if (outcome == OUTCOME_GONE) {
            thread_gone(s, i, s->last_ns);
            continue;
        }
        if (outcome == OUTCOME_TORN && torn->n < TORN_MAX)
            torn->ids[torn->n++] = id;
        else if (outcome == OUTCOME_TORN)
            torn_again(s, thread);
        i++;
    }
}

static void observe_torn(struct sampler *s, const struct torn *torn)
{
    for (uint32_t k = 0; k < torn->n; k++)
        for (uint32_t i = 0; i < s->threads->n; i++)
            if (s->threads->list[i].id == torn->ids[k])
                torn_again(s, &s->threads->list[i]);
}

void sampler_observe(struct sampler *s)
{
    struct torn torn = {.n = 0};
    bool cold_rest = cold_begin(&s->cold, s->interp, s->threads, s->last_ns);
    const uint32_t n_cold = cold_count(s->threads);
    observe_group(s, 0, &torn);
    if (cold_rest && cold_has_run(&s->cold, s->threads, s->earlier_cpu_ns))
        cold_rest = false;
    if (cold_rest) {
        counter_add(&s->head->counters.samples, n_cold);
    } else {
        observe_group(s, THREAD_COLD, &torn);
        cold_asked_all(&s->cold, s->threads, s->earlier_cpu_ns, s->last_ns);
    }
    observe_torn(s, &torn);
}
