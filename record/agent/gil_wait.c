/* SPDX-License-Identifier: MIT */
#include "gil_wait.h"
#include "peek.h"
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* The condition of the last call: + 1 while the thread waits for it, + 0 when it signalled it. */
static _Thread_local _Atomic uintptr_t mark __attribute__((tls_model("initial-exec")));

typedef int wait_fn(pthread_cond_t *condition, pthread_mutex_t *mutex,
                    const struct timespec *until);

static wait_fn *next; /* set once, before main() */

/* The symbol has an older version, of which dlsym() must not find the address. */
__attribute__((constructor)) static void next_find(void)
{
    static const char *const versions[] = {"GLIBC_2.3.2", "GLIBC_2.17"};
    void *found = NULL;
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]) && found == NULL; i++)
        found = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", versions[i]);
    if (found == NULL)
        found = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    memcpy(&next, &found, sizeof(next));
}

/* Nothing of ours stays on the stack while it waits: the last call is a jump. */
EXPORT int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *until)
{
    atomic_store_explicit(&mark, (uintptr_t)condition + 1, memory_order_relaxed);
    if (next == NULL)
        next_find();
    return next != NULL ? next(condition, mutex, until) : ENOSYS;
}

void gil_wait_over(uintptr_t condition)
{
    atomic_store_explicit(&mark, condition, memory_order_relaxed);
}

/* What is a thread's own lies as far from its pthread_self() in all threads. */
enum gil_wait gil_wait_of(uint64_t ident, uintptr_t gil, size_t len)
{
    uint32_t bad = 0;
    const uintptr_t from_self = (uintptr_t)&mark - (uintptr_t)pthread_self();
    const uintptr_t last = ident != 0 ? peek((uintptr_t)ident + from_self, &bad) : 0;
    if (bad || last == 0 || gil == 0)
        return GIL_WAIT_UNKNOWN;
    return (last & 1) && last - gil < len ? GIL_WAIT_YES : GIL_WAIT_NO;
}
