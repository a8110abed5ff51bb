/* SPDX-License-Identifier: MIT */
/*
 * usage: inject_probe PID LIBRARY ENTRY SETTINGS [STEP [MS [TIMES]] | hurry MS STEP [SIGNAL] | linger] -
 * attach once, say how it went.
 *
 * Without arguments: how many steps there are. STEP: be killed at that step of attaching, as the
 * kernel kills, without a last word. MS: not that, but sleep there so long, at the first TIMES.
 * hurry: a second of waiting is MS, and the other process is stopped at that step, or sent another
 * signal; 0 = never.
 * linger: be killed when a thread has been pointed at our code, where it then stays for two
 * seconds; which one and where are said before. There must be a mailbox of an earlier time.
 */
#include "record/base/clocks.h"
#include "record/inject/hold.h"
#include "record/inject/inject.h"
#include "record/inject/mailbox.h"
#include "record/kernel/procfs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <unistd.h>

static unsigned last_step, nap_ms, naps = 1;

static void die_at(unsigned step)
{
    if (step == last_step)
        kill(getpid(), SIGKILL);
}

static void nap_at(unsigned step)
{
    if (step == last_step && naps > 0) {
        naps--;
        usleep(nap_ms * 1000);
    }
}

static pid_t other;
static int signal_sent = SIGSTOP;

static void signal_at(unsigned step)
{
    if (step == last_step)
        kill(other, signal_sent);
}

/*
 * As if our thread were slow to begin, which the only thread of a process waits for in the code. It
 * finds the mailbox two bytes further on, where no word can be waited for: so it runs all the
 * while, and where does not show. Ours is told there to leave.
 */
static void thread_keep(void *closure, pid_t tid)
{
    const uint32_t looks = 1, claim = CLAIM_RAW, go = GO_LEAVE, parked = 1;
    const uint64_t table = (uint64_t)(stub_table - stub_begin);
    struct user_regs_struct is;
    uint8_t code[STUB_MAX];
    (void)closure;
    if (ptrace(PTRACE_GETREGS, tid, NULL, &is) != 0) /* it is not the one that is held */
        return;
    const struct remote remote = {.pid = other, .tid = tid};
    const uint64_t begin = is.rip - (uint64_t)(stub_again - stub_begin), mailbox = is.rbx;
    if (!remote_read(&remote, begin, code, STUB_LEN) || memcmp(code, stub_begin, table) != 0)
        return;
    is.rbx += 2;
    if (hold_poke(tid, begin + table + TABLE_SOLO, &looks, 4) &&
        hold_poke(tid, is.rbx + MB_CLAIM, &claim, 4) && hold_poke(tid, is.rbx + MB_GO, &go, 4) &&
        hold_poke(tid, mailbox + MB_PARKED, &parked, 4) &&
        ptrace(PTRACE_SETREGS, tid, NULL, &is) == 0) {
        printf("%d %lx\n", (int)tid, begin);
        fflush(stdout);
        kill(getpid(), SIGKILL);
    }
}

static void linger_at(unsigned step)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/task", (int)other);
    if (step == INJECT_STEP_POINTED)
        (void)procfs_each_number(path, thread_keep, NULL);
}

static void slow_say(pid_t pid)
{
    printf("%d gets no CPU\n", (int)pid == other);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct inject_result result;
    struct problem why;
    if (argc < 5) {
        printf("%d\n", INJECT_STEPS - 1);
        return 2;
    }
    const char *const library = argv[2], *const entry = argv[3], *const settings = argv[4];
    clocks_find();
    other = atoi(argv[1]);
    const bool hurries = argc > 7 && strcmp(argv[5], "hurry") == 0;
    const unsigned second_ms = hurries ? (unsigned)atoi(argv[6]) : 0;
    if (hurries) {
        argv += 2;
        argc -= 2;
    }
    if (hurries && argc > 6)
        signal_sent = atoi(argv[6]);
    const bool lingers = argc > 5 && strcmp(argv[5], "linger") == 0;
    last_step = argc > 5 ? (unsigned)atoi(argv[5]) : 0;
    nap_ms = argc > 6 ? (unsigned)atoi(argv[6]) : 0;
    naps = argc > 7 ? (unsigned)atoi(argv[7]) : 1;
    const struct inject_plan plan = {.pid = other,
                                     .library = library,
                                     .entry = entry,
                                     .settings = settings,
                                     .on_slow = hurries ? slow_say : NULL,
                                     .second_ns = second_ms * 1000000u,
                                     .on_step = hurries          ? signal_at
                                                : lingers        ? linger_at
                                                : nap_ms != 0    ? nap_at
                                                : last_step != 0 ? die_at
                                                                 : NULL};
    const enum inject_outcome outcome = inject(&plan, &result, &why);
    if (outcome == INJECT_DONE)
        printf("done%s\n", result.by_memory ? " by memory" : "");
    else
        printf("%s\n", why.detail);
    return (int)outcome;
}
