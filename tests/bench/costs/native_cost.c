/* SPDX-License-Identifier: MIT */
/*
 * native_cost - look at C stacks of a known depth, for valgrind to count.
 *
 * usage: native_cost KIND      see tests/bench/tick.py
 *
 * The unwinder is the real one, over this program's own unwind information. The context is taken
 * where a signal would take it. `native` and `native_deep` have all addresses known from the time
 * before; for `native_cold` nothing is kept of them.
 */
#include "record/agent/native/native.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define LOOKS 100u

static struct native_parts parts;
static struct native_room room;
static struct native_sample sample = {.room = &room};
static bool is_cold;

static void look(const ucontext_t *context)
{
    native_take_alone(&parts, context, &sample);
}

/* What is counted, and copies of it that the compiler makes. */
__attribute__((noinline)) static void native_of(const ucontext_t *context)
{
    look(context);
    __asm__ volatile("" ::: "memory");
}

static void looks(const ucontext_t *context)
{
    look(context);
    for (unsigned i = 0; i < LOOKS; i++) {
        if (is_cold) {
            segments_unmapped(&parts.segments);
            segments_miss(&parts.segments);
            native_look(&parts, (i + 2) * (uint64_t)SEGMENTS_MOST_NS);
        }
        native_of(context);
    }
}

__attribute__((noinline)) static void bottom(void)
{
    static ucontext_t context;
    if (getcontext(&context) != 0)
        abort();
    looks(&context);
}

__attribute__((noinline)) static void down(unsigned depth)
{
    if (depth > 0)
        down(depth - 1);
    else
        bottom();
    __asm__ volatile("" ::: "memory");
}

int main(int argc, char **argv)
{
    const char *const kind = argc > 1 ? argv[1] : "";
    const unsigned depth = strcmp(kind, "native_deep") == 0 ? 110 : 10;
    is_cold = strcmp(kind, "native_cold") == 0;
    static const struct interp interp = {.ver = {.frames = FRAMES_DIRECT}};
    if (!native_init(&parts, &interp))
        return 1;
    atomic_store(&parts.own_end, 1); /* or all of this program would be the agent's, and left out */
    segments_miss(&parts.segments);
    native_look(&parts, SEGMENTS_MOST_NS);
    down(depth);
    printf("%u frames, %s\n", sample.n, sample.has_gap ? "a gap" : "whole");
    return sample.has_gap || sample.n < depth ? 1 : 0;
}
