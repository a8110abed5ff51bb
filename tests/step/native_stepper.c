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
 * to be right.
 *
 * From 3.10 on C and Python frames are blended as well: wherever Python's stack is not torn, each
 * activation has to lie in a C frame, all frames of Python's have to be some activation's, and what
 * is told of C has to be the frames that were unwound without them. At each 16th instruction the
 * innermost frame is put out of sight: behind the gap all has to be as without it. Behind each
 * system call it is done once more with what the kernel tells of a blocked thread, which is pc and
 * sp only: what is told of C then has to be of those frames, in their order.
 *
 * 3.8 and 3.9 leave nothing on the C stack. There it is seen which frame object the eval loop is
 * called with, and each frame of Python's has to be the one of the activation that it is put to;
 * what does not add up has to be a gap, and seldom. Exit 0 when not
 * one stack was wrong and nearly all were whole, 1 when not, 77 when this interpreter or machine
 * cannot be stepped.
 */
#include "record/agent/base/peek.h"
#include "record/agent/native/counted.h"
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
#define PYTHON_MAX  512u
#define GAP_EVERY   16u

/* A return address, and where it lies. */
struct call {
    uint64_t at, back;
    uint64_t frame; /* 3.8, 3.9: the frame object that the eval loop was called with; 0 = another
                       function */
};

struct tally {
    uint64_t torn, blended, unblended, behind_gap, gap_only, uncounted;
    uint64_t blind, blind_whole;
    uint64_t steps, whole, early, wrong, calls, moved, depth_max;
    uint64_t stops[UNWIND_STOPS];
};

static struct remote remote;
static bool has_python;
static struct activation activation_list[PYTHON_MAX];
static struct blend_frame blended[FRAMES_MAX];
static struct blend_learnt learnt;
static struct cfi_range loop; /* of 3.8 and 3.9 */
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
    [UNWIND_UNCOUNTED] = "the eval loop's frames do not add up",
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

static struct unwind_regs regs_of(const struct user_regs_struct *u)
{
    static uint64_t all[CFI_REGISTERS];
    const uint64_t now[CFI_REGISTERS] = {u->rax, u->rdx, u->rcx, u->rbx, u->rsi, u->rdi,
                                         u->rbp, u->rsp, u->r8,  u->r9,  u->r10, u->r11,
                                         u->r12, u->r13, u->r14, u->r15};
    memcpy(all, now, sizeof(all));
    return (struct unwind_regs){
        .pc = u->rip, .sp = u->rsp, .bp = u->rbp, .has_bp = true, .is_exact = true, .all = all};
}

static enum unwind_stop walk(const struct user_regs_struct *u, uint32_t *n)
{
    struct unwind_regs regs = regs_of(u);
    return unwind_walk(&unwinder, &regs, frames, FRAMES_MAX, n);
}

/* The stack as it is when the stepping begins: taken as right, and proved by all that returns. */
static bool calls_begin(const struct user_regs_struct *u)
{
    uint32_t n;
    if (walk(u, &n) != UNWIND_END)
        return false;
    for (uint32_t i = n - 1; i > 0; i--)
        calls[n_calls++] = (struct call){frames[i - 1].cfa - 8, frames[i - 1].back, 0};
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
    calls[n_calls++] = (struct call){now->rsp, top, 0};
    tally->calls++;
    return true;
}

/* Is this the eval loop's first instruction? It may have been jumped to. */
static void loop_follow(const struct user_regs_struct *now)
{
    if (now->rip == loop.start && n_calls > 0) /* 3.9: the thread state comes first */
        calls[n_calls - 1].frame = remote.ver.minor == 8 ? now->rdi : now->rsi;
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

/* ---- with Python's ---- */

static struct stack_source source_of(void)
{
    return (struct stack_source){
        .ver = &remote.ver, .code_type = remote.code_type, .tstate = remote.tstate};
}

static bool is_counted(void)
{
    return !activations_are_marked(&remote.ver);
}

/* 3.8, 3.9: where the loop is, and which frames it runs in the system call that we begin behind. */
static bool loop_begin(void)
{
    const struct stack_source source = source_of();
    struct activations activations = {.list = activation_list, .max = PYTHON_MAX};
    struct segment segment;
    struct rule rule;
    uint32_t next = 0;
    if (!segments_find(&segments, remote.eval_loop, &segment))
        return false;
    const struct cfi_source cfi = {segment.hdr, segment.low, segment.high};
    if (!cfi_rule(&cfi, remote.eval_loop, &rule, &loop) || !activations_take(&source, &activations))
        return false;
    for (uint32_t i = 0; i < n_calls; i++)
        if (frames[i].pc >= loop.start && frames[i].pc < loop.end && next < activations.n)
            calls[n_calls - 1 - i].frame = activation_list[next++].mark;
    return next == activations.n;
}

static bool take(struct unwind_regs *regs, const struct activations *a, struct blend *blend)
{
    return is_counted() ? counted_take(&unwinder, &loop, regs, a, blend)
                        : blend_take(&unwinder, &learnt, regs, a, blend);
}

/* Is that C frame this activation? */
static bool is_at(uint32_t i, uintptr_t mark)
{
    return is_counted() ? i < n_calls && calls[n_calls - 1 - i].frame == mark
                        : mark >= frames[i].sp && mark < frames[i].cfa;
}

/* Are the C frames of a blend, from its `at`-th on, those of `frames` from the `i`-th on, but for
 * what holds an activation, from the `next`-th on? `inside`: Python frames of those before. */
static bool blend_is_right(const struct blend *blend, const struct activations *a, uint32_t at,
                           uint32_t i, uint32_t next, uint32_t inside, uint32_t n_python)
{
    for (; next < a->n; i++) {
        if (is_at(i, a->list[next].mark))
            inside += a->list[next++].n_frames;
        else if (at >= blend->n || blended[at].pc != frames[i].pc ||
                 blended[at++].n_inside != inside)
            return false;
    }
    return at == blend->n && inside == n_python;
}

/* The same with a gap in front: what is known again lies behind the first activation. */
static void gap_compare(const struct user_regs_struct *u, const struct activations *a,
                        uint32_t n_python, struct tally *tally)
{
    struct unwind_regs regs = regs_of(u);
    struct blend blend = {.frames = blended, .max = FRAMES_MAX};
    uint32_t i = 0;
    regs.pc = 16; /* where nothing is */
    const bool is_taken = blend_take(&unwinder, &learnt, &regs, a, &blend) && blend.n >= 2 &&
                          blended[1].pc == BLEND_GAP && blended[1].n_inside == 0;
    while (a->list[0].mark >= frames[i].cfa)
        i++;
    if (is_taken && blend.n == 2 && a->n > 1)
        tally->gap_only++;
    else if (is_taken && blend_is_right(&blend, a, 2, i + 1, 1, a->list[0].n_frames, n_python))
        tally->behind_gap++;
    else
        tally->unblended++;
}

/* As of a thread that is blocked in the system call it has just made. */
static void blind_compare(const struct user_regs_struct *u, const struct activations *a,
                          const struct blend *whole, struct tally *tally)
{
    static struct blend_frame list[FRAMES_MAX];
    struct unwind_regs regs = {.pc = u->rip, .sp = u->rsp, .is_exact = true};
    struct blend blend = {.frames = list, .max = FRAMES_MAX};
    uint32_t at = 0;
    bool is_right = take(&regs, a, &blend);
    if (!is_right && is_counted())
        return; /* then it is not known */
    for (uint32_t i = 0; is_right && i < blend.n; i++) {
        while (
            list[i].pc != BLEND_GAP && at < whole->n &&
            (whole->frames[at].pc != list[i].pc || whole->frames[at].n_inside != list[i].n_inside))
            at++;
        is_right = list[i].pc == BLEND_GAP || at++ < whole->n;
    }
    if (is_right) {
        tally->blind++;
        tally->blind_whole += blend.n_gaps == 0 && blend.n == whole->n;
    } else {
        printf("not as it should be behind the call at %lx\n", (unsigned long)u->rip);
        tally->unblended++;
    }
}

static bool is_behind_call(const struct user_regs_struct *u)
{
    uint32_t bad = 0;
    return peek_u8(u->rip - 2, &bad) == 0x0f && peek_u8(u->rip - 1, &bad) == 0x05 && !bad;
}

/* 3.8, 3.9: what is told without a count is of the first activation's C frames, and a gap. */
static bool gap_is_right(const struct blend *blend, const struct activations *a)
{
    for (uint32_t i = 0; i + 1 < blend->n; i++)
        if (blended[i].pc != frames[i].pc || blended[i].n_inside != 0 || is_at(i, a->list[0].mark))
            return false;
    return blend->n > 0 && blended[blend->n - 1].pc == BLEND_GAP;
}

static uint32_t frames_held(const struct activations *activations)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < activations->n; i++)
        n += activations->list[i].n_frames;
    return n;
}

static void blend_compare(const struct user_regs_struct *u, struct tally *tally)
{
    static uint64_t python[PYTHON_MAX];
    struct stack stack = {.frames = python, .max = PYTHON_MAX};
    struct activations activations = {.list = activation_list, .max = PYTHON_MAX};
    struct blend blend = {.frames = blended, .max = FRAMES_MAX};
    struct unwind_regs regs = regs_of(u);
    const struct stack_source source = source_of();
    if (!has_python)
        return;
    if (stack_take(&source, &stack) != WIRE_FAIL_NONE || !activations_take(&source, &activations) ||
        (remote.ver.minor == 10 && frames_held(&activations) != stack.depth)) {
        tally->torn++; /* 3.10 links an activation shortly before or after its frame */
        return;
    }
    const bool is_taken = take(&regs, &activations, &blend);
    if (is_counted() && (!is_taken || (blend.n_gaps > 0 && gap_is_right(&blend, &activations)))) {
        tally->uncounted++;
        return;
    }
    if (is_taken && blend_is_right(&blend, &activations, 0, 0, 0, 0, stack.depth)) {
        tally->blended++;
    } else {
        if (tally->unblended++ < WRONG_SHOWN)
            printf("not to be blended at %lx: %u Python frames, %u activations, %u C frames\n",
                   (unsigned long)u->rip, stack.depth, activations.n, blend.n);
        return;
    }
    if (is_behind_call(u))
        blind_compare(u, &activations, &blend, tally);
    if (tally->steps % GAP_EVERY == 0 && activations.n > 0 && !is_counted())
        gap_compare(u, &activations, stack.depth, tally);
}

/* As of a thread that runs no Python: all of its frames, and nothing else. */
static bool alone_is_right(const struct user_regs_struct *u, uint32_t n)
{
    struct unwind_regs regs = regs_of(u);
    struct blend blend = {.frames = blended, .max = FRAMES_MAX};
    blend_alone(&unwinder, &regs, &blend);
    bool is_right = blend.n == n && blend.n_gaps == 0;
    for (uint32_t i = 0; is_right && i < n; i++)
        is_right = blended[i].pc == frames[i].pc && blended[i].n_inside == 0;
    return is_right;
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
        blend_compare(u, tally);
        if (tally->steps % GAP_EVERY == 0 && !alone_is_right(u, n))
            tally->wrong++;
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
    if (!calls_begin(&before) || (has_python && is_counted() && !loop_begin()))
        return SKIP;
    for (; tally->steps < steps; tally->steps++) {
        int status;
        if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) != 0 || waitpid(pid, &status, 0) != pid)
            return SKIP;
        if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
            break;
        ptrace(PTRACE_GETREGS, pid, 0, &now);
        remote_refresh();
        if (!calls_follow(&before, &now, tally))
            return SKIP;
        loop_follow(&now);
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
    printf("  blended with Python's: %lu right, %lu not, %lu torn, %lu not counted; behind a gap: "
           "%lu right, %lu Python alone\n",
           (unsigned long)tally->blended, (unsigned long)tally->unblended,
           (unsigned long)tally->torn, (unsigned long)tally->uncounted,
           (unsigned long)tally->behind_gap, (unsigned long)tally->gap_only);
    printf("  behind system calls by pc and sp: %lu right, %lu of them whole\n",
           (unsigned long)tally->blind, (unsigned long)tally->blind_whole);
    for (int i = 0; i < UNWIND_STOPS; i++)
        if (tally->stops[i])
            printf("  %-40s %lu\n", reasons[i], (unsigned long)tally->stops[i]);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: native_stepper STEPS PYTHON SCRIPT [ARGS...]\n");
        return 2;
    }
    const pid_t pid = remote_start(argv + 2);
    if (pid < 0) {
        printf("skipped: %s did not stop itself\n", argv[2]);
        return SKIP;
    }
    struct tally tally = {0};
    int result = SKIP;
    char why[200];
    remote_look_at(pid);
    has_python = remote_open(&remote, pid, why, sizeof(why));
    if (segments_init(&segments, NULL) && unwind_init(&unwinder, &segments) && maps_read(pid)) {
        result = step_all(pid, strtoull(argv[1], NULL, 10), &tally);
        printf("%s: ", argv[2]);
        report(&tally);
        const bool is_blended = tally.unblended == 0 && tally.blended > tally.torn &&
                                tally.blended > 100 * tally.uncounted &&
                                (is_counted() || tally.behind_gap > 10 * tally.gap_only);
        if (result == 0 && has_python && !is_blended)
            result = 1;
        if (result == 0 && (tally.wrong > 0 || tally.calls < 200 ||
                            tally.early * 1000000 > tally.steps * SHORT_MOST))
            result = 1; /* a program that calls nothing would prove nothing */
    }
    kill(pid, SIGKILL);
    return result;
}
