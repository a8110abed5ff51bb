/* SPDX-License-Identifier: MIT */
#include "hold.h"

#include "filter.h"
#include "inject_plan.h"
#include "record/base/clocks.h"
#include "record/kernel/procfs.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_MAX_NS  2000000000u /* but for what it has to wait for a CPU */
#define STOP_SPIN_NS 1000000u
#define OUT_LOOKS    400
#define OUT_NAP_US   250
#define OUT_RAN_NS   2000000u /* hardly anybody is in the code for so long */
#define SOLO_LOOKS   200      /* of 0.1 ms */
#define REDZONE_FLAG 0x400ul  /* the direction flag: clear in all code of compilers */

#define GET_RSEQ_CONFIGURATION 0x420f /* PTRACE_GET_RSEQ_CONFIGURATION, Linux 5.13 */

/* What a system call that was cut short returned: see linux/errno.h. */
enum { RESTART_SYS = -512, RESTART_NO_INTR = -513, RESTART_NO_HAND = -514, RESTART_BLOCK = -516 };

bool hold_poke(pid_t tid, uint64_t at, const void *from, size_t n)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/mem", tid);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    const ssize_t done = fd < 0 ? -1 : pwrite(fd, from, n, (off_t)at);
    if (fd >= 0)
        close(fd);
    return done == (ssize_t)n;
}

/*
 * DONE: it has stopped. A short thread may have been on its way out when it was seized. To stop it
 * needs a CPU, as it does to go on; nothing is done yet, so it may be given up at any moment.
 */
static enum hold_result stop_wait(const struct inject_plan *plan, struct held *held, int *status)
{
    const uint64_t begin = clocks_mono_ns();
    const pid_t tid = held->tid;
    struct vigil wait = {.plan = plan};
    for (;;) {
        const pid_t got = waitpid(tid, status, __WALL | WNOHANG);
        const uint64_t since = clocks_mono_ns() - begin;
        if (got == tid || got < 0)
            return got == tid && WIFSTOPPED(*status) ? HOLD_DONE : HOLD_GONE;
        if (wait_is_due(&wait))
            wait_look(&wait, tid);
        if (!wait_goes_on(&wait) || wait_idle_ns(&wait) > STOP_MAX_NS) {
            held->hindrance = wait_hindrance(&wait);
            return HOLD_STUCK;
        }
        if (since > STOP_SPIN_NS)
            usleep(50);
    }
}

/* In a sequence that the kernel would begin again if it saw the thread elsewhere (rseq). */
static bool is_in_sequence(const struct regard *regard, pid_t tid, uint64_t at)
{
    struct {
        uint64_t area;
        uint32_t size, signature, flags, unused;
    } rseq = {0};
    struct {
        uint32_t version, flags;
        uint64_t start, len, abort;
    } section;
    uint64_t current = 0;
    return ptrace((enum __ptrace_request)GET_RSEQ_CONFIGURATION, tid, sizeof rseq, &rseq) ==
               (long)sizeof rseq &&
           rseq.area != 0 &&
           remote_read(&regard->remote, rseq.area + 8, &current, sizeof current) && current != 0 &&
           remote_read(&regard->remote, current, &section, sizeof section) &&
           at - section.start < section.len;
}

/* Calls that an allocator or the loader may make in the middle of something. */
static bool is_call_of_libc(long call)
{
    switch (call) {
    case SYS_mmap:
    case SYS_mprotect:
    case SYS_munmap:
    case SYS_brk:
    case SYS_mremap:
    case SYS_madvise:
    case SYS_read:
    case SYS_open:
    case SYS_close:
    case SYS_fstat:
    case SYS_pread64:
    case SYS_openat:
    case SYS_newfstatat:
        return true;
    default:
        return false;
    }
}

/* The only thread of a process takes no locks: may it be in the middle of what they are for? */
static bool is_busy_in_libc(const struct regard *regard, const struct user_regs_struct *now)
{
    const long call = (long)now->orig_rax;
    if (call >= 0 && !is_call_of_libc(call))
        return false;
    if (call == SYS_read && (long)now->rax < 0) /* it had to wait: no file */
        return false;
    for (uint32_t i = 0; i < regard->images.n; i++) {
        const struct remote_image *const image = &regard->images.list[i];
        if (now->rip - image->from < image->to - image->from)
            return victim_image_has_locks(image);
    }
    return false;
}

/* Libc's own word for the thread's number against the kernel's; 0 = they differ. */
static pid_t known_number(const struct regard *regard, const struct hold_place *place, pid_t tid,
                          uint64_t thread_pointer)
{
    int32_t said = 0;
    pid_t inner = 0;
    bool is_nested;
    return remote_read(&regard->remote, thread_pointer + place->tid_offset, &said, sizeof said) &&
                   procfs_inner_number(regard->remote.pid, tid, &inner, &is_nested) && said == inner
               ? inner
               : 0;
}

bool hold_is_free(const struct mailbox *is)
{
    return is->is_parked == 1 || is->clone <= 0;
}

bool hold_clean(const struct regard *regard, const struct hold_place *place)
{
    static const char zero[MB_SETTINGS];
    return remote_write(&regard->remote, place->mailbox + MB_CLONE, zero,
                        MB_TLS_READY - MB_CLONE) &&
           remote_write(&regard->remote, place->mailbox + MB_PARKED, zero, 4) &&
           remote_write(&regard->remote, place->mailbox + MB_ERROR, zero, MAILBOX_ERROR_MAX);
}

/* It is clean, or not there yet, now that nobody is in the code: whom a pyrec that was killed had
 * sent may have come to it since it was looked at. */
static bool is_as_found(const struct regard *regard, const struct hold_place *place)
{
    struct mailbox is;
    const bool is_there = remote_read(&regard->remote, place->mailbox, &is, sizeof is);
    if (is_there != place->is_again || !is_there)
        return is_there == place->is_again;
    if (place->is_clean)
        return is.clone == 0 && is.is_parked == 0;
    return hold_is_free(&is) && hold_clean(regard, place);
}

/* What the kernel would have done with a call that it cut short, for who comes back by a jump. */
static void call_restart(struct user_regs_struct *back)
{
    const long call = (long)back->orig_rax, result = (long)back->rax;
    const bool is_endless = call == SYS_epoll_wait && result == -EINTR && (int)back->r10 < 0;
    if (call < 0)
        return;
    if (result == RESTART_SYS || result == RESTART_NO_INTR || result == RESTART_NO_HAND ||
        is_endless) {
        back->rax = back->orig_rax;
        back->rip -= 2;
    } else if (result == RESTART_BLOCK) {
        back->rax = SYS_restart_syscall;
        back->rip -= 2;
    }
}

static void code_make(uint8_t code[STUB_MAX], const struct user_regs_struct *back, bool is_alone,
                      pid_t inner)
{
    const uint64_t table[TABLE_LEN / 8] = {
        [TABLE_FLAGS / 8] = back->eflags, [TABLE_RAX / 8] = back->rax,
        [TABLE_RBX / 8] = back->rbx,      [TABLE_RCX / 8] = back->rcx,
        [TABLE_RDX / 8] = back->rdx,      [TABLE_RSI / 8] = back->rsi,
        [TABLE_RDI / 8] = back->rdi,      [TABLE_R8 / 8] = back->r8,
        [TABLE_R9 / 8] = back->r9,        [TABLE_R10 / 8] = back->r10,
        [TABLE_R11 / 8] = back->r11,      [TABLE_R15 / 8] = back->r15,
        [TABLE_RIP / 8] = back->rip,      [TABLE_SOLO / 8] = is_alone ? SOLO_LOOKS : 0,
        [TABLE_RBP / 8] = back->rbp,      [TABLE_WHO / 8] = (uint64_t)inner,
    };
    memcpy(code, stub_begin, STUB_LEN);
    memcpy(code + (stub_table - stub_begin), table, sizeof table);
}

static void point_at_code(struct user_regs_struct *to, const struct hold_place *place)
{
    to->orig_rax = (unsigned long)-1; /* no call to be begun again */
    to->eflags &= ~REDZONE_FLAG;
    to->rip = place->code;
    to->rax = SYS_mmap;
    to->rdi = place->mailbox;
    to->rsi = MAILBOX_LEN;
    to->rdx = 3;                 /* PROT_READ | PROT_WRITE */
    to->r10 = 0x100022 | 0x4000; /* PRIVATE | ANONYMOUS, FIXED_NOREPLACE, NORESERVE */
    to->r8 = (unsigned long)-1;
    to->r9 = 0;
    if (place->is_again) {
        to->rip = place->code + (uint64_t)(stub_again - stub_begin);
        to->rbx = place->mailbox;
    }
}

/* What the kernel refused: it may be killed at any moment. */
static enum hold_result refused(int *error)
{
    *error = errno;
    return errno == ESRCH ? HOLD_GONE : HOLD_FAILED;
}

/* It is stopped. */
static enum hold_result stopped_turn(const struct regard *regard, const struct hold_place *place,
                                     bool is_alone, void (*on_step)(unsigned step),
                                     struct held *held, int *error)
{
    struct user_regs_struct back, to;
    uint8_t code[STUB_MAX];
    if (ptrace(PTRACE_GETREGS, held->tid, NULL, &back) != 0)
        return HOLD_GONE;
    if (!regard_is_same(regard))
        return HOLD_GONE;
    /* in our own code still, from an attaching that was held up: it would come back to that for
     * ever */
    held->is_out = back.rip - place->code >= STUB_LEN;
    if (back.cs != 0x33 || !held->is_out || is_in_sequence(regard, held->tid, back.rip) ||
        (is_alone && is_busy_in_libc(regard, &back)))
        return HOLD_LATER;
    if (!is_as_found(regard, place))
        return HOLD_CHANGED;
    held->objection = "";
    if (regard->facts.is_filtered && filter_look(held->tid, &held->objection) != FILTER_PASSES)
        return HOLD_FILTERED;
    /* now: what a thread has of its own is gone when it ends */
    const pid_t inner = known_number(regard, place, held->tid, back.fs_base);
    if (inner == 0 || !remote_read(&regard->remote, back.fs_base, held->head, sizeof held->head))
        return HOLD_UNKNOWN;
    to = back;
    call_restart(&back);
    code_make(code, &back, is_alone, inner);
    point_at_code(&to, place);
    if (!hold_poke(held->tid, place->code, code, STUB_LEN))
        return refused(error);
    if (on_step != NULL)
        on_step(INJECT_STEP_WRITTEN);
    return ptrace(PTRACE_SETREGS, held->tid, NULL, &to) == 0 ? HOLD_DONE : refused(error);
}

enum hold_result hold_thread(const struct inject_plan *plan, const struct regard *regard,
                             const struct hold_place *place, pid_t tid, bool is_alone,
                             struct held *held, int *error)
{
    void (*const on_step)(unsigned) = plan->on_step;
    int status;
    *held = (struct held){.tid = tid};
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0)
        return refused(error);
    if (on_step != NULL)
        on_step(INJECT_STEP_SEIZED);
    if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) != 0)
        return refused(error);
    if (on_step != NULL)
        on_step(INJECT_STEP_INTERRUPTED);
    enum hold_result result = stop_wait(plan, held, &status);
    if (result != HOLD_DONE)
        return result;
    held->begin_ns = clocks_mono_ns();
    /* stopped by a signal on its way to the program: it gets it when it is let go */
    const long signal = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
    if (on_step != NULL)
        on_step(INJECT_STEP_STOPPED);
    result = stopped_turn(regard, place, is_alone, on_step, held, error);
    if (on_step != NULL)
        on_step(INJECT_STEP_POINTED);
    held->stopped_ns = clocks_mono_ns() - held->begin_ns;
    (void)ptrace(PTRACE_DETACH, tid, NULL, signal);
    return result;
}

/* ---- out again ---- */

static uint64_t last_number(const char *text)
{
    const char *const last = strrchr(text, ' ');
    return last != NULL ? strtoull(last, NULL, 16) : 0;
}

enum hold_sight hold_sight(pid_t pid, pid_t tid, uint64_t code)
{
    char text[512];
    errno = 0;
    if (procfs_read(text, sizeof text, "/proc/%d/task/%d/syscall", pid, tid) <= 0)
        return errno == ENOENT || errno == ESRCH ? SIGHT_OUT : SIGHT_RUNS;
    if (text[0] == 'r')
        return SIGHT_RUNS;
    return last_number(text) - code < STUB_LEN ? SIGHT_INSIDE : SIGHT_OUT;
}

bool hold_seems_out(pid_t pid, pid_t tid, uint64_t code)
{
    uint64_t first_ns = 0;
    for (int i = 0; i < OUT_LOOKS; i++, usleep(OUT_NAP_US)) {
        struct procfs_schedule schedule;
        if (hold_sight(pid, tid, code) == SIGHT_OUT)
            return true;
        errno = 0;
        if (!procfs_schedule_read(pid, tid, &schedule))
            return errno == ENOENT || errno == ESRCH;
        if (i == 0)
            first_ns = schedule.ran_ns;
        else if (schedule.ran_ns - first_ns > OUT_RAN_NS)
            return true;
    }
    return false;
}
