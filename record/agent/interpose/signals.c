/* SPDX-License-Identifier: MIT */
#include "signals.h"
#include "interpose.h"
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define HOLDS_MAX    10u /* two faults, and the numbers we ever asked with */
#define HOLDS_FAULTS 2u
#define HISTORY      8u
#define FIRST_CHOICE (SIGRTMAX - 3)

typedef int action_fn(int signo, const struct sigaction *action, struct sigaction *old);
typedef void handler_fn(int);
typedef handler_fn *signal_fn(int signo, handler_fn *handler);

/* A signal in which we have a part, and what the program wants done with it: the newest of
 * `wanted`; older ones may still be read by a handler. */
struct hold {
    int signo;
    _Atomic bool is_over; /* given back: it is the kernel's business */
    signals_ours *ours;
    struct sigaction wanted[HISTORY];
    _Atomic unsigned newest;
};

static struct signals {
    _Atomic int32_t pid; /* us */
    _Atomic unsigned n;  /* holds; the faults first */
    _Atomic int number;  /* that of the newest hold, while we ask with it */
    _Atomic bool is_restricted;
    struct hold holds[HOLDS_MAX];
} signals;

static _Thread_local uint64_t hidden __attribute__((tls_model("initial-exec")));

static struct signals_next {
    action_fn *sigaction;
    signal_fn *signal, *sysv, *sigset;
    int (*sigignore)(int);
    int (*sighold)(int);
    int (*siginterrupt)(int, int);
} next; /* set once, before main() */

INTERPOSE_CONSTRUCTOR static void next_find(void)
{
    INTERPOSE_FIND(next.sigaction, "sigaction");
    INTERPOSE_FIND(next.signal, "signal");
    INTERPOSE_FIND(next.sysv, "__sysv_signal");
    INTERPOSE_FIND(next.sigset, "sigset");
    INTERPOSE_FIND(next.sigignore, "sigignore");
    INTERPOSE_FIND(next.sighold, "sighold");
    INTERPOSE_FIND(next.siginterrupt, "siginterrupt");
}

static int action_next(int signo, const struct sigaction *action, struct sigaction *old)
{
    if (INTERPOSE_NEXT(next.sigaction) != NULL)
        return next.sigaction(signo, action, old);
    errno = ENOSYS;
    return -1;
}

/* One that we have, or had: our handler may still run. */
static struct hold *hold_ever(int signo)
{
    const unsigned n = atomic_load_explicit(&signals.n, memory_order_acquire);
    for (unsigned i = 0; i < n; i++)
        if (signals.holds[i].signo == signo)
            return &signals.holds[i];
    return NULL;
}

static struct hold *hold_of(int signo)
{
    struct hold *const hold = hold_ever(signo);
    return hold != NULL && !atomic_load(&hold->is_over) ? hold : NULL;
}

static bool is_fault(const struct hold *hold)
{
    return hold < &signals.holds[HOLDS_FAULTS];
}

static const struct sigaction *wanted_get(const struct hold *hold)
{
    const unsigned at = atomic_load_explicit(&hold->newest, memory_order_acquire);
    return &hold->wanted[at % HISTORY];
}

static void wanted_set(struct hold *hold, const struct sigaction *action)
{
    const unsigned at = atomic_load_explicit(&hold->newest, memory_order_relaxed) + 1;
    hold->wanted[at % HISTORY] = *action;
    atomic_store_explicit(&hold->newest, at, memory_order_release);
}

static bool is_default(const struct sigaction *action)
{
    return action->sa_handler == SIG_DFL;
}

static bool is_handler(const struct sigaction *action)
{
    return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

/* ---- handlers ---- */

/* As if the program had no handler: the default action, by the kernel. */
static void take_default(int signo, const siginfo_t *info)
{
    struct sigaction plain;
    memset(&plain, 0, sizeof(plain));
    plain.sa_handler = SIG_DFL;
    action_next(signo, &plain, NULL);
    if (info->si_code <= 0) /* sent by somebody: the instruction will not fault again by itself */
        syscall(SYS_tgkill, getpid(), (int)syscall(SYS_gettid), signo);
}

static void call(const struct sigaction *action, int signo, siginfo_t *info, void *context)
{
    if (action->sa_flags & SA_SIGINFO)
        action->sa_sigaction(signo, info, context);
    else
        action->sa_handler(signo);
}

static void handler_is_used(struct hold *hold, const struct sigaction *action)
{
    const struct sigaction plain = {.sa_handler = SIG_DFL};
    if (action->sa_flags & (int)SA_RESETHAND)
        wanted_set(hold, &plain);
}

/* A fault that is not ours goes to whom the program wanted to have it. */
static void on_fault(int signo, siginfo_t *info, void *context)
{
    struct hold *const hold = hold_ever(signo); /* never NULL here */
    if (hold == NULL || hold->ours(signo, info, context))
        return;
    const struct sigaction action = *wanted_get(hold);
    const int saved = errno;
    if (action.sa_handler == SIG_IGN && info->si_code <= 0)
        return;
    if (!is_handler(&action)) {
        take_default(signo, info);
    } else {
        handler_is_used(hold, &action);
        sigset_t mask = action.sa_mask;
        uint64_t before;
        if (!(action.sa_flags & SA_NODEFER))
            sigaddset(&mask, signo);
        syscall(SYS_rt_sigprocmask, SIG_BLOCK, &mask, &before, sizeof(before));
        call(&action, signo, info, context);
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
    }
    errno = saved;
}

/*
 * One of the program's, on a thread that has it blocked as the program sees it. From the handler's
 * end on it is blocked in fact, and there it is again: it waits, or finds another thread.
 */
static void put_off(struct hold *hold, siginfo_t *info, ucontext_t *context)
{
    signals_yield(hold->signo);
    const int number = signals_number();
    hidden &= ~SIGNALS_BIT(hold->signo);
    sigaddset(&context->uc_sigmask, hold->signo);
    if (number != 0 && sigismember(&context->uc_sigmask, number) == 1) {
        hidden |= SIGNALS_BIT(number);
        sigdelset(&context->uc_sigmask, number);
    }
    if (info->si_code == SI_TKILL) {
        (void)syscall(SYS_rt_tgsigqueueinfo, getpid(), (int)syscall(SYS_gettid), hold->signo, info);
    } else if (syscall(SYS_rt_sigqueueinfo, getpid(), hold->signo, info) != 0) {
        info->si_code = SI_QUEUE; /* a thread may not say that it is the kernel */
        (void)syscall(SYS_rt_sigqueueinfo, getpid(), hold->signo, info);
    }
}

/* The number is ours, or was: then the kernel has done what the program's handler is to find. */
static void on_number(int signo, siginfo_t *info, void *context)
{
    struct hold *const hold = hold_ever(signo);
    if (hold == NULL)
        return;
    const struct sigaction action = *wanted_get(hold);
    if (hold->ours(signo, info, context)) {
        if (action.sa_flags & (int)SA_RESETHAND) /* it was not for the program */
            action_next(signo,
                        &(struct sigaction){.sa_sigaction = on_number,
                                            .sa_flags = action.sa_flags | SA_SIGINFO,
                                            .sa_mask = action.sa_mask},
                        NULL);
        return;
    }
    const int saved = errno;
    if (hidden & SIGNALS_BIT(signo) && signals_are_us()) {
        put_off(hold, info, context);
    } else if (is_handler(&action)) {
        handler_is_used(hold, &action);
        call(&action, signo, info, context);
    } else if (is_default(&action)) {
        take_default(signo, info);
    }
    errno = saved;
}

/* ---- what the kernel is told ---- */

static int fault_install(struct hold *hold)
{
    const struct sigaction *const wanted = wanted_get(hold);
    struct sigaction ours;
    memset(&ours, 0, sizeof(ours));
    ours.sa_sigaction = on_fault;
    /* the program's own mask is applied in on_fault */
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    if (!is_handler(wanted) || wanted->sa_flags & SA_RESTART)
        ours.sa_flags |= SA_RESTART;
    return action_next(hold->signo, &ours, NULL);
}

/* Nothing interrupts a walk but a fault. */
static void number_action(struct sigaction *ours)
{
    memset(ours, 0, sizeof(*ours));
    ours->sa_sigaction = on_number;
    ours->sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigfillset(&ours->sa_mask);
    sigdelset(&ours->sa_mask, SIGSEGV);
    sigdelset(&ours->sa_mask, SIGBUS);
    sigdelset(&ours->sa_mask, SIGILL);
    sigdelset(&ours->sa_mask, SIGFPE);
    sigdelset(&ours->sa_mask, SIGTRAP);
}

/* A number that was ours: what the program wants, but our function first. */
static int number_install(struct hold *hold)
{
    struct sigaction action = *wanted_get(hold);
    if (is_default(&action)) {
        number_action(&action);
    } else if (is_handler(&action)) {
        action.sa_sigaction = on_number;
        action.sa_flags |= SA_SIGINFO;
    }
    return action_next(hold->signo, &action, NULL);
}

static bool has_ours(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) &&
           (action->sa_sigaction == on_fault || action->sa_sigaction == on_number);
}

static bool is_in_force(const struct hold *hold)
{
    struct sigaction now;
    return action_next(hold->signo, NULL, &now) == 0 && has_ours(&now);
}

/* ---- taking and giving back ---- */

static struct hold *hold_add(int signo, const struct sigaction *wanted, signals_ours *ours)
{
    const unsigned n = atomic_load_explicit(&signals.n, memory_order_relaxed);
    struct hold *const hold = &signals.holds[n];
    hold->signo = signo;
    hold->ours = ours;
    wanted_set(hold, wanted);
    atomic_store_explicit(&signals.n, n + 1, memory_order_release);
    return hold;
}

void signals_adopt(void)
{
    atomic_store(&signals.pid, (int32_t)getpid());
}

bool signals_are_us(void)
{
    return atomic_load_explicit(&signals.is_restricted, memory_order_relaxed) ||
           (int32_t)syscall(SYS_getpid) == atomic_load_explicit(&signals.pid, memory_order_relaxed);
}

void signals_restrict(void)
{
    atomic_store(&signals.is_restricted, true);
    signals_stop();
}

bool signals_share_faults(signals_ours *ours)
{
    static const int signos[HOLDS_FAULTS] = {SIGSEGV, SIGBUS};
    signals_adopt();
    for (unsigned i = 0; i < HOLDS_FAULTS; i++) {
        struct sigaction before;
        if (action_next(signos[i], NULL, &before) != 0)
            return false;
        struct hold *hold = hold_ever(signos[i]);
        if (hold == NULL)
            hold = hold_add(signos[i], &before, ours);
        else if (atomic_exchange(&hold->is_over, false))
            wanted_set(hold, &before);
        if (fault_install(hold) != 0)
            return false;
    }
    return true;
}

/* Is it free, and ours from now on? */
static bool number_try(int signo, signals_ours *ours)
{
    struct sigaction before, action;
    if (hold_ever(signo) != NULL || action_next(signo, NULL, &before) != 0 || !is_default(&before))
        return false;
    struct hold *const hold = hold_add(signo, &before, ours);
    number_action(&action);
    if (action_next(signo, &action, &before) != 0)
        return false;
    if (!is_default(&before)) { /* somebody was faster */
        wanted_set(hold, &before);
        number_install(hold);
        return false;
    }
    atomic_store(&signals.number, signo);
    return true;
}

bool signals_take(signals_ours *ours)
{
    const int first = FIRST_CHOICE;
    for (int i = 0; i <= SIGRTMAX - SIGRTMIN; i++) {
        const int signo = first - i >= SIGRTMIN ? first - i : SIGRTMIN + i;
        if (atomic_load(&signals.n) == HOLDS_MAX)
            return false;
        if (number_try(signo, ours))
            return true;
    }
    return false;
}

int signals_number(void)
{
    return atomic_load_explicit(&signals.number, memory_order_acquire);
}

void signals_yield(int number)
{
    const struct hold *const hold = number != 0 ? hold_ever(number) : NULL;
    if (hold != NULL && atomic_compare_exchange_strong(&signals.number, &number, 0))
        (void)signals_take(hold->ours);
}

void signals_stop(void)
{
    atomic_store(&signals.number, 0);
}

uint64_t *signals_hidden(void)
{
    return &hidden;
}

void signals_give_back(void)
{
    atomic_store(&signals.number, 0);
    for (unsigned i = 0; i < atomic_load(&signals.n); i++) {
        struct hold *const hold = &signals.holds[i];
        if (!atomic_exchange(&hold->is_over, true) && is_in_force(hold))
            action_next(hold->signo, wanted_get(hold), NULL);
    }
}

bool signals_in_force(void)
{
    for (unsigned i = 0; i < HOLDS_FAULTS; i++)
        if (!is_in_force(&signals.holds[i]))
            return false;
    struct hold *const hold = hold_of(signals_number());
    if (hold != NULL && !is_in_force(hold)) {
        atomic_store(&hold->is_over, true);
        signals_yield(hold->signo);
    }
    return true;
}

/* ---- around exec ---- */

static void ignored_apply(bool by_kernel)
{
    const int saved = errno;
    for (unsigned i = 0; i < atomic_load(&signals.n); i++) {
        struct hold *const hold = &signals.holds[i];
        const struct sigaction *const wanted = wanted_get(hold);
        struct sigaction now;
        if (atomic_load(&hold->is_over) || wanted->sa_handler != SIG_IGN ||
            action_next(hold->signo, NULL, &now) != 0)
            continue;
        if (by_kernel && has_ours(&now))
            action_next(hold->signo, wanted, NULL);
        else if (!by_kernel && is_fault(hold) && now.sa_handler == SIG_IGN)
            fault_install(hold);
    }
    errno = saved;
}

void signals_reveal(void)
{
    ignored_apply(true);
}

void signals_hide(void)
{
    ignored_apply(false);
}

/* ---- what the program calls ---- */

/* In a child that shares our memory: only its own dispositions change. */
static int action_of_child(const struct hold *hold, const struct sigaction *action,
                           struct sigaction *old)
{
    struct sigaction before;
    const int result = action_next(hold->signo, action, &before);
    if (result == 0 && old != NULL)
        *old = has_ours(&before) ? *wanted_get(hold) : before;
    return result;
}

EXPORT int sigaction(int signo, const struct sigaction *action, struct sigaction *old)
{
    struct hold *const hold = hold_of(signo);
    if (hold == NULL)
        return action_next(signo, action, old);
    if (!signals_are_us())
        return action_of_child(hold, action, old);
    const struct sigaction before = *wanted_get(hold);
    int result = 0;
    if (action != NULL) {
        const struct sigaction wanted = *action; /* it may be where `old` is */
        if (!is_fault(hold) && !is_default(&wanted))
            signals_yield(hold->signo);
        wanted_set(hold, &wanted);
        result = is_fault(hold) ? fault_install(hold) : number_install(hold);
    }
    if (old != NULL)
        *old = before;
    return result;
}

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

/* For a signal in which we have no part, libc's own function: it knows of siginterrupt(). */
EXPORT handler_fn *signal(int signo, handler_fn *handler)
{
    return hold_of(signo) == NULL && next.signal != NULL ? next.signal(signo, handler)
                                                         : signal_with(signo, handler, SA_RESTART);
}

/* The same under its other names. */
EXPORT handler_fn *bsd_signal(int signo, handler_fn *handler);
EXPORT handler_fn *bsd_signal(int signo, handler_fn *handler)
{
    return signal(signo, handler);
}

EXPORT handler_fn *ssignal(int signo, handler_fn *handler)
{
    return signal(signo, handler);
}

EXPORT handler_fn *__sysv_signal(int signo, handler_fn *handler);
EXPORT handler_fn *__sysv_signal(int signo, handler_fn *handler)
{
    return hold_of(signo) == NULL && next.sysv != NULL
               ? next.sysv(signo, handler)
               : signal_with(signo, handler, (int)SA_RESETHAND | SA_NODEFER);
}

/* What libc does inside for one number, past us: it must not be ours. */
#define OF_ONE(type, name, parameters, arguments, failed)                                          \
    EXPORT type name parameters;                                                                   \
    EXPORT type name parameters                                                                    \
    {                                                                                              \
        signals_yield(signo);                                                                      \
        return INTERPOSE_NEXT(next.name) != NULL ? next.name arguments : (failed);                 \
    }

OF_ONE(handler_fn *, sigset, (int signo, handler_fn *handler), (signo, handler), SIG_ERR)
OF_ONE(int, sigignore, (int signo), (signo), -1)
OF_ONE(int, sighold, (int signo), (signo), -1)
OF_ONE(int, siginterrupt, (int signo, int flag), (signo, flag), -1)
