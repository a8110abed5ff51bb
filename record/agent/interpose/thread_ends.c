/* SPDX-License-Identifier: MIT */
#include "thread_ends.h"
#include "interpose.h"
#include "record/base/clocks.h"
#include "sigmask.h"
#include "signals.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef int create_fn(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *),
                      void *argument);

struct end {
    _Atomic uint64_t number; /* of the end that stands here, from 1; 0 = it is being written */
    _Atomic uint64_t cpu_ns;
    _Atomic int32_t tid;
};

/* A thread that has been asked for and does not run yet. */
struct start {
    _Atomic uint32_t is_taken;
    void *(*routine)(void *);
    void *argument;
    uint64_t hidden; /* of its mask, which it inherits; see signals.h */
};

/* A thread that was made. */
struct birth {
    _Atomic int32_t tid; /* 0 = it is being written, or it has ended */
    _Atomic uint64_t ident;
};

static struct ends {
    _Atomic bool is_watching;
    bool has_key; /* for good: threads have it set */
    pthread_key_t key;
    _Atomic uint64_t n; /* ever */
    uint64_t n_seen;    /* by the sampler */
    struct end list[ENDS_MAX];
    struct start starts[STARTS_MAX];
    _Atomic bool notes_births;
    struct birth births[BIRTHS_MAX]; /* by tid */
} ends;

static create_fn *next; /* set once, before main() */

INTERPOSE_CONSTRUCTOR static void next_find(void)
{
    INTERPOSE_FIND(next, "pthread_create");
}

/* ---- who is there ---- */

static struct birth *birth_of(int32_t tid)
{
    return &ends.births[(uint32_t)tid & (BIRTHS_MAX - 1)];
}

/* On the thread that begins or ends. */
static void birth_book(int32_t tid, uint64_t ident)
{
    struct birth *const birth = birth_of(tid);
    atomic_store_explicit(&birth->tid, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* thread_ends_ident: tid is read before and after */
    atomic_store_explicit(&birth->ident, ident, memory_order_relaxed);
    atomic_store_explicit(&birth->tid, ident != 0 ? tid : 0, memory_order_release);
}

void thread_ends_note_births(void)
{
    atomic_store(&ends.notes_births, true);
}

uint64_t thread_ends_ident(int32_t tid)
{
    struct birth *const birth = birth_of(tid);
    const int32_t before = atomic_load_explicit(&birth->tid, memory_order_acquire);
    const uint64_t ident = atomic_load_explicit(&birth->ident, memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);
    return before == tid && atomic_load_explicit(&birth->tid, memory_order_relaxed) == tid ? ident
                                                                                           : 0;
}

/* ---- the end ---- */

/* Destructor of the key, on the thread that ends. */
static void end_book(void *opaque)
{
    (void)opaque;
    const int saved = errno;
    if (!atomic_load_explicit(&ends.is_watching, memory_order_relaxed))
        return;
    const uint64_t number = atomic_fetch_add_explicit(&ends.n, 1, memory_order_relaxed) + 1;
    struct end *const end = &ends.list[number % ENDS_MAX];
    atomic_store_explicit(&end->number, 0, memory_order_relaxed);
    atomic_thread_fence(
        memory_order_release); /* thread_ends_next: a number is read before and after */
    const int32_t tid = (int32_t)syscall(SYS_gettid);
    if (atomic_load_explicit(&birth_of(tid)->tid, memory_order_relaxed) == tid)
        birth_book(tid, 0);
    atomic_store_explicit(&end->tid, tid, memory_order_relaxed);
    atomic_store_explicit(&end->cpu_ns, clocks_ns(CLOCK_THREAD_CPUTIME_ID), memory_order_relaxed);
    atomic_store_explicit(&end->number, number, memory_order_release);
    errno = saved;
}

bool thread_ends_next(int32_t *tid, uint64_t *cpu_ns)
{
    const uint64_t n = atomic_load_explicit(&ends.n, memory_order_acquire);
    if (n - ends.n_seen > ENDS_MAX)
        ends.n_seen = n - ENDS_MAX;
    while (ends.n_seen < n) {
        const uint64_t number = ends.n_seen + 1;
        struct end *const end = &ends.list[number % ENDS_MAX];
        const uint64_t before = atomic_load_explicit(&end->number, memory_order_acquire);
        if (before == 0 || before < number)
            return false; /* it is being written: next time */
        *tid = atomic_load_explicit(&end->tid, memory_order_relaxed);
        *cpu_ns = atomic_load_explicit(&end->cpu_ns, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        ends.n_seen = number;
        if (before == number && atomic_load_explicit(&end->number, memory_order_relaxed) == number)
            return true;
    }
    return false;
}

/* ---- the beginning ---- */

static struct start *start_take(void)
{
    for (unsigned i = 0; i < STARTS_MAX; i++) {
        struct start *const start = &ends.starts[i];
        uint32_t free = 0;
        if (atomic_load_explicit(&start->is_taken, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong_explicit(&start->is_taken, &free, 1,
                                                    memory_order_acquire, memory_order_relaxed))
            return start;
    }
    return NULL;
}

/* The first thing that a new thread does. */
static void *thread_begin(void *opaque)
{
    struct start *const start = opaque;
    void *(*const routine)(void *) = start->routine;
    void *const argument = start->argument;
    *signals_hidden() = start->hidden;
    atomic_store_explicit(&start->is_taken, 0, memory_order_release);
    (void)sigmask_begin(); /* what its attributes say */
    (void)pthread_setspecific(ends.key, &ends);
    if (atomic_load_explicit(&ends.notes_births, memory_order_relaxed))
        birth_book((int32_t)syscall(SYS_gettid), (uint64_t)pthread_self());
    return routine(argument); /* a jump: nothing of ours stays on the stack */
}

int thread_ends_create(pthread_t *thread, const pthread_attr_t *attributes,
                       void *(*routine)(void *), void *argument)
{
    return INTERPOSE_NEXT(next) != NULL ? next(thread, attributes, routine, argument) : EAGAIN;
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*routine)(void *), void *argument)
{
    struct start *const start =
        atomic_load_explicit(&ends.is_watching, memory_order_acquire) ? start_take() : NULL;
    if (start == NULL) {
        const uint64_t revealed = sigmask_reveal();
        const int made = thread_ends_create(thread, attributes, routine, argument);
        sigmask_hide(revealed);
        return made;
    }
    start->routine = routine;
    start->argument = argument;
    start->hidden = *signals_hidden();
    const int result = thread_ends_create(thread, attributes, thread_begin, start);
    if (result != 0)
        atomic_store_explicit(&start->is_taken, 0, memory_order_release);
    return result;
}

/* ---- watching ---- */

void thread_ends_watch(void)
{
    ends.has_key = ends.has_key || pthread_key_create(&ends.key, end_book) == 0;
    atomic_store_explicit(&ends.is_watching, ends.has_key, memory_order_release);
}

void thread_ends_unwatch(void)
{
    atomic_store(&ends.is_watching, false);
}

void thread_ends_reset(void)
{
    atomic_store(&ends.n, 0);
    ends.n_seen = 0;
    for (unsigned i = 0; i < ENDS_MAX; i++)
        atomic_store_explicit(&ends.list[i].number, 0, memory_order_relaxed);
    for (unsigned i = 0; i < STARTS_MAX; i++)
        atomic_store_explicit(&ends.starts[i].is_taken, 0, memory_order_relaxed);
    for (unsigned i = 0; i < BIRTHS_MAX; i++)
        atomic_store_explicit(&ends.births[i].tid, 0, memory_order_relaxed);
}
