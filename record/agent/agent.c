/* SPDX-License-Identifier: MIT */
#include "agent.h"
#include "record/agent/base/careful.h"
#include "record/agent/base/clock.h"
#include "record/agent/base/peek.h"
#include "record/agent/channel/notice.h"
#include "record/agent/interpose/exec.h"
#include "record/agent/interpose/gil_wakeup.h"
#include "record/agent/interpose/nosignal.h"
#include "record/agent/interpose/signals.h"
#include "record/agent/interpose/thread_ends.h"
#include "record/agent/late/hooks.h"
#include "record/agent/sample/wake.h"
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define SAMPLER_STACK (128u << 10)
#define WAIT_LOOK_NS  100000000u
#define FORGET_YIELDS 100u
#define FORGET_NAP_NS 20000
#define INSIDE_NAP_NS 200000

#define FORGET_BLIND_NS 1000000u
#define SLICE_NS        100000u /* what a tick needs at most, and the least that the kernel grants */

static struct agent the_agent;

/* See floor.h. */
extern __typeof__(pthread_detach) pthread_detach __attribute__((weak));

static bool is_attached(const struct agent *agent)
{
    return (agent->settings.flags & WIRE_ATTACHED) != 0;
}

struct agent *agent_get(void)
{
    return &the_agent;
}

/* ---- signals ---- */

bool agent_fault(int signo, siginfo_t *info, void *opaque)
{
    ucontext_t *const context = opaque;
    (void)signo;
    (void)info;
#if defined(__x86_64__)
    uintptr_t pc = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
    if (!peek_recover(&pc))
        return false;
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
#else
    uintptr_t pc = (uintptr_t)context->uc_mcontext.pc;
    if (!peek_recover(&pc))
        return false;
    context->uc_mcontext.pc = pc;
#endif
    return true;
}

/* One that comes when recording is over was asked for before, by the sampler or by a timer. */
bool agent_answer(int signo, siginfo_t *info, void *context)
{
    struct agent *const agent = &the_agent;
    struct slot *const slot = capture_slot_of(&agent->capture, info);
    (void)signo;
    if (slot == NULL)
        return false;
    if (atomic_load_explicit(&agent->state, memory_order_acquire) != AGENT_STOPPED)
        capture_answer(&agent->capture, slot, context);
    return true;
}

/* ---- exec ---- */

/* Where this program ends, if it does. */
void agent_exec(bool begins)
{
    if (!agent_enter(&the_agent))
        return;
    struct wire_head *const head = the_agent.link.head;
    if (head != NULL) {
        if (begins)
            atomic_store_explicit(&head->exec_cpu_ns, clock_read(CLOCK_PROCESS_CPUTIME_ID),
                                  memory_order_relaxed);
        atomic_store_explicit(&head->exec_ns, begins ? clock_now() : 0, memory_order_release);
    }
    agent_exit(&the_agent);
}

/* ---- threads of the program ---- */

bool agent_is_recording(const struct agent *agent)
{
    const uint32_t state = atomic_load_explicit(&agent->state, memory_order_acquire);
    return (int32_t)syscall(SYS_getpid) == agent->pid &&
           (state == AGENT_RUNNING || state == AGENT_PAUSED ||
            (state == AGENT_OFF && atomic_load(&agent->thread_made)));
}

/* First we are inside, then the state is read; agent_leave sets the state, then looks who is inside
 * (all seq_cst). */
bool agent_enter(struct agent *agent)
{
    atomic_fetch_add(&agent->n_inside, 1);
    const uint32_t state = atomic_load(&agent->state);
    if (state == AGENT_RUNNING || (state == AGENT_PAUSED && agent->link.head != NULL))
        return true;
    agent_exit(agent);
    return false;
}

void agent_exit(struct agent *agent)
{
    atomic_fetch_sub(&agent->n_inside, 1);
}

/* ---- the deallocation hook ---- */

static bool code_wanted(uintptr_t code)
{
    return capture_wants(&the_agent.capture, code);
}

static void code_dealloc(void *code)
{
    if (agent_enter(&the_agent)) {
        codes_died(&the_agent.codes, (uintptr_t)code, code_wanted);
        agent_exit(&the_agent);
    }
    the_agent.dealloc(code);
}

static _Atomic uintptr_t *dealloc_slot(const struct agent *agent)
{
    return (_Atomic uintptr_t *)(agent->interp.code_type + agent->interp.ver.type.dealloc);
}

void agent_watch_codes(struct agent *agent)
{
    _Atomic uintptr_t *const slot = dealloc_slot(agent);
    const uintptr_t now = atomic_load(slot);
    if (agent->is_hooked) /* also when somebody has come in front of us, and calls us */
        return;
    memcpy(&agent->dealloc, &now, sizeof(agent->dealloc));
    atomic_store(slot, (uintptr_t)code_dealloc);
    agent->is_hooked = true;
}

static void dealloc_unhook(struct agent *agent)
{
    uintptr_t ours = (uintptr_t)code_dealloc;
    if (agent->is_hooked &&
        atomic_compare_exchange_strong(dealloc_slot(agent), &ours, (uintptr_t)agent->dealloc))
        agent->is_hooked = false;
}

/* ---- the sampler thread ---- */

/* A child that is forked while the sampler is in here begins anew: all is there, or nothing. */
static bool memory_ready(struct agent *agent)
{
    const uint32_t depth =
        agent->settings.flags & WIRE_NO_CUMULATIVE ? 1 : agent->settings.max_depth;
    if (atomic_load(&agent->initialized))
        return true;
    const bool has_c_frames = (agent->settings.flags & WIRE_C_FRAMES) != 0;
    agent->capture.native =
        has_c_frames && native_is_known(&agent->interp) ? &agent->native : NULL;
    const bool is_reserved = (agent->capture.native == NULL ||
                              native_init(&agent->native, &agent->interp)) &&
                             codes_init(&agent->codes, &agent->interp) &&
                             capture_init(&agent->capture, &agent->interp, &agent->codes, depth) &&
                             threads_init(&agent->threads, &agent->interp) &&
                             wire_writer_init(&agent->writer, &agent->codes,
                                              depth + (has_c_frames ? NATIVE_FRAMES_MAX : 0)) &&
                             labels_init(&agent->labels, &agent->interp) &&
                             awaits_init(&agent->awaits) &&
                             linecache_init(&agent->linecache, &agent->interp);
    agent->capture.labels = agent->writer.labels = &agent->labels;
    agent->writer.linecache = &agent->linecache;
    agent->writer.has_c_frames = has_c_frames;
    agent->writer.native = agent->capture.native;
    agent->native.places.tells_offsets = (agent->settings.flags & WIRE_C_LINES) != 0;
    thread_names_init(&agent->names, &agent->interp);
    atomic_store(&agent->initialized, is_reserved);
    return is_reserved;
}

/* Whoever is inside has a few microseconds to go, of CPU that it may have to wait for. */
static void memory_release(struct agent *agent)
{
    const struct timespec nap = {.tv_nsec = INSIDE_NAP_NS};
    while (atomic_load(&agent->n_inside) != 0)
        syscall(SYS_nanosleep, &nap, NULL);
    atomic_store(&agent->initialized, false);
    codes_free(&agent->codes);
    capture_free(&agent->capture);
    threads_free(&agent->threads);
    wire_writer_free(&agent->writer);
    labels_free(&agent->labels);
    awaits_free(&agent->awaits);
    linecache_free(&agent->linecache);
    native_free(&agent->native);
    link_close(&agent->link);
    careful_end();
}

void agent_release(struct agent *agent)
{
    if (atomic_exchange(&agent->thread_made, false))
        pthread_join(agent->thread, NULL);
    agent->link.socket = -1; /* it was in the sampler's table, not in ours */
    memory_release(agent);
}

static void parts_connect(struct agent *agent)
{
    struct wire_head *const head = agent->link.head;
    const uint32_t flags = agent->settings.flags;
    ring_init(&agent->ring, head, (uint8_t *)head + WIRE_HEAD_LEN, WIRE_RING_LEN);
    agent->writer.ring = &agent->ring;
    agent->writer.counters = &head->counters;
    agent->capture.counters = &head->counters;
    agent->capture.pid = agent->pid;
    agent->capture.top_only = flags & WIRE_NO_CUMULATIVE;
    agent->threads.own_tid = agent->thread_tid;
    agent->sampler = (struct sampler){
        .interp = &agent->interp,
        .codes = &agent->codes,
        .capture = &agent->capture,
        .threads = &agent->threads,
        .writer = &agent->writer,
        .names = &agent->names,
        .labels = &agent->labels,
        .awaits =
            !(flags & WIRE_NO_AWAITS) && await_is_known(&agent->interp.ver) ? &agent->awaits : NULL,
        .native = agent->capture.native,
        .link = &agent->link,
        .head = head,
        .interval_ns = head->interval_ns,
        .origin_ns = head->origin_ns,
        .number = UINT64_MAX, /* the first tick is number 0, and due at once */
        .signals = signals_number() != 0,
        .tasks = {.fd = -1},
        .wake = &agent->wake,
    };
    affinity_init(&agent->sampler.affinity, !agent->sampler.signals);
    pace_init(&agent->sampler.pace, agent->settings.max_cost_ppm, head->interval_ns);
}

/* The first run of a process makes the ring; a run after a pause goes on with it. */
static bool run_begin(struct agent *agent)
{
    if (agent->link.head != NULL) {
        /* our descriptors went with the thread that had them */
        agent->link.socket = -1;
        agent->threads.own_tid = agent->thread_tid;
        sampler_change_thread(&agent->sampler);
        if (link_private_files())
            standing_open(&agent->sampler.tasks, agent->capture.native != NULL);
        return true;
    }
    const bool private_files = link_private_files();
    if (!memory_ready(agent)) {
        notice_leave(&agent->settings, NOTICE_PYTHON, WIRE_MISSING_MEMORY, ENOMEM, NULL);
        agent->link.failed = WIRE_MISSING_MEMORY;
        return false;
    }
    if (!link_open(&agent->link, &agent->settings, &agent->interp, NULL))
        return false;
    parts_connect(agent);
    if (private_files)
        standing_open(&agent->sampler.tasks, agent->capture.native != NULL);
    agent->threads.is_late = agent->settings.has_waited;
    agent->threads.main_zero_ns = agent->main_zero_ns;
    if (!private_files) { /* nothing of ours stays in the program's table */
        close(agent->link.socket);
        agent->link.socket = -1;
    }
    return true;
}

/* pyrec is gone or wants us to end: leave the program as if we had never been there. */
static void agent_stop(struct agent *agent)
{
    atomic_store(&agent->state, AGENT_STOPPED);
    exec_forget();
    signals_stop();
    hooks_disarm();
    dealloc_unhook(agent);
    if (agent->link.head == NULL)
        return;
    if (is_attached(agent))
        atomic_store_explicit(&agent->link.head->exec_cpu_ns, clock_read(CLOCK_PROCESS_CPUTIME_ID),
                              memory_order_relaxed);
    atomic_store_explicit(&agent->link.head->state, WIRE_STOPPED, memory_order_release);
}

static void agent_leave(struct agent *agent)
{
    agent_stop(agent);
    hooks_give_back(agent->settings.is_forked);
}

void agent_leave_for(struct agent *agent, const char *reason)
{
    struct wire_head *const head = agent->link.head;
    if (head != NULL)
        snprintf(head->refused, sizeof(head->refused), "%s", reason);
    agent_stop(agent);
}

void agent_restrict(struct agent *agent)
{
    atomic_store(&agent->is_restricted, true);
    atomic_store(&agent->capture.is_restricted, true);
    signals_restrict();
    exec_forget();
    thread_ends_unwatch();
}

/* Recording begins later. False when the sampler is to go away before that. */
static bool begin_wait(struct agent *agent)
{
    struct link_settings *const settings = &agent->settings;
    while (clock_now() < settings->begin_ns) {
        const uint64_t look = clock_now() + WAIT_LOOK_NS;
        if (atomic_load_explicit(&agent->wake, memory_order_acquire) || sampler_is_alone())
            return false;
        settings->has_waited = true;
        wake_sleep(&agent->wake, look < settings->begin_ns ? look : settings->begin_ns);
    }
    return true;
}

/* The state has changed: whoever waits for that goes on. */
static void state_wake(struct agent *agent)
{
    syscall(SYS_futex, &agent->state, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

void agent_await(struct agent *agent, uint64_t most_ns)
{
    const uint64_t begin = clock_now();
    if (!agent->thread_made || agent->settings.begin_ns > begin)
        return;
    for (uint64_t now = begin; now - begin < most_ns; now = clock_now()) {
        const uint64_t ns = most_ns - (now - begin);
        const struct timespec rest = {.tv_sec = (time_t)(ns / 1000000000u),
                                      .tv_nsec = (long)(ns % 1000000000u)};
        if (atomic_load_explicit(&agent->state, memory_order_acquire) != AGENT_OFF)
            return;
        syscall(SYS_futex, &agent->state, FUTEX_WAIT_PRIVATE, AGENT_OFF, &rest, NULL, 0);
    }
}

/* The kernel's struct sched_attr, which not every libc has. */
struct schedule {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

/*
 * Ask for short slices, often, instead of long ones: from Linux 6.12 on such a thread need not wait
 * until one that has just woken has had its own. Else ticks come late where all CPUs are wanted,
 * and a program that sleeps in step with them is seen where it is later. Nobody gets less CPU;
 * where the kernel does not know it, nothing changes.
 */
static void slice_shorten(void)
{
    struct schedule schedule = {.size = sizeof(schedule)};
    const int saved = errno;
    if (syscall(SYS_sched_getattr, 0, &schedule, sizeof(schedule), 0) == 0 &&
        schedule.policy == SCHED_OTHER) {
        schedule.size = sizeof(schedule);
        schedule.runtime = SLICE_NS;
        (void)syscall(SYS_sched_setattr, 0, &schedule, 0);
    }
    errno = saved;
}

/* Record until there is an end of it. True if it is only for a while: the program forks, ... */
static bool sampler_stays(struct agent *agent)
{
    if (!begin_wait(agent))
        return !atomic_load(&agent->is_leaving);
    if (atomic_load(&agent->is_leaving) || !run_begin(agent))
        return false;
    atomic_store_explicit(&agent->state, AGENT_RUNNING, memory_order_release);
    state_wake(agent);
    atomic_store_explicit(&agent->link.head->state, WIRE_RUNNING, memory_order_release);
    return sampler_run(&agent->sampler) && !atomic_load(&agent->is_leaving);
}

static void *sampler_main(void *opaque)
{
    struct agent *const agent = opaque;
    prctl(PR_SET_NAME, "pyrec-sampler");
    prctl(PR_SET_TIMERSLACK, 1);
    slice_shorten();
    agent->thread_tid = (int32_t)syscall(SYS_gettid);
    /* That of the thread before this one went with its table. Should we end before we have our own,
     * its number is one of the program's. */
    agent->link.socket = -1;
    if (sampler_stays(agent))
        return NULL;
    agent_leave(agent);
    state_wake(agent);
    if (is_attached(agent)) { /* nobody else comes and joins us, and what is left is in the way */
        memory_release(agent);
        if (atomic_exchange(&agent->thread_made, false) && pthread_detach != NULL)
            (void)pthread_detach(pthread_self());
    }
    return NULL;
}

bool agent_start(struct agent *agent)
{
    sigset_t all;
    uint64_t before;
    pthread_attr_t attributes;
    if (atomic_load(&agent->thread_made))
        return true;
    atomic_store(&agent->wake, 0);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, SAMPLER_STACK);
    sigfillset(&all); /* the program's signals are for the program's threads .. */
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS); /* .. but a load of ours may fault */
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof(before));
    atomic_store(&agent->thread_made, true); /* it may end, and clear that, before we are back */
    const int error = thread_ends_create(&agent->thread, &attributes, sampler_main, agent);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
    pthread_attr_destroy(&attributes);
    if (error != 0) {
        atomic_store(&agent->thread_made, false);
        if (agent->link.head == NULL)
            notice_leave(&agent->settings, NOTICE_PYTHON, WIRE_MISSING_THREAD, error, NULL);
        agent_leave(agent);
    }
    return error == 0;
}

/*
 * A thread is joined a moment before the kernel takes it off the process's count; where others want
 * the CPUs, that may be some milliseconds.
 */
static void kernel_forgets(const struct agent *agent, int32_t tid)
{
    const uint64_t begin = clock_now();
    const struct timespec nap = {.tv_nsec = FORGET_NAP_NS};
    if (atomic_load(&agent->is_restricted)) { /* nothing may be asked */
        while (clock_now() - begin < FORGET_BLIND_NS)
            continue;
        return;
    }
    for (unsigned i = 0; syscall(SYS_tgkill, agent->pid, tid, 0) == 0; i++) {
        if (clock_now() - begin > AGENT_AWAIT_NS)
            break;
        if (i < FORGET_YIELDS)
            sched_yield();
        else
            syscall(SYS_nanosleep, &nap, NULL);
    }
}

void agent_pause(struct agent *agent)
{
    if (!atomic_load(&agent->thread_made))
        return;
    atomic_fetch_or(&agent->wake, WAKE_STOP);
    syscall(SYS_futex, &agent->wake, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
    if (atomic_exchange(&agent->thread_made, false))
        pthread_join(agent->thread, NULL);
    kernel_forgets(agent, atomic_load(&agent->thread_tid)); /* it has said so by now */
}

void agent_end(struct agent *agent)
{
    atomic_store(&agent->is_leaving, true); /* one that has stepped aside sees it when it is back */
    agent_pause(agent);
}

void agent_forget(struct agent *agent)
{
    agent->pid = getpid();
    careful_adopt();
    atomic_store(&agent->thread_made, false);
    atomic_store(&agent->n_inside, 0); /* of those threads none is here */
    agent->settings.has_waited = false;
    agent->settings.is_forked = true;
    agent->settings.born_ns = clock_now();
    agent->settings.cpu_zero_ns = agent->main_zero_ns = 0; /* new clocks */
    agent->link.head = NULL;                               /* was not inherited */
    agent->link.socket = -1;
    atomic_store(&agent->wake, 0);
    gil_wakeup_reset();
    thread_ends_reset();
    signals_adopt();
    nosignal_reset();
    exec_watch(agent->pid, agent_exec);
    if (!atomic_load(&agent->initialized))
        return;
    agent->writer.n_functions = 0;
    codes_reset(&agent->codes);
    atomic_store(&agent->initialized, capture_reset(&agent->capture)); /* else all is tried anew */
    threads_reset(&agent->threads);
    thread_names_reset(&agent->names);
    labels_reset(&agent->labels);
    awaits_reset(&agent->awaits);
    linecache_reset(&agent->linecache);
    if (agent->capture.native != NULL)
        native_reset(&agent->native);
}
