/* SPDX-License-Identifier: MIT */
/*
 * native_stepper - unwind a Python program's C stack, by record/agent/native, at every instruction.
 *
 *     native_stepper STEPS PYTHON work.py
 *
 * As stepper.c, with another truth: from the calls and returns that are executed a list is kept of
 * where return addresses lie (a call moves sp down by a word, which then holds the address behind
 * the call; all below sp is gone). At every instruction the frames that unwind_walk() finds are to
 * return by way of just these. It may stop early where it says why; what it gives up to there has
 * to be right. Exit 0 when not one stack was wrong and nearly all were whole, 1 when not, 77 when
 * this interpreter or machine cannot be stepped.
 */
#include "record/agent/base/peek.h"
#include "record/agent/native/unwind.h"
#include "remote.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAMES_MAX  1024u
#define SKIP        77
#define CALL_MOST   8u /* bytes of a call instruction, with room */
#define WRONG_SHOWN 5u
#define SHORT_MOST  1000u /* of a million, that may stop early */

/* A return address, and where it lies. */
struct call {
    uint64_t at, back;
};

struct tally {
    uint64_t steps, whole, early, wrong, calls, moved, depth_max;
    uint64_t stops[UNWIND_STOPS];
};

static struct segments segments;
static struct unwinder unwinder;
static struct unwind_frame frames[FRAMES_MAX];
static struct call calls[FRAMES_MAX];
static uint32_t n_calls;

static const char *const reasons[UNWIND_STOPS] = {
    [UNWIND_ON] = "more frames than there is room for",
    [UNWIND_END] = "the outermost frame",
    [UNWIND_UNKNOWN_CODE] = "code without a file",
    [UNWIND_NO_RULE] = "no rule",
    [UNWIND_NOT_UNDERSTOOD] = "a rule of another kind",
    [UNWIND_BOUNDS] = "memory that is not there",
    [UNWIND_NO_BP] = "bp is not known",
};

static bool maps_read(pid_t pid)
{
    char path[64];
    bool changed;
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    const int maps = open(path, O_RDONLY | O_CLOEXEC);
    const bool is_read = maps >= 0 && segments_read(&segments, maps, &changed);
    close(maps);
    return is_read;
}

static enum unwind_stop walk(const struct user_regs_struct *u, uint32_t *n)
{
    const uint64_t all[CFI_REGISTERS] = {u->rax, u->rdx, u->rcx, u->rbx, u->rsi, u->rdi,
                                         u->rbp, u->rsp, u->r8,  u->r9,  u->r10, u->r11,
                                         u->r12, u->r13, u->r14, u->r15};
    struct unwind_regs regs = {
        .pc = u->rip, .sp = u->rsp, .bp = u->rbp, .has_bp = true, .is_exact = true, .all = all};
    return unwind_walk(&unwinder, &regs, frames, FRAMES_MAX, n);
}

/* The stack as it is when the stepping begins: taken as right, and proved by all that returns. */
static bool calls_begin(const struct user_regs_struct *u)
{
    uint32_t n;
    if (walk(u, &n) != UNWIND_END)
        return false;
    for (uint32_t i = n - 1; i > 0; i--)
        calls[n_calls++] = (struct call){frames[i - 1].cfa - 8, frames[i - 1].back};
    return true;
}

/* What one instruction has done. */
static bool calls_follow(const struct user_regs_struct *before, const struct user_regs_struct *now,
                         struct tally *tally)
{
    uint32_t bad = 0;
    const uint64_t top = peek(now->rsp, &bad);
    while (n_calls > 0 && calls[n_calls - 1].at < now->rsp)
        n_calls--;
    if (now->rsp != before->rsp - 8 || top <= before->rip || top > before->rip + CALL_MOST ||
        now->rip == top)
        return true;
    if (n_calls == FRAMES_MAX)
        return false;
    calls[n_calls++] = (struct call){now->rsp, top};
    tally->calls++;
    return true;
}

/* libffi's ffi_call_unix64 moves its own return address up the stack: the same one, further out. */
static void call_move(uint32_t i, struct tally *tally)
{
    struct call *const call = &calls[n_calls - 1 - i];
    const uint64_t at = frames[i].cfa - 8;
    if (at <= call->at || frames[i].back != call->back || (i + 1 < n_calls && at >= call[-1].at))
        return;
    call->at = at;
    tally->moved++;
}

/* How many frames return as they should, the innermost first. */
static uint32_t frames_right(uint32_t n, struct tally *tally)
{
    uint32_t i = 0;
    for (; i < n_calls && i + 1 < n; i++) {
        const struct call *const call = &calls[n_calls - 1 - i];
        if (frames[i].cfa - 8 != call->at)
            call_move(i, tally);
        if (frames[i].cfa - 8 != call->at || frames[i].back != call->back)
            break;
    }
    return i;
}

static void wrong_print(const struct user_regs_struct *u, uint32_t n, uint32_t right)
{
    printf("wrong at %lx: %u frames, %u calls, %u right\n", (unsigned long)u->rip, n, n_calls,
           right);
    for (uint32_t i = right; i < n && i < right + 3 && i < n_calls; i++)
        printf("  frame %u at %lx returns to %lx by %lx; the call: to %lx by %lx\n", i,
               (unsigned long)frames[i].pc, (unsigned long)frames[i].back,
               (unsigned long)frames[i].cfa - 8, (unsigned long)calls[n_calls - 1 - i].back,
               (unsigned long)calls[n_calls - 1 - i].at);
}

static void stack_compare(pid_t pid, const struct user_regs_struct *u, struct tally *tally)
{
    uint32_t n;
    enum unwind_stop stop = walk(u, &n);
    if (stop == UNWIND_UNKNOWN_CODE && maps_read(pid)) /* a library may have come */
        stop = walk(u, &n);
    const uint32_t right = frames_right(n, tally);
    tally->stops[stop]++;
    tally->depth_max = n > tally->depth_max ? n : tally->depth_max;
    if (right == n_calls && n == n_calls + 1 && stop == UNWIND_END) {
        tally->whole++;
    } else if (right + 1 == n && stop != UNWIND_END) {
        tally->early++;
    } else if (tally->wrong++ < WRONG_SHOWN) {
        wrong_print(u, n, right);
    }
}

static int step_all(pid_t pid, uint64_t steps, struct tally *tally)
{
    struct user_regs_struct before, now;
    ptrace(PTRACE_GETREGS, pid, 0, &before);
    if (!calls_begin(&before))
        return SKIP;
    for (; tally->steps < steps; tally->steps++) {
        int status;
        if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) != 0 || waitpid(pid, &status, 0) != pid)
            return SKIP;
        if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
            break;
        ptrace(PTRACE_GETREGS, pid, 0, &now);
        remote_forget();
        if (!calls_follow(&before, &now, tally))
            return SKIP;
        stack_compare(pid, &now, tally);
        before = now;
    }
    return 0;
}

static void report(const struct tally *tally)
{
    printf("%lu instructions, %lu calls, stacks of up to %lu frames: %lu whole, %lu stopped early, "
           "%lu wrong; %lu return addresses moved\n",
           (unsigned long)tally->steps, (unsigned long)tally->calls,
           (unsigned long)tally->depth_max, (unsigned long)tally->whole,
           (unsigned long)tally->early, (unsigned long)tally->wrong, (unsigned long)tally->moved);
    for (int i = 0; i < UNWIND_STOPS; i++)
        if (tally->stops[i])
            printf("  %-40s %lu\n", reasons[i], (unsigned long)tally->stops[i]);
}

static pid_t program_start(char **command)
{
    const pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
        execv(command[0], command);
        _exit(127);
    }
    return pid;
}

/* Let it run until it stops itself. */
static bool run_to_stop(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
        if (WSTOPSIG(status) == SIGSTOP)
            return true;
        ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
    }
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: native_stepper STEPS PYTHON SCRIPT [ARGS...]\n");
        return 2;
    }
    const pid_t pid = program_start(argv + 2);
    if (pid < 0 || !run_to_stop(pid)) {
        printf("skipped: %s did not stop itself\n", argv[2]);
        return SKIP;
    }
    struct tally tally = {0};
    int result = SKIP;
    remote_look_at(pid);
    if (segments_init(&segments) && unwind_init(&unwinder, &segments) && maps_read(pid)) {
        result = step_all(pid, strtoull(argv[1], NULL, 10), &tally);
        printf("%s: ", argv[2]);
        report(&tally);
        if (result == 0 && (tally.wrong > 0 || tally.calls < 200 ||
                            tally.early * 1000000 > tally.steps * SHORT_MOST))
            result = 1; /* a program that calls nothing would prove nothing */
    }
    kill(pid, SIGKILL);
    return result;
}
