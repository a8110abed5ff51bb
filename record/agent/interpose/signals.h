/* SPDX-License-Identifier: MIT */
/*
 * signals - dispositions of signals that the agent needs, too.
 *
 * On the line:  beside it: sigaction, signal and their like, interposed.
 * Threads:      any thread of the program, also in signal handlers and in children of vfork; but
 *               signals_share_faults and signals_take in the constructor, and signals_in_force on
 *               the sampler's.
 * Memory:       static.
 * Loss:         none of the program's. When it claims the number that threads are asked with,
 *               another one is taken; when there is none, nobody can be asked.
 *
 * SIGSEGV and SIGBUS: our handler must stay first, or a load of ours that faults would end in the
 * program's. So sigaction() and signal() keep what the program asks for beside ours, tell it back
 * as if it were in force, and what is not ours is passed on as the kernel would have done it.
 *
 * The number that threads are asked with is a real-time signal for which nobody has set anything.
 * As soon as the program sets a handler for it, or ignores it, it is the program's, with its flags
 * and its mask, as if we had never had it, and we take another one. What was sent with it before
 * may still come: our function looks at it first.
 *
 * A process that shares our memory but is not us (a child of vfork) has dispositions of its own:
 * what it sets goes to the kernel, and nothing that is remembered here changes.
 */
#ifndef PYREC_AGENT_INTERPOSE_SIGNALS_H
#define PYREC_AGENT_INTERPOSE_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * In a signal handler: was this one ours? Then it is done with. The only place that knows: whatever
 * it does not want is the program's.
 */
typedef bool signals_ours(int signo, siginfo_t *info, void *context);

/* Be the first to see SIGSEGV and SIGBUS in this process. */
bool signals_share_faults(signals_ours *ours);

/* Take a number to ask threads with. False: every one is in use. */
bool signals_take(signals_ours *ours);

/* The number to ask with now; 0 = there is none. */
int signals_number(void);

/* Somebody else needs this number: take another one, if there is any. */
void signals_yield(int number);

/* Ask nobody any more. What was sent is still ours. */
void signals_stop(void);

/* Numbers that the calling thread has blocked as far as the program knows, but not in fact; see
 * sigmask.h. One of the program's that comes all the same is blocked then, and sent again. */
#define SIGNALS_BIT(number) (UINT64_C(1) << ((number)-1))
uint64_t *signals_hidden(void);

/* In a forked child: it is us now. */
void signals_adopt(void);

/* Is the calling process us, and not one that only shares our memory? */
bool signals_are_us(void);

/* For threads that may make no system call but their own: ask nobody, and do not find that out. */
void signals_restrict(void);

/*
 * The calling process is about to exec: what the program ignores is ignored by the kernel, too, for
 * that is inherited. Undone when it has failed.
 */
void signals_reveal(void);
void signals_hide(void);

/* Give all back, where it is still ours. */
void signals_give_back(void);

/* Are our handlers still in force? Somebody may have gone past libc. A number that was taken from
 * us is replaced. */
bool signals_in_force(void);

#endif
