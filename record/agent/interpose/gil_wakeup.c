/* SPDX-License-Identifier: MIT */
#include "gil_wakeup.h"
#include "gil_wait.h"
#include "interpose.h"
#include "record/base/clocks.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef int signal_fn(pthread_cond_t *condition);

enum gil_wakeup_state {
    WAKEUP_OFF,
    WAKEUP_LISTENING, /* for the proof */
    WAKEUP_ARMED,
    WAKEUP_WATCHED, /* no Python is known yet */
};

static struct wakeup {
    _Atomic uint32_t state;      /* seq_cst; partner: the GIL's `locked`, see gil_wakeup_arm */
    _Atomic uintptr_t gil;       /* set while OFF */
    _Atomic size_t len;          /* likewise */
    _Atomic uintptr_t condition; /* the first one that was signalled in there */
    _Atomic bool works;          /* .. and so was another one */
    _Atomic uint64_t rang_ns;
    _Atomic(_Atomic uint32_t *) word;
    _Atomic uint32_t bits;
    void (*_Atomic heard)(uintptr_t caller);
} wakeup;

static signal_fn *next; /* set once, before main() */

INTERPOSE_CONSTRUCTOR static void next_find(void)
{
    INTERPOSE_FIND(next, "pthread_cond_signal");
}

/* ---- on the program's threads ---- */

static void prove(uintptr_t condition)
{
    uintptr_t first = 0;
    if (!atomic_compare_exchange_strong(&wakeup.condition, &first, condition) && first != condition)
        atomic_store(&wakeup.works, true);
}

static void ring(void)
{
    uint64_t silent = 0;
    const int saved = errno;
    if (atomic_compare_exchange_strong(&wakeup.rang_ns, &silent, clocks_mono_ns())) {
        _Atomic uint32_t *const word = atomic_load(&wakeup.word);
        atomic_fetch_or(word, atomic_load(&wakeup.bits));
        syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
    errno = saved;
}

static void hear(uintptr_t condition, uintptr_t caller)
{
    const uint32_t state = atomic_load(&wakeup.state);
    void (*const heard)(uintptr_t) = state == WAKEUP_WATCHED ? atomic_load(&wakeup.heard) : NULL;
    if (heard != NULL)
        heard(caller);
    if (state == WAKEUP_OFF || state == WAKEUP_WATCHED ||
        condition - atomic_load(&wakeup.gil) >= atomic_load(&wakeup.len))
        return;
    if (state == WAKEUP_LISTENING)
        prove(condition);
    else
        ring();
}

EXPORT int pthread_cond_signal(pthread_cond_t *condition)
{
    gil_wait_over((uintptr_t)condition);
    atomic_thread_fence(memory_order_seq_cst); /* `locked` is written before `state` is read */
    if (atomic_load_explicit(&wakeup.state, memory_order_relaxed) != WAKEUP_OFF)
        hear((uintptr_t)condition, (uintptr_t)__builtin_return_address(0));
    return INTERPOSE_NEXT(next) != NULL ? next(condition) : ENOSYS;
}

/* ---- on the sampler's ---- */

bool gil_wakeup_works(uintptr_t gil, size_t len)
{
    if (gil != atomic_load(&wakeup.gil)) {
        atomic_store(&wakeup.state, WAKEUP_OFF);
        atomic_store(&wakeup.works, false);
        atomic_store(&wakeup.condition, 0);
        atomic_store(&wakeup.gil, gil);
        atomic_store(&wakeup.len, len);
        if (gil != 0)
            atomic_store(&wakeup.state, WAKEUP_LISTENING);
        return false;
    }
    if (!atomic_load(&wakeup.works))
        return false;
    if (atomic_load(&wakeup.state) == WAKEUP_LISTENING)
        atomic_store(&wakeup.state, WAKEUP_OFF);
    return true;
}

void gil_wakeup_arm(_Atomic uint32_t *word, uint32_t bits)
{
    atomic_store(&wakeup.word, word);
    atomic_store(&wakeup.bits, bits);
    atomic_store(&wakeup.rang_ns, 0);
    atomic_store(&wakeup.state, WAKEUP_ARMED);
    atomic_thread_fence(memory_order_seq_cst); /* `state` is written before `locked` is read */
}

uint64_t gil_wakeup_disarm(void)
{
    atomic_store(&wakeup.state, WAKEUP_OFF);
    return atomic_load(&wakeup.rang_ns);
}

void gil_wakeup_watch(void (*heard)(uintptr_t caller))
{
    atomic_store(&wakeup.heard, heard);
    atomic_store(&wakeup.state, heard != NULL ? WAKEUP_WATCHED : WAKEUP_OFF);
}

void gil_wakeup_reset(void)
{
    uint32_t armed = WAKEUP_ARMED;
    atomic_compare_exchange_strong(&wakeup.state, &armed, WAKEUP_OFF);
}
