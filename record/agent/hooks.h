/* SPDX-License-Identifier: MIT */
/*
 * hooks - what the agent puts between the program and libc: signal dispositions and exec.
 *
 * On the line:  beside it; makes the others safe.
 * Threads:      any thread of the program may call what is interposed here; the handlers run on
 *               any thread.
 * Memory:       static, in struct agent.
 *
 * SIGSEGV and SIGBUS: our handler must stay first, or a load that faults (peek.h) would end in
 * the program's. The signal we ask threads with: the program may use that number, too. So for
 * these three, sigaction() and signal() keep what the program asks for beside ours, tell it back
 * as if it were in force, and what is not ours is passed on as the kernel would have done it.
 *
 * exec: a signal that is pending for a thread survives exec and would kill the new program. Around
 * an exec the sampler sends none, and what has been sent has arrived.
 */
#ifndef PYREC_AGENT_HOOKS_H
#define PYREC_AGENT_HOOKS_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { HOOK_SEGV, HOOK_BUS, HOOK_ASK, HOOK_COUNT };
#define HOOK_HISTORY 16u

struct hooks {
    int signo; /* the signal we ask with */
    _Atomic bool installed;
    /* what the program wants done, newest at `newest`; old ones may still be read by a handler */
    struct sigaction wanted[HOOK_COUNT][HOOK_HISTORY];
    _Atomic unsigned newest[HOOK_COUNT];
};

/* Take the three signals over. */
bool hooks_install(struct hooks *hooks);

/* Only SIGSEGV and SIGBUS, for the time in which the interpreter is examined. */
bool hooks_install_faults(struct hooks *hooks);

/* Put back what the program wants, where it is still ours. */
void hooks_remove(struct hooks *hooks);

/* Are our handlers still in force? Somebody may have gone past libc. */
bool hooks_in_force(const struct hooks *hooks);

#endif
