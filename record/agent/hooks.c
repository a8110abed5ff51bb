/* SPDX-License-Identifier: MIT */
#include "hooks.h"
#include "agent.h"
#include "peek.h"
#include "write_guard.h"
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* glibc's own entry; the name `sigaction` is ours now */
extern int __sigaction(int signo, const struct sigaction *action, struct sigaction *old);

static int signo_of(const struct hooks *hooks, unsigned hook)
{
    return hook == HOOK_SEGV ? SIGSEGV : hook == HOOK_BUS ? SIGBUS : hooks->signo;
}

static unsigned hook_of(const struct hooks *hooks, int signo)
{
    for (unsigned hook = 0; hook < HOOK_COUNT; hook++)
        if (signo_of(hooks, hook) == signo)
            return hook;
    return HOOK_COUNT;
}

static const struct sigaction *wanted_get(const struct hooks *hooks, unsigned hook)
{
    const unsigned at = atomic_load_explicit(&hooks->newest[hook], memory_order_acquire);
    return &hooks->wanted[hook][at % HOOK_HISTORY];
}

static void wanted_set(struct hooks *hooks, unsigned hook, const struct sigaction *action)
{
    const unsigned at = atomic_load_explicit(&hooks->newest[hook], memory_order_relaxed) + 1;
    hooks->wanted[hook][at % HOOK_HISTORY] = *action;
    atomic_store_explicit(&hooks->newest[hook], at, memory_order_release);
}

/* ---- handlers ---- */

/* As if the program had no handler: the default action, by the kernel. */
static void take_default(int signo, const siginfo_t *info)
{
    struct sigaction plain;
    memset(&plain, 0, sizeof(plain));
    plain.sa_handler = SIG_DFL;
    __sigaction(signo, &plain, NULL);
    if (info->si_code <= 0) /* sent by somebody: the instruction will not fault again by itself */
        syscall(SYS_tgkill, getpid(), (int)syscall(SYS_gettid), signo);
}

/* Pass a signal that is not ours on to whom the program wanted to have it. */
static void pass_on(struct hooks *hooks, unsigned hook, siginfo_t *info, void *context)
{
    const int signo = signo_of(hooks, hook);
    const struct sigaction action = *wanted_get(hooks, hook);
    if (action.sa_handler == SIG_IGN && info->si_code <= 0)
        return;
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
        take_default(signo, info);
        return;
    }
    if (action.sa_flags & (int)SA_RESETHAND) {
        struct sigaction plain = {.sa_handler = SIG_DFL};
        wanted_set(hooks, hook, &plain);
    }
    sigset_t mask = action.sa_mask, before;
    if (!(action.sa_flags & SA_NODEFER))
        sigaddset(&mask, signo);
    pthread_sigmask(SIG_BLOCK, &mask, &before);
    if (action.sa_flags & SA_SIGINFO)
        action.sa_sigaction(signo, info, context);
    else
        action.sa_handler(signo);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void on_fault(int signo, siginfo_t *info, void *opaque)
{
    ucontext_t *const context = opaque;
#if defined(__x86_64__)
    uintptr_t pc = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
    if (peek_recover(&pc)) {
        context->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
        return;
    }
#else
    uintptr_t pc = (uintptr_t)context->uc_mcontext.pc;
    if (peek_recover(&pc)) {
        context->uc_mcontext.pc = pc;
        return;
    }
#endif
    struct hooks *const hooks = &agent_get()->hooks;
    const int saved = errno;
    pass_on(hooks, hook_of(hooks, signo), info, opaque);
    errno = saved;
}

static void on_ask(int signo, siginfo_t *info, void *context)
{
    struct agent *const agent = agent_get();
    if (atomic_load_explicit(&agent->state, memory_order_acquire) == AGENT_RUNNING &&
        capture_answer(&agent->capture, info, context)) {
        write_guard_note();
        return;
    }
    if (agent_is_own_signal(agent, info)) {
        write_guard_note();
        return; /* asked before the sampler went away */
    }
    const int saved = errno;
    pass_on(&agent->hooks, hook_of(&agent->hooks, signo), info, context);
    errno = saved;
}

/* ---- installing ---- */

static bool hook_install(struct hooks *hooks, unsigned hook)
{
    struct sigaction ours, before;
    memset(&ours, 0, sizeof(ours));
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    if (hook == HOOK_ASK) {
        ours.sa_sigaction = on_ask;
        sigfillset(&ours.sa_mask); /* nothing interrupts a walk but a fault */
        sigdelset(&ours.sa_mask, SIGSEGV);
        sigdelset(&ours.sa_mask, SIGBUS);
        sigdelset(&ours.sa_mask, SIGILL);
        sigdelset(&ours.sa_mask, SIGFPE);
        sigdelset(&ours.sa_mask, SIGTRAP);
    } else {
        ours.sa_sigaction = on_fault;
        ours.sa_flags |= SA_NODEFER; /* the program's own mask is applied in pass_on */
    }
    if (__sigaction(signo_of(hooks, hook), NULL, &before) != 0)
        return false;
    wanted_set(hooks, hook, &before);
    return __sigaction(signo_of(hooks, hook), &ours, NULL) == 0;
}

bool hooks_install_faults(struct hooks *hooks)
{
    hooks->signo = SIGRTMAX - 3;
    return hook_install(hooks, HOOK_SEGV) && hook_install(hooks, HOOK_BUS);
}

bool hooks_install(struct hooks *hooks)
{
    if (!hook_install(hooks, HOOK_ASK))
        return false;
    atomic_store_explicit(&hooks->installed, true, memory_order_release);
    return true;
}

static bool is_ours(const struct hooks *hooks, unsigned hook)
{
    struct sigaction now;
    if (__sigaction(signo_of(hooks, hook), NULL, &now) != 0 || !(now.sa_flags & SA_SIGINFO))
        return false;
    return now.sa_sigaction == (hook == HOOK_ASK ? on_ask : on_fault);
}

void hooks_remove(struct hooks *hooks)
{
    atomic_store_explicit(&hooks->installed, false, memory_order_release);
    for (unsigned hook = 0; hook < HOOK_COUNT; hook++)
        if (is_ours(hooks, hook))
            __sigaction(signo_of(hooks, hook), wanted_get(hooks, hook), NULL);
}

bool hooks_in_force(const struct hooks *hooks)
{
    for (unsigned hook = 0; hook < HOOK_COUNT; hook++)
        if (!is_ours(hooks, hook))
            return false;
    return true;
}

/* ---- what the program calls ---- */

EXPORT int sigaction(int signo, const struct sigaction *action, struct sigaction *old)
{
    struct hooks *const hooks = &agent_get()->hooks;
    if (!atomic_load_explicit(&hooks->installed, memory_order_acquire))
        return __sigaction(signo, action, old);
    const unsigned hook = hook_of(hooks, signo);
    if (hook == HOOK_COUNT)
        return __sigaction(signo, action, old);
    struct sigaction before = *wanted_get(hooks, hook);
    if (action != NULL)
        wanted_set(hooks, hook, action);
    if (old != NULL)
        *old = before;
    return 0;
}

typedef void handler_fn(int);

static handler_fn *signal_with(int signo, handler_fn *handler, int flags)
{
    struct sigaction action, old;
    memset(&action, 0, sizeof(action));
    action.sa_handler = handler;
    action.sa_flags = flags;
    if (flags & SA_RESTART)
        sigaddset(&action.sa_mask, signo);
    if (handler == SIG_ERR || sigaction(signo, &action, &old) != 0) {
        errno = EINVAL;
        return SIG_ERR;
    }
    return old.sa_handler;
}

/* For a signal that is not one of ours, libc's own function: it knows of siginterrupt(). */
static handler_fn *signal_next(const char *name, int signo, handler_fn *handler, int flags)
{
    const struct hooks *const hooks = &agent_get()->hooks;
    handler_fn *(*next)(int, handler_fn *);
    if (atomic_load_explicit(&hooks->installed, memory_order_acquire) &&
        hook_of(hooks, signo) != HOOK_COUNT)
        return signal_with(signo, handler, flags);
    void *const found = dlsym(RTLD_NEXT, name);
    memcpy(&next, &found, sizeof(next));
    return next ? next(signo, handler) : signal_with(signo, handler, flags);
}

EXPORT handler_fn *signal(int signo, handler_fn *handler)
{
    return signal_next("signal", signo, handler, SA_RESTART);
}

EXPORT handler_fn *__sysv_signal(int signo, handler_fn *handler);
EXPORT handler_fn *__sysv_signal(int signo, handler_fn *handler)
{
    return signal_next("__sysv_signal", signo, handler, (int)SA_RESETHAND | SA_NODEFER);
}
