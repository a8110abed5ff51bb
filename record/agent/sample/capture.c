/* SPDX-License-Identifier: MIT */
#include "capture.h"
#include "record/agent/base/careful.h"
#include "record/agent/base/clock.h"
#include "record/agent/base/peek.h"
#include "record/agent/base/reserve.h"
#include "record/agent/cpython/context.h"
#include "record/agent/interpose/nosignal.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* Longer than any window in which the interpreter shows half a stack; doubled with each try, since
 * a timer that fires before the thread has gone on finds it where it was. */
#define RETRY_NS 4000
#define SVC_0    0xd4000001u /* aarch64's `svc 0` */

static size_t frames_size(const struct capture *capture)
{
    const size_t more =
        capture->native ? sizeof(struct native_room) + NATIVE_FRAMES_MAX * sizeof(uint64_t) : 0;
    return (size_t)2 * capture->max_depth * sizeof(uint64_t) + more;
}

/* Room for its frames, when a slot is first used. */
static bool slot_lay_out(struct capture *capture, struct slot *slot)
{
    if (slot->stack.frames != NULL)
        return true;
    uint64_t *const frames = reserve_memory(frames_size(capture));
    if (frames == NULL)
        return false;
    slot->timer = -1;
    slot->stack.max = capture->max_depth;
    slot->stack.frames = frames;
    slot->sent = (struct wire_frame *)(frames + capture->max_depth);
    if (capture->native != NULL)
        slot->c_frames.room =
            (struct native_room *)(frames + 2 * (size_t)capture->max_depth + NATIVE_FRAMES_MAX);
    return true;
}

static void slot_wipe(struct capture *capture, struct slot *slot)
{
    reserve_give_back(&slot->stack.frames, frames_size(capture));
    memset(slot, 0, sizeof(*slot));
}

bool capture_reset(struct capture *capture)
{
    for (uint32_t i = 0; i < capture->n_used; i++)
        slot_wipe(capture, &capture->slots[i]);
    struct slot *const scratch = capture_scratch(capture);
    slot_wipe(capture, scratch);
    capture->n_used = 0;
    capture->n_free = capture->n_slots;
    for (uint32_t i = 0; i < capture->n_slots; i++)
        capture->free_slots[i] = capture->n_slots - 1 - i;
    atomic_store(&capture->n_asked, 0);
    reserve_wipe(capture->facts, STACK_FACTS * sizeof(struct stack_fact));
    return slot_lay_out(capture, scratch);
}

bool capture_init(struct capture *capture, const struct interp *interp, struct codes *codes,
                  uint32_t max_depth)
{
    capture->interp = interp;
    capture->codes = codes;
    capture->max_depth = max_depth;
    capture->n_slots = CAPTURE_SLOTS;
    capture->n_used = 0;
    capture->slots = reserve_memory((capture->n_slots + 1) * sizeof(struct slot));
    capture->free_slots = reserve_memory(capture->n_slots * sizeof(uint32_t));
    capture->asked = reserve_memory((capture->n_slots + 1) * sizeof(uint32_t));
    capture->again = reserve_memory(max_depth * sizeof(uint64_t));
    capture->facts = reserve_memory(STACK_FACTS * sizeof(struct stack_fact));
    return capture->again && capture->facts && capture->slots && capture->free_slots &&
           capture->asked && capture_reset(capture);
}

void capture_free(struct capture *capture)
{
    for (uint32_t i = 0; capture->slots != NULL && i < capture->n_used; i++)
        slot_wipe(capture, &capture->slots[i]);
    if (capture->slots != NULL)
        slot_wipe(capture, capture_scratch(capture));
    reserve_give_back(&capture->slots, (capture->n_slots + 1) * sizeof(struct slot));
    reserve_give_back(&capture->free_slots, capture->n_slots * sizeof(uint32_t));
    reserve_give_back(&capture->asked, (capture->n_slots + 1) * sizeof(uint32_t));
    reserve_give_back(&capture->again, capture->max_depth * sizeof(uint64_t));
    reserve_give_back(&capture->facts, STACK_FACTS * sizeof(struct stack_fact));
    memset(capture, 0, sizeof(*capture));
}

static void timer_clear(struct slot *slot)
{
    if (slot->timer >= 0)
        syscall(SYS_timer_delete, slot->timer);
    slot->timer = -1;
}

struct slot *capture_take_slot(struct capture *capture, int32_t tid, uint64_t ident)
{
    if (capture->n_free == 0)
        return NULL;
    const uint32_t number = capture->free_slots[capture->n_free - 1];
    struct slot *const slot = &capture->slots[number];
    if (!slot_lay_out(capture, slot))
        return NULL;
    capture->n_free--;
    if (number >= capture->n_used)
        capture->n_used = number + 1;
    slot->tid = tid;
    slot->ident = ident;
    slot->sent_depth = 0;
    return slot;
}

void capture_give_slot(struct capture *capture, struct slot *slot)
{
    timer_clear(slot); /* of a thread that died before it fired */
    capture->free_slots[capture->n_free++] = (uint32_t)(slot - capture->slots);
}

struct slot *capture_scratch(struct capture *capture)
{
    return &capture->slots[capture->n_slots];
}

/* ---- reading, on either side ---- */

/* Up to 3.10 that costs a load for each frame: not where nothing is imported that has any. */
static bool is_asked_for_tasks(const struct capture *capture)
{
    return capture->labels != NULL &&
           (capture->interp->ver.frames != FRAMES_OBJECTS ||
            atomic_load_explicit(&capture->labels->has_loops, memory_order_relaxed));
}

/* The C frames, if they are asked for, of what was just read. A stack that stays torn is told
 * without them. */
static void slot_read_native(struct capture *capture, struct slot *slot,
                             const struct stack_source *source, const ucontext_t *context)
{
    slot->c_frames.is_known = false;
    slot->c_frames.why = capture->native == NULL ? WIRE_C_UNKNOWN
                         : context == NULL       ? WIRE_C_NOT_ASKED
                                                 : WIRE_C_CUT;
    if (slot->c_frames.room == NULL || context == NULL || slot->failure != WIRE_FAIL_NONE ||
        slot->stack.cut)
        return;
    if (!native_take(capture->native, source, context, slot->stack.depth, &slot->c_frames) &&
        slot->tries + 1 < CAPTURE_TRIES)
        slot->failure = WIRE_FAIL_C_STACK;
}

struct stack_source capture_source(const struct capture *capture, uintptr_t tstate, uint64_t deaths)
{
    return (struct stack_source){
        .ver = &capture->interp->ver,
        .code_type = capture->interp->code_type,
        .tstate = tstate,
        .top_only = capture->top_only,
        .facts = capture->facts,
        .deaths = deaths,
    };
}

/* `context`: where its thread was interrupted; NULL = it is read from outside, by the sampler. */
static void slot_read(struct capture *capture, struct slot *slot, const ucontext_t *context)
{
    const struct interp *const interp = capture->interp;
    struct stack_source source = capture_source(capture, slot->tstate, slot->deaths);
    if (context != NULL)
        source.facts = NULL;
    struct stack_coroutines coroutines;
    coroutines.n = 0;
    slot->has_task = false;
    slot->stack.coroutines = is_asked_for_tasks(capture) ? &coroutines : NULL;
    slot->failure = stack_take(&source, &slot->stack);
    slot->stack.coroutines = NULL;
    slot_read_native(capture, slot, &source, context);
    if (slot->failure == WIRE_FAIL_NONE && coroutines.n > 0) {
        task_find(&source, &coroutines, labels_current(capture->labels, slot->interp), &slot->task);
        slot->has_task = true;
    }
    const uintptr_t holder = interp_gil_holder(interp, interp_gil(interp, slot->interp));
    slot->holds_gil = holder == slot->tstate;
    /* up to 3.11: by the first one */
    for (unsigned i = 0; holder != 0 && !slot->holds_gil && i < slot->bound.n; i++)
        slot->holds_gil = holder == slot->bound.list[i].tstate;
    slot->in_gc = slot->holds_gil && interp_in_gc(interp, slot->interp);
    slot->stops_world = interp_stops_world(interp, slot->interp, slot->tstate);
    slot->context = context_read(slot->tstate);
}

/* Of a thread that runs no Python, or none any more. */
static void slot_empty(struct slot *slot)
{
    slot->stack.depth = 0;
    slot->context = 0;
    slot->stack.cut = slot->has_task = slot->holds_gil = slot->in_gc = false;
    slot->stops_world = false;
    slot->c_frames.is_known = false;
    slot->c_frames.why = WIRE_C_NOT_ASKED;
    slot->failure = WIRE_FAIL_NONE;
}

bool capture_has_frames(const struct interp *interp, uintptr_t tstate)
{
    const struct pyver *const ver = &interp->ver;
    uint32_t bad = 0;
    uintptr_t frame = peek(tstate + ver->thread.frame, &bad);
    if (ver->cframe.current != PYVER_NONE)
        frame = peek(frame + ver->cframe.current, &bad);
    if (ver->thread.base_frame != PYVER_NONE &&
        frame == peek(tstate + ver->thread.base_frame, &bad))
        frame = 0;
    return frame != 0 && !bad;
}

static void asked_add(struct capture *capture, struct slot *slot)
{
    const uint32_t n = atomic_load_explicit(&capture->n_asked, memory_order_relaxed);
    /* release; partner: the load in capture_wants */
    atomic_store_explicit(&capture->asked[n], (uint32_t)(slot - capture->slots),
                          memory_order_release);
    atomic_store_explicit(&capture->n_asked, n + 1, memory_order_release);
}

void capture_look(struct capture *capture, struct slot *slot)
{
    slot->deaths = codes_deaths(capture->codes);
    careful_reading_begin(CAREFUL_STACKS + 2 * (uint32_t)slot->tid);
}

void capture_look_away(void)
{
    careful_reading_end();
}

void capture_outside(struct capture *capture, struct slot *slot)
{
    slot_read(capture, slot, NULL);
    careful_reading_end();
    slot->time_ns = clock_now();
    asked_add(capture, slot);
    atomic_store_explicit(&slot->state, SLOT_DONE, memory_order_release);
}

void capture_outside_native(struct capture *capture, struct slot *slot, uint64_t pc, uint64_t sp)
{
    const struct stack_source source = capture_source(capture, slot->tstate, slot->deaths);
    if (slot->c_frames.room == NULL || pc == 0 || slot->failure != WIRE_FAIL_NONE ||
        slot->stack.cut || slot->stack.depth == 0)
        return;
    careful_reading_begin(CAREFUL_STACKS + 2 * (uint32_t)slot->tid + 1);
    native_take_blocked(capture->native, &source, pc, sp, slot->stack.depth, &slot->c_frames);
    careful_reading_end();
}

void capture_outside_c(struct capture *capture, struct slot *slot, uint64_t pc, uint64_t sp)
{
    slot_empty(slot);
    if (slot->c_frames.room != NULL && pc != 0)
        native_take_blocked_alone(capture->native, pc, sp, &slot->c_frames);
}

void capture_still(struct capture *capture, struct slot *slot)
{
    if (slot->c_frames.is_known)
        native_proved(capture->native, &slot->c_frames);
}

/* A thread's word of nosignal's; 0 for one that is not there. */
static uint64_t word_of(uint64_t ident)
{
    uint32_t bad = 0;
    const uint64_t word = ident != 0 ? peek(nosignal_word(ident), &bad) : 0;
    return bad ? 0 : word;
}

uint64_t capture_call_of(uint64_t ident)
{
    const uint64_t word = word_of(ident);
    return (word & 1) ? word : 0;
}

bool capture_ask(struct capture *capture, struct slot *slot, int signo)
{
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_code = SI_QUEUE;
    info.si_pid = capture->pid;
    info.si_value.sival_ptr = slot;
    slot->tries = 0;
    slot->signo = signo;
    slot->blocked_segv = false;
    slot->asked_ns = clock_now();
    nosignal_ask_begin(slot->ident);
    atomic_store_explicit(&slot->state, SLOT_ASKED, memory_order_release);
    asked_add(capture, slot);
    slot->asked_word = word_of(slot->ident);
    if ((slot->asked_word & 1) == 0 &&
        syscall(SYS_rt_tgsigqueueinfo, capture->pid, slot->tid, signo, &info) == 0)
        return true;
    capture_done(capture, slot);
    return false;
}

void capture_done(struct capture *capture, struct slot *slot)
{
    if (atomic_exchange_explicit(&slot->state, SLOT_IDLE, memory_order_acq_rel) == SLOT_ASKED)
        nosignal_ask_end(slot->ident); /* it will not answer, or nobody will hear it */
    const uint32_t n = atomic_load_explicit(&capture->n_asked, memory_order_relaxed);
    const uint32_t number = (uint32_t)(slot - capture->slots);
    for (uint32_t i = 0; i < n; i++) {
        if (atomic_load_explicit(&capture->asked[i], memory_order_relaxed) != number)
            continue;
        const uint32_t last = atomic_load_explicit(&capture->asked[n - 1], memory_order_relaxed);
        atomic_store_explicit(&capture->asked[i], last, memory_order_release);
        atomic_store_explicit(&capture->n_asked, n - 1, memory_order_release);
        return;
    }
}

/*
 * The sampler may take entries out and add others meanwhile. An entry only ever moves to a lower
 * place, and so do we: one that is in the list all the while is met before it moves or behind it.
 * Whoever took its place was added later: who reads that sees the move, too.
 */
bool capture_wants(struct capture *capture, uintptr_t code)
{
    for (uint32_t i = atomic_load_explicit(&capture->n_asked, memory_order_acquire); i-- > 0;) {
        const uint32_t number = atomic_load_explicit(&capture->asked[i], memory_order_acquire);
        const struct slot *const slot = &capture->slots[number];
        if (atomic_load_explicit(&slot->state, memory_order_acquire) != SLOT_DONE)
            continue;
        const uint32_t depth =
            slot->stack.depth < slot->stack.max ? slot->stack.depth : slot->stack.max;
        for (uint32_t k = 0; k < depth; k++)
            if (stack_frame_code(slot->stack.frames[k]) == code)
                return true;
    }
    return false;
}

/* ---- in the signal handler ---- */

struct slot *capture_slot_of(struct capture *capture, const siginfo_t *info)
{
    if (info->si_code != SI_TIMER && (info->si_code != SI_QUEUE || info->si_pid != capture->pid))
        return NULL;
    const uintptr_t at = (uintptr_t)info->si_value.sival_ptr;
    const uintptr_t first = (uintptr_t)capture->slots;
    if (at < first || (at - first) % sizeof(struct slot) != 0 ||
        (at - first) / sizeof(struct slot) >= capture->n_slots)
        return NULL;
    return &capture->slots[(at - first) / sizeof(struct slot)];
}

static bool tstate_is_mine(const struct interp *interp, uintptr_t tstate)
{
    uint32_t bad = 0;
    return tstate != 0 &&
           peek(tstate + interp->ver.thread.thread_id, &bad) == (uintptr_t)pthread_self() && !bad;
}

/*
 * The tstate that this very thread runs: the attached one if that can be told (from 3.12 on it is
 * a thread-local; before, it is the GIL holder's). A thread without the GIL: the newest of those
 * it was last seen with that has frames; else what PyGILState knows.
 */
static void tstate_settle(const struct capture *capture, struct slot *slot)
{
    const struct interp *const interp = capture->interp;
    uint32_t bad = 0;
    uintptr_t tstate = (uintptr_t)interp->call.current_tstate();
    if (!tstate_is_mine(interp, tstate)) {
        const uintptr_t own = (uintptr_t)interp->call.own_tstate();
        tstate = tstate_is_mine(interp, own) ? own : 0;
        for (unsigned i = 0; tstate != 0 && slot->bound.n > 1 && i < slot->bound.n; i++) {
            const struct binding *const binding = &slot->bound.list[i];
            if (tstate_is_mine(interp, binding->tstate) &&
                capture_has_frames(interp, binding->tstate))
                tstate = binding->tstate; /* in order of age: the newest one stays */
        }
    }
    slot->tstate = tstate;
    slot->interp = tstate ? peek(tstate + interp->ver.thread.interp, &bad) : 0;
}

/* Ask this thread again, a few microseconds after it has gone on. */
static bool timer_arm(struct slot *slot)
{
    if (slot->timer < 0) {
        struct sigevent event;
        memset(&event, 0, sizeof(event));
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = slot->signo;
        event.sigev_value.sival_ptr = slot;
        event._sigev_un._tid = slot->tid;
        if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &slot->timer) != 0) {
            slot->timer = -1;
            return false;
        }
    }
    const struct itimerspec when = {.it_value = {.tv_nsec = RETRY_NS << slot->tries}};
    if (syscall(SYS_timer_settime, slot->timer, 0, &when, NULL) == 0)
        return true;
    timer_clear(slot);
    return false;
}

static void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* The slot is the sampler's again, if it has not taken it back. */
static void answer_end(struct slot *slot)
{
    const uint64_t ident = slot->ident;
    uint32_t asked = SLOT_ASKED;
    if (atomic_compare_exchange_strong_explicit(&slot->state, &asked, SLOT_DONE,
                                                memory_order_acq_rel, memory_order_relaxed))
        nosignal_ask_end(ident);
}

/*
 * Signals are taken on the way back from the kernel: right behind a `syscall` (or `svc`)
 * instruction, or before one that is to be made again. Who comes just there in its own time is told
 * wrongly: that is one instruction of all between two calls.
 */
static bool is_behind_call(uintptr_t at)
{
#if defined(__x86_64__)
    uint8_t code[4];
    return peek_bytes(code, at - 2, sizeof(code)) &&
           ((code[0] == 0x0f && code[1] == 0x05) || (code[2] == 0x0f && code[3] == 0x05));
#else
    uint32_t code[2];
    return peek_bytes(code, at - sizeof(code[0]), sizeof(code)) &&
           (code[0] == SVC_0 || code[1] == SVC_0);
#endif
}

enum slot_met capture_met(const struct slot *slot)
{
    if (!is_behind_call(slot->met_at))
        return SLOT_MET_RUNNING;
    return slot->met_waiting ? SLOT_MET_DEFERRED : SLOT_MET_BEHIND;
}

static uintptr_t context_at(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#else
    return (uintptr_t)context->uc_mcontext.pc;
#endif
}

static void slot_answer(struct capture *capture, struct slot *slot, const ucontext_t *context)
{
    if (slot->tries == 0) { /* later ones are of the timer, a moment on */
        slot->met_at = context_at(context);
        slot->met_waiting = word_of(slot->ident) != slot->asked_word;
        memcpy(&slot->met_mask, &context->uc_sigmask, sizeof(slot->met_mask));
    }
    slot->blocked_segv = sigismember(&context->uc_sigmask, SIGSEGV) == 1 ||
                         sigismember(&context->uc_sigmask, SIGBUS) == 1;
    if (slot->blocked_segv) {
        slot->failure = WIRE_FAIL_NO_ANSWER;
        slot->stack.depth = 0;
    } else {
        if (slot->is_c)
            slot->tstate = slot->interp = 0;
        else
            tstate_settle(capture, slot);
        slot->deaths = codes_deaths(capture->codes);
        if (slot->tstate != 0) {
            slot_read(capture, slot, context);
        } else { /* it has left Python for good */
            slot_empty(slot);
            if (slot->is_c)
                native_take_alone(capture->native, context, &slot->c_frames);
        }
    }
    const bool is_restricted = atomic_load_explicit(&capture->is_restricted, memory_order_relaxed);
    if (slot->failure != WIRE_FAIL_NONE && !slot->blocked_segv && ++slot->tries < CAPTURE_TRIES &&
        !is_restricted && timer_arm(slot)) {
        counter_add(&capture->counters->retries, 1);
        return; /* still ASKED */
    }
    if (!is_restricted)
        timer_clear(slot);
    answer_end(slot);
}

void capture_answer(struct capture *capture, struct slot *slot, void *context)
{
    const int saved = errno;
    const uint64_t begin = clock_now();
    /* the slot of a thread that ended may be another one's by now */
    if (atomic_load_explicit(&slot->state, memory_order_acquire) == SLOT_ASKED &&
        slot->ident == (uint64_t)pthread_self()) {
        slot->time_ns = begin;
        slot_answer(capture, slot, context);
        const uint64_t ns = clock_now() - begin;
        counter_add(&capture->counters->handler_ns, ns);
        if (ns > atomic_load_explicit(&capture->counters->handler_max_ns, memory_order_relaxed))
            atomic_store_explicit(&capture->counters->handler_max_ns, ns, memory_order_relaxed);
    }
    errno = saved;
}
