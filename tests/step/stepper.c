/* SPDX-License-Identifier: MIT */
/*
 * stepper - walk a Python program's stack, with the project's own walker, at every instruction.
 *
 *     stepper PYTHON work.py [ROUNDS]
 *
 * The program stops itself before and after its rounds; in between each machine instruction is
 * single-stepped (ptrace) and stack_take() reads the frames out of the stopped process through a
 * peek() of its own. Each reading must be torn (say a reason) or right: what one push, one pop or
 * one move of an instruction makes of the reading before. Exit 0 when not one was wrong, 1 when one
 * was or the program did not come to its end, 77 when this interpreter or machine cannot be
 * stepped.
 */
#include "record/agent/cpython/stack.h"
#include "remote.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAMES_MAX 256u
#define SKIP       77
#define WRONG_MOST 50 /* printed; after that there is no need to go on */

struct tally {
    uint64_t steps, same, moves, pushes, pops, wrong;
    uint64_t torn[WIRE_FAIL_COUNT];
    uint64_t torn_run, torn_run_max;
};

static const char *const reasons[] = {
#define REASON(name, text) text,
    WIRE_FAILURE_LIST(REASON)
#undef REASON
};

/* Frames on the root side that are the same in both. */
static uint32_t common_root(const struct stack *a, const struct stack *b)
{
    uint32_t n = 0;
    while (n < a->depth && n < b->depth &&
           a->frames[a->depth - 1 - n] == b->frames[b->depth - 1 - n])
        n++;
    return n;
}

/* Is frame `i` from the root the same code in both, wherever its instruction? */
static bool same_code(const struct stack *a, const struct stack *b, uint32_t i)
{
    return i < a->depth && i < b->depth &&
           stack_frame_code(a->frames[a->depth - 1 - i]) ==
               stack_frame_code(b->frames[b->depth - 1 - i]);
}

/*
 * What changed, as seen from the root: a common part, possibly one frame whose instruction moved,
 * and at most one frame more or less on top of that.
 */
static bool explain(const struct stack *before, const struct stack *now, struct tally *tally)
{
    uint32_t base = common_root(before, now);
    if (base == before->depth && base == now->depth) {
        tally->same++;
        return true;
    }
    if (same_code(before, now, base))
        base++;
    const uint32_t popped = before->depth - base, pushed = now->depth - base;
    if (popped + pushed > 1)
        return false;
    tally->moves += popped + pushed == 0;
    tally->pops += popped;
    tally->pushes += pushed;
    return true;
}

static void stack_print(const char *label, const struct stack *stack)
{
    printf("  %s (%u):", label, stack->depth);
    for (uint32_t i = 0; i < stack->depth; i++)
        printf(" %lx:%d", (unsigned long)stack_frame_code(stack->frames[i]),
               stack_frame_instr(stack->frames[i]));
    printf("\n");
}

static void torn_count(struct tally *tally, enum wire_failure failure)
{
    tally->torn[failure]++;
    if (++tally->torn_run > tally->torn_run_max)
        tally->torn_run_max = tally->torn_run;
}

static int step_all(pid_t pid, const struct stack_source *source, struct tally *tally)
{
    static uint64_t frames[2][FRAMES_MAX];
    struct stack before = {.frames = frames[0], .max = FRAMES_MAX};
    struct stack now = {.frames = frames[1], .max = FRAMES_MAX};
    bool have = false;
    for (; tally->wrong < WRONG_MOST; tally->steps++) {
        int status;
        if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) != 0 || waitpid(pid, &status, 0) != pid)
            return SKIP;
        if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
            return WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP ? 0 : 1;
        remote_refresh();
        const enum wire_failure failure = stack_take(source, &now);
        if (failure != WIRE_FAIL_NONE) {
            torn_count(tally, failure);
            continue;
        }
        tally->torn_run = 0;
        if (have && !explain(&before, &now, tally)) {
            tally->wrong++;
            printf("wrong at step %lu\n", (unsigned long)tally->steps);
            stack_print("before", &before);
            stack_print("now", &now);
        }
        const struct stack swap = before;
        before = now;
        now = swap;
        have = true;
    }
    return 1;
}

static void report(const struct tally *tally)
{
    uint64_t torn = 0;
    for (int i = 0; i < WIRE_FAIL_COUNT; i++)
        torn += tally->torn[i];
    printf("%lu instructions: %lu moves, %lu pushes, %lu pops, %lu torn (%.3f %%, at most %lu in a "
           "row), %lu wrong\n",
           (unsigned long)tally->steps, (unsigned long)tally->moves, (unsigned long)tally->pushes,
           (unsigned long)tally->pops, (unsigned long)torn,
           100.0 * (double)torn / (double)(tally->steps ? tally->steps : 1),
           (unsigned long)tally->torn_run_max, (unsigned long)tally->wrong);
    for (int i = 0; i < WIRE_FAIL_COUNT; i++)
        if (tally->torn[i])
            printf("  torn: %-45s %lu\n", reasons[i], (unsigned long)tally->torn[i]);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: stepper PYTHON SCRIPT [ARGS...]\n");
        return 2;
    }
    const pid_t pid = remote_start(argv + 1);
    if (pid < 0) {
        printf("skipped: %s did not stop itself\n", argv[1]);
        return SKIP;
    }
    struct remote remote;
    char why[200];
    struct tally tally = {0};
    int result = SKIP;
    if (remote_open(&remote, pid, why, sizeof(why))) {
        const struct stack_source source = {
            .ver = &remote.ver, .code_type = remote.code_type, .tstate = remote.tstate};
        result = step_all(pid, &source, &tally);
        printf("%s (3.%u): ", argv[1], remote.ver.minor);
        report(&tally);
        if (result == 0 && (tally.wrong > 0 || tally.pushes < 200))
            result = 1; /* a program that calls nothing would prove nothing */
    } else {
        printf("skipped: %s: %s\n", argv[1], why);
    }
    kill(pid, SIGKILL);
    return result;
}
