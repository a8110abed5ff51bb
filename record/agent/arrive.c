/* SPDX-License-Identifier: MIT */
#include "arrive.h"
#include "record/agent/base/atfork.h"
#include "record/agent/base/symbol.h"
#include "record/agent/interpose/gil_wakeup.h"
#include "record/agent/interpose/loader.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

enum arriving {
    ARRIVING_NOT,   /* no library was loaded since the program began */
    ARRIVING_MAYBE, /* look for it */
    ARRIVING_FOUND, /* wait for its GIL */
    ARRIVING_DONE,
};

static struct arrival {
    _Atomic uint32_t state; /* enum arriving */
    _Atomic bool is_busy;
    _Atomic int32_t pid; /* who may look */
    uint64_t loads;      /* how many libraries had been loaded at the last look */
    struct symbols python;
    void (*begin)(void);
} arrival;

static bool arrival_take(void)
{
    return !atomic_exchange_explicit(&arrival.is_busy, true, memory_order_acquire);
}

static void arrival_give(void)
{
    atomic_store_explicit(&arrival.is_busy, false, memory_order_release);
}

static void look(void)
{
    const uint64_t loads = elf_images_loaded();
    if (loads == arrival.loads)
        return;
    arrival.loads = loads;
    if (!symbols_open(&arrival.python, "PyCode_Type"))
        return;
    const struct elf_image *const home = &arrival.python.images[arrival.python.n - 1];
    atomic_store(&arrival.state, loader_pin(home->name) ? ARRIVING_FOUND : ARRIVING_DONE);
}

static bool is_to_look(void)
{
    return atomic_load_explicit(&arrival.state, memory_order_acquire) == ARRIVING_MAYBE &&
           atomic_load_explicit(&arrival.pid, memory_order_relaxed) == (int32_t)syscall(SYS_getpid);
}

/* ---- the occasions ---- */

static void on_signal(uintptr_t caller)
{
    const int saved = errno;
    if (arrival_take()) {
        if (is_to_look())
            look();
        if (atomic_load(&arrival.state) == ARRIVING_FOUND &&
            symbols_hold(&arrival.python, caller)) {
            atomic_store(&arrival.state, ARRIVING_DONE);
            loader_watch(NULL);
            gil_wakeup_watch(NULL);
            arrival.begin();
        }
        arrival_give();
    }
    errno = saved;
}

/* What it loads will be looked for at the next occasion; what it has loaded, now. */
static void on_opening(void)
{
    if (!arrival_take())
        return;
    if (atomic_load(&arrival.state) == ARRIVING_NOT) {
        atomic_store(&arrival.state, ARRIVING_MAYBE);
        gil_wakeup_watch(on_signal);
    }
    /* whoever asks the loader for something may do so, also in a child */
    atomic_store(&arrival.pid, (int32_t)syscall(SYS_getpid));
    if (is_to_look())
        look();
    arrival_give();
}

static void before_fork(void)
{
    const int saved = errno;
    if (arrival_take()) {
        if (is_to_look())
            look();
        arrival_give();
    }
    errno = saved;
}

/* Another thread may have been at it. */
static void after_in_child(void)
{
    arrival_give();
}

void arrive_watch(void (*begin)(void))
{
    arrival.begin = begin;
    arrival.loads = elf_images_loaded();
    if (atfork(before_fork, NULL, after_in_child))
        loader_watch(on_opening);
}
