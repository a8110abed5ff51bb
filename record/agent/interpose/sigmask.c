/* SPDX-License-Identifier: MIT */
#include "sigmask.h"
#include "interpose.h"
#include "nosignal.h"
#include "record/base/clocks.h"
#include "signals.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef int mask_fn(int how, const sigset_t *set, sigset_t *old);

static struct sigmask_next {
    mask_fn *pthread_sigmask, *sigprocmask;
    int (*sigtimedwait)(const sigset_t *, siginfo_t *, const struct timespec *);
    int (*sigpending)(sigset_t *);
    int (*signalfd)(int, const sigset_t *, int);
} next; /* set once, before main() */

/* A child of vfork that has set its mask: it is what the kernel has, and not the parent's. */
static _Thread_local int32_t exact_pid __attribute__((tls_model("initial-exec")));

INTERPOSE_CONSTRUCTOR static void next_find(void)
{
    INTERPOSE_FIND(next.pthread_sigmask, "pthread_sigmask");
    INTERPOSE_FIND(next.sigprocmask, "sigprocmask");
    INTERPOSE_FIND(next.sigtimedwait, "sigtimedwait");
    INTERPOSE_FIND(next.sigpending, "sigpending");
    INTERPOSE_FIND(next.signalfd, "signalfd");
}

/* The kernel knows 64 of what libc has room for. */
static uint64_t bits_of(const sigset_t *set)
{
    uint64_t bits;
    memcpy(&bits, set, sizeof(bits));
    return bits;
}

static void bits_put(sigset_t *set, uint64_t bits)
{
    memcpy(set, &bits, sizeof(bits));
}

static uint64_t kernel_mask(void)
{
    uint64_t bits = 0;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &bits, sizeof(bits));
    return bits;
}

static void kernel_change(int how, uint64_t bits)
{
    const int saved = errno;
    if (bits != 0)
        syscall(SYS_rt_sigprocmask, how, &bits, NULL, sizeof(bits));
    errno = saved;
}

/* ---- masks ---- */

/* Few of the real-time signals, and ours among them: the program means it. */
static bool is_named(uint64_t bits)
{
    const uint64_t all = ~UINT64_C(0) << (SIGRTMIN - 1);
    return __builtin_popcountll(bits & all) * 2 < SIGRTMAX - SIGRTMIN + 1;
}

/* Our number's bit, if that may be taken out of this set; 0 = there is nothing to take out. */
static uint64_t bit_to_hide(uint64_t bits)
{
    int number;
    (void)sigmask_begin();
    while ((number = signals_number()) != 0 && (bits & SIGNALS_BIT(number)) != 0) {
        if (!is_named(bits))
            return SIGNALS_BIT(number);
        signals_yield(number);
    }
    return 0;
}

static bool mask_apply(uint64_t *mask, int how, uint64_t bits)
{
    if (how == SIG_BLOCK)
        *mask |= bits;
    else if (how == SIG_UNBLOCK)
        *mask &= ~bits;
    else
        *mask = bits;
    return how == SIG_BLOCK || how == SIG_UNBLOCK || how == SIG_SETMASK;
}

/* What was hidden while it was our number is to be blocked now: not with a signal under way. */
static void late_numbers_settle(uint64_t bits)
{
    struct nosignal stretch;
    if (bits == 0)
        return;
    nosignal_begin(&stretch);
    nosignal_settle(&stretch);
    nosignal_end(&stretch);
}

/* As libc's own: what it does not let anybody block, it takes out. */
static int mask_change(mask_fn *change, int how, const sigset_t *set, sigset_t *old)
{
    uint64_t *const hidden = signals_hidden();
    const bool is_ours = signals_are_us();
    uint64_t seen = kernel_mask() | (is_ours || exact_pid != getpid() ? *hidden : 0);
    const uint64_t before = seen;
    if (set != NULL) {
        sigset_t real = *set;
        if (!mask_apply(&seen, how, bits_of(set)))
            return change(how, set, old);
        const uint64_t hide = is_ours ? bit_to_hide(seen) : 0;
        late_numbers_settle(*hidden & seen & ~hide);
        bits_put(&real, seen & ~hide);
        const int result = change(SIG_SETMASK, &real, NULL);
        if (result != 0)
            return result;
        if (is_ours)
            *hidden = hide;
        else
            exact_pid = getpid();
    }
    if (old != NULL)
        bits_put(old, before);
    return 0;
}

/* Is our number, or one that was, in the set or in the mask? */
static bool concerns_us(int how, const sigset_t *set)
{
    const int number = signals_number();
    return *signals_hidden() != 0 || (set != NULL && how != SIG_UNBLOCK && number != 0 &&
                                      (bits_of(set) & SIGNALS_BIT(number)) != 0);
}

EXPORT int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    if (INTERPOSE_NEXT(next.pthread_sigmask) == NULL)
        return ENOSYS;
    return concerns_us(how, set) ? mask_change(next.pthread_sigmask, how, set, old)
                                 : next.pthread_sigmask(how, set, old);
}

EXPORT int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    if (INTERPOSE_NEXT(next.sigprocmask) != NULL)
        return concerns_us(how, set) ? mask_change(next.sigprocmask, how, set, old)
                                     : next.sigprocmask(how, set, old);
    errno = ENOSYS;
    return -1;
}

uint64_t sigmask_begin(void)
{
    const int number = signals_number();
    const uint64_t begun = number != 0 ? SIGNALS_BIT(number) & kernel_mask() : 0;
    if (begun == 0 || !signals_are_us())
        return 0;
    *signals_hidden() |= begun;
    kernel_change(SIG_UNBLOCK, begun);
    return begun;
}

void sigmask_end(uint64_t begun)
{
    kernel_change(SIG_BLOCK, begun);
    *signals_hidden() &= ~begun;
}

uint64_t sigmask_reveal(void)
{
    const uint64_t hidden = *signals_hidden();
    if (hidden == 0 || (!signals_are_us() && exact_pid == getpid()))
        return 0;
    const uint64_t revealed = hidden & ~kernel_mask();
    kernel_change(SIG_BLOCK, revealed);
    return revealed;
}

void sigmask_hide(uint64_t revealed)
{
    kernel_change(SIG_UNBLOCK, revealed);
}

/* ---- waiting for signals ---- */

/* With the rest of the time, when what is ours has changed under it. */
INTERPOSE_CANCELLED static int wait_for(const sigset_t *set, siginfo_t *info,
                                        const struct timespec *timeout)
{
    const uint64_t begin = clocks_mono_ns();
    struct timespec rest = timeout != NULL ? *timeout : (struct timespec){0};
    for (;;) {
        struct nosignal stretch;
        sigset_t wanted = *set;
        /* before the stretch: it lets our number out of the mask, where the stretch may put it */
        bits_put(&wanted, bits_of(set) & ~bit_to_hide(bits_of(set)));
        const int number = signals_number();
        nosignal_begin(&stretch);
        if (number != signals_number()) { /* it is a new one */
            nosignal_end(&stretch);
            continue;
        }
        const int result = next.sigtimedwait(&wanted, info, timeout != NULL ? &rest : NULL);
        nosignal_end(&stretch);
        if (result >= 0 || errno != EINTR || number == signals_number())
            return result;
        const int64_t left = timeout == NULL
                                 ? 0
                                 : (int64_t)timeout->tv_sec * 1000000000 + timeout->tv_nsec -
                                       (int64_t)(clocks_mono_ns() - begin);
        rest.tv_sec = left > 0 ? left / 1000000000 : 0;
        rest.tv_nsec = left > 0 ? left % 1000000000 : 0;
    }
}

EXPORT int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
    if (INTERPOSE_NEXT(next.sigtimedwait) != NULL)
        return wait_for(set, info, timeout);
    errno = ENOSYS;
    return -1;
}

EXPORT int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
    return sigtimedwait(set, info, NULL);
}

EXPORT int sigwait(const sigset_t *set, int *signo)
{
    const int saved = errno;
    int result;
    do
        result = sigtimedwait(set, NULL, NULL);
    while (result < 0 && errno == EINTR);
    const int error = errno;
    errno = saved;
    if (result < 0)
        return error;
    *signo = result;
    return 0;
}

EXPORT int sigpending(sigset_t *set)
{
    (void)sigmask_begin(); /* what is ours comes now */
    if (INTERPOSE_NEXT(next.sigpending) != NULL)
        return next.sigpending(set);
    errno = ENOSYS;
    return -1;
}

/* What is read from it cannot be changed later: so a number in it is the program's. */
EXPORT int signalfd(int fd, const sigset_t *set, int flags)
{
    int number;
    if (INTERPOSE_NEXT(next.signalfd) == NULL) {
        errno = ENOSYS;
        return -1;
    }
    (void)sigmask_begin();
    while ((number = signals_number()) != 0 && (bits_of(set) & SIGNALS_BIT(number)) != 0) {
        if (is_named(bits_of(set)))
            signals_yield(number);
        else
            signals_stop();
    }
    return next.signalfd(fd, set, flags);
}
