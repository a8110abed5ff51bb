/* SPDX-License-Identifier: MIT */
/*
 * walk - what reading one stack takes: nanoseconds per walk and per frame, for stacks of one
 * function (recursion), of a few and of as many as there are frames, in the shape of a CPython
 * version.
 *
 * usage: walk [MINOR]      default 11
 *
 * The least of many rounds: the walk itself, with everything in the caches.
 */
#include "record/agent/cpython/stack.h"
#include "tests/unit/support/fake_interp.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DEPTH_MAX 1000u
#define ROUNDS    400

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double walk_ns(unsigned minor, unsigned depth, unsigned functions)
{
    static uint64_t frames[DEPTH_MAX];
    struct fake fake;
    uintptr_t codes[DEPTH_MAX];
    fake_new(&fake, minor);
    for (unsigned i = 0; i < functions; i++)
        codes[i] = fake_code(&fake, "f", "f.py", 1, 0);
    fake_enter(&fake);
    for (unsigned i = 0; i < depth; i++)
        fake_push(&fake, codes[i % functions], 5);
    const struct stack_source source = {
        .ver = &fake.interp.ver,
        .code_type = fake.interp.code_type,
        .tstate = fake.tstate,
    };
    double least = 1e18;
    for (int i = 0; i < ROUNDS; i++) {
        struct stack stack = {.frames = frames, .max = DEPTH_MAX};
        const double begin = now_ns();
        const enum wire_failure failure = stack_take(&source, &stack);
        const double took = now_ns() - begin;
        if (failure != WIRE_FAIL_NONE || stack.depth != depth) {
            fprintf(stderr, "walk: failed (%d) at depth %u\n", (int)failure, stack.depth);
            exit(1);
        }
        least = took < least ? took : least;
    }
    fake_free(&fake);
    return least;
}

int main(int argc, char **argv)
{
    const unsigned minor = argc > 1 ? (unsigned)atoi(argv[1]) : 11;
    static const unsigned cases[][2] = {{10, 10}, {300, 1}, {300, 3}, {300, 300}, {900, 1}};
    printf("| Python 3.%u | frames | ns per walk | ns per frame |\n|---|---|---|---|\n", minor);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const double ns = walk_ns(minor, cases[i][0], cases[i][1]);
        printf("| %u functions | %u | %.0f | %.1f |\n", cases[i][1], cases[i][0], ns,
               ns / cases[i][0]);
    }
    return 0;
}
