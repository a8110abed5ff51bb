/* SPDX-License-Identifier: MIT */
#include "bell.h"
#include "gil_wait.h"
#include "interpose.h"
#include "record/base/clocks.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef int signal_fn(pthread_cond_t *condition);

enum bell_state {
    BELL_OFF,
    BELL_LISTENING, /* for the proof */
    BELL_ARMED,
    BELL_WATCHED, /* no Python is known yet */
};

static struct bell {
    _Atomic uint32_t state;      /* seq_cst; partner: the GIL's `locked`, see bell_arm */
    _Atomic uintptr_t gil;       /* set while OFF */
    _Atomic size_t len;          /* likewise */
    _Atomic uintptr_t condition; /* the first one that was signalled in there */
    _Atomic bool works;          /* .. and so was another one */
    _Atomic uint64_t rang_ns;
    _Atomic(_Atomic uint32_t *) word;
    _Atomic uint32_t bits;
    void (*_Atomic heard)(uintptr_t caller);
} bell;

static signal_fn *next; /* set once, before main() */

INTERPOSE_CONSTRUCTOR static void next_find(void)
{
    INTERPOSE_FIND(next, "pthread_cond_signal");
}

/* ---- on the program's threads ---- */

static void prove(uintptr_t condition)
{
    uintptr_t first = 0;
    if (!atomic_compare_exchange_strong(&bell.condition, &first, condition) && first != condition)
        atomic_store(&bell.works, true);
}

static void ring(void)
{
    uint64_t silent = 0;
    const int saved = errno;
    if (atomic_compare_exchange_strong(&bell.rang_ns, &silent, clocks_mono_ns())) {
        _Atomic uint32_t *const word = atomic_load(&bell.word);
        atomic_fetch_or(word, atomic_load(&bell.bits));
        syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
    errno = saved;
}

static void hear(uintptr_t condition, uintptr_t caller)
{
    const uint32_t state = atomic_load(&bell.state);
    void (*const heard)(uintptr_t) = state == BELL_WATCHED ? atomic_load(&bell.heard) : NULL;
    if (heard != NULL)
        heard(caller);
    if (state == BELL_OFF || state == BELL_WATCHED ||
        condition - atomic_load(&bell.gil) >= atomic_load(&bell.len))
        return;
    if (state == BELL_LISTENING)
        prove(condition);
    else
        ring();
}

EXPORT int pthread_cond_signal(pthread_cond_t *condition)
{
    gil_wait_over((uintptr_t)condition);
    atomic_thread_fence(memory_order_seq_cst); /* `locked` is written before `state` is read */
    if (atomic_load_explicit(&bell.state, memory_order_relaxed) != BELL_OFF)
        hear((uintptr_t)condition, (uintptr_t)__builtin_return_address(0));
    if (next == NULL)
        next_find();
    return next != NULL ? next(condition) : ENOSYS;
}

/* ---- on the sampler's ---- */

bool bell_works(uintptr_t gil, size_t len)
{
    if (gil != atomic_load(&bell.gil)) {
        atomic_store(&bell.state, BELL_OFF);
        atomic_store(&bell.works, false);
        atomic_store(&bell.condition, 0);
        atomic_store(&bell.gil, gil);
        atomic_store(&bell.len, len);
        if (gil != 0)
            atomic_store(&bell.state, BELL_LISTENING);
        return false;
    }
    if (!atomic_load(&bell.works))
        return false;
    if (atomic_load(&bell.state) == BELL_LISTENING)
        atomic_store(&bell.state, BELL_OFF);
    return true;
}

void bell_arm(_Atomic uint32_t *word, uint32_t bits)
{
    atomic_store(&bell.word, word);
    atomic_store(&bell.bits, bits);
    atomic_store(&bell.rang_ns, 0);
    atomic_store(&bell.state, BELL_ARMED);
    atomic_thread_fence(memory_order_seq_cst); /* `state` is written before `locked` is read */
}

uint64_t bell_disarm(void)
{
    atomic_store(&bell.state, BELL_OFF);
    return atomic_load(&bell.rang_ns);
}

void bell_watch(void (*heard)(uintptr_t caller))
{
    atomic_store(&bell.heard, heard);
    atomic_store(&bell.state, heard != NULL ? BELL_WATCHED : BELL_OFF);
}

void bell_reset(void)
{
    uint32_t armed = BELL_ARMED;
    atomic_compare_exchange_strong(&bell.state, &armed, BELL_OFF);
}
