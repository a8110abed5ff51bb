/* SPDX-License-Identifier: MIT */
#include "nosignal.h"
#include "signals.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TABLE_LEN   2048u
#define SETTLE_MAX  2000 /* naps: a thread that shares our entry may never answer */
#define SETTLE_NS   50000
#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static _Thread_local struct {
    _Atomic uint64_t word;
    uintptr_t frame; /* of the function that began the stretch; stacks grow downwards */
} here __attribute__((tls_model("initial-exec")));

static _Atomic int32_t under_way[TABLE_LEN];

static _Atomic int32_t *entry_of(uint64_t ident)
{
    return &under_way[(ident * HASH_FACTOR) >> 53];
}

static _Atomic int32_t *entry_own(void)
{
    return entry_of((uint64_t)pthread_self());
}

/* errno may be anything by now, and stays. */
static void mask_change(int how, uint64_t bits, uint64_t *before)
{
    const int saved = errno;
    syscall(SYS_rt_sigprocmask, how, &bits, before, sizeof(bits));
    errno = saved;
}

/*
 * Where a stretch was left by a jump (siglongjmp, a child of vfork that was executed), its mark is
 * still there, but it began at a place of the stack that is not above us any more.
 */
void nosignal_begin(struct nosignal *stretch)
{
    const int number = signals_number();
    stretch->is_on = number != 0;
    stretch->blocked = 0;
    if (!stretch->is_on)
        return;
    const uint64_t word = atomic_load_explicit(&here.word, memory_order_relaxed);
    stretch->outer = (word & 1) && here.frame > (uintptr_t)stretch ? here.frame : 0;
    here.frame = (uintptr_t)stretch;
    /* release, and a fence at the end: who sees the same call before and after what it reads has
     * read nothing of what was written outside of it; partner: capture_call_of */
    atomic_store_explicit(&here.word, (word + 1) | 1, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst); /* partner: nosignal_ask_begin */
    if (atomic_load_explicit(entry_own(), memory_order_relaxed) > 0) {
        const uint64_t bit = SIGNALS_BIT(number);
        uint64_t before = 0;
        mask_change(SIG_BLOCK, bit, &before);
        stretch->blocked = bit & ~before;
    }
}

void nosignal_end(struct nosignal *stretch)
{
    if (!stretch->is_on)
        return;
    const uint64_t word = atomic_load_explicit(&here.word, memory_order_relaxed);
    here.frame = stretch->outer;
    atomic_store_explicit(&here.word, word + (stretch->outer != 0 ? 2 : 1), memory_order_release);
    atomic_thread_fence(memory_order_release);
    if (stretch->blocked != 0)
        mask_change(SIG_UNBLOCK, stretch->blocked, NULL);
}

void nosignal_settle(struct nosignal *stretch)
{
    const struct timespec nap = {.tv_nsec = SETTLE_NS};
    const int saved = errno;
    if (stretch->blocked != 0)
        mask_change(SIG_UNBLOCK, stretch->blocked, NULL);
    stretch->blocked = 0;
    for (int i = 0; i < SETTLE_MAX && atomic_load(entry_own()) > 0; i++)
        syscall(SYS_nanosleep, &nap, NULL);
    errno = saved;
}

/* What is a thread's own lies as far from its pthread_self() in all threads. */
uintptr_t nosignal_word(uint64_t ident)
{
    return (uintptr_t)ident + ((uintptr_t)&here.word - (uintptr_t)pthread_self());
}

void nosignal_ask_begin(uint64_t ident)
{
    atomic_fetch_add(entry_of(ident), 1);
    atomic_thread_fence(memory_order_seq_cst); /* partner: nosignal_begin */
}

void nosignal_ask_end(uint64_t ident)
{
    atomic_fetch_sub(entry_of(ident), 1);
}

void nosignal_reset(void)
{
    for (unsigned i = 0; i < TABLE_LEN; i++)
        atomic_store_explicit(&under_way[i], 0, memory_order_relaxed);
}
