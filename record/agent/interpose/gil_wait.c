/* SPDX-License-Identifier: MIT */
#include "gil_wait.h"
#include "interpose.h"
#include "record/base/save_bp.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

/* The condition of the last call: + 1 while the thread waits for it, + 0 afterwards, or when it
 * signalled it. */
static _Thread_local _Atomic uintptr_t mark __attribute__((tls_model("initial-exec")));

typedef int timed_fn(pthread_cond_t *condition, pthread_mutex_t *mutex,
                     const struct timespec *until);
typedef int wait_fn(pthread_cond_t *condition, pthread_mutex_t *mutex);

static timed_fn *next_timed; /* both set once, before main() */
static wait_fn *next_wait;

INTERPOSE_CONSTRUCTOR static void next_find(void)
{
    INTERPOSE_FIND(next_timed, "pthread_cond_timedwait");
    INTERPOSE_FIND(next_wait, "pthread_cond_wait");
}

static void wait_begin(const pthread_cond_t *condition)
{
    atomic_store_explicit(&mark, (uintptr_t)condition + 1, memory_order_relaxed);
}

EXPORT int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *until)
{
    SAVE_BP;
    if (INTERPOSE_NEXT(next_timed) == NULL)
        return ENOSYS;
    wait_begin(condition);
    const int result = next_timed(condition, mutex, until);
    gil_wait_over((uintptr_t)condition);
    return result;
}

EXPORT int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    SAVE_BP;
    if (INTERPOSE_NEXT(next_wait) == NULL)
        return ENOSYS;
    wait_begin(condition);
    const int result = next_wait(condition, mutex);
    gil_wait_over((uintptr_t)condition);
    return result;
}

void gil_wait_over(uintptr_t condition)
{
    atomic_store_explicit(&mark, condition, memory_order_relaxed);
}

/* What is a thread's own lies as far from its pthread_self() in all threads. */
uintptr_t gil_wait_mark(uint64_t ident)
{
    return (uintptr_t)ident + ((uintptr_t)&mark - (uintptr_t)pthread_self());
}

enum gil_wait gil_wait_of(uint64_t last, uintptr_t gil, size_t len)
{
    if (last == 0 || gil == 0)
        return GIL_WAIT_UNKNOWN;
    return (last & 1) && last - gil < len ? GIL_WAIT_YES : GIL_WAIT_NO;
}
