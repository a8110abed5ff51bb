/* SPDX-License-Identifier: MIT */
/*
 * tracer - what a tracing profiler saved: calls and times of every function.
 *
 * On the line:  file of cProfile, yappi .. -> [tracer] -> compare
 * Threads:      one at a time.
 * Memory:       struct tracer is the caller's, zeroed before tracer_read; tracer_clear takes it
 *               back.
 * Loss:         a file that is none, or is damaged, is refused with what it is instead, or what is
 *               wrong and where.
 *
 * Read are the marshalled dictionaries of cProfile, profile and yappi (pstats), written by any
 * version of Python, and the callgrind files of yappi, lsprofcalltree and the like.
 */
#ifndef PYREC_ANALYZE_TRACER_H
#define PYREC_ANALYZE_TRACER_H

#include "analyze/base/arena.h"
#include "format/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Who called it, as far as the file says. */
struct tracer_caller {
    uint32_t caller; /* a function of the same file */
    uint64_t calls;
    double self_s, cum_s; /* of the callee, when called from there */
};

struct tracer_function {
    const char *name; /* as the tracer has it: "fib", "<method 'append' of 'list' objects>" */
    const char *file; /* "" = not Python */
    uint32_t line;    /* its first; 0 = not known */
    bool is_python;
    uint64_t calls, primitive; /* all of them, and those that were not recursive; 0 = not known */
    double self_s, cum_s;
    double called_s; /* what functions that are not Python took when it called them .. */
    uint64_t called; /* .. and how often it did */
    struct tracer_caller *callers;
    size_t n_callers, callers_size;
};

struct tracer {
    struct arena arena;
    const char *form; /* "pstats", "yappi callgrind" or "callgrind" */
    struct tracer_function *functions;
    size_t n, size;
    double total_s; /* self times of all */
    uint64_t calls;
    bool swapped; /* all calls and those not recursive stood in each other's place (yappi) */
};

MUST_CHECK enum status tracer_read(struct tracer *tracer, const char *path, struct problem *why);
void tracer_clear(struct tracer *tracer);

/* The same from bytes; each refuses what is not of its form. */
MUST_CHECK enum status tracer_parse_pstats(struct tracer *tracer, const void *bytes, size_t len,
                                           struct problem *why);
MUST_CHECK enum status tracer_parse_callgrind(struct tracer *tracer, const char *text, size_t len,
                                              struct problem *why);

/* A new function; for those who fill a tracer. */
struct tracer_function *tracer_add(struct tracer *tracer, const char *name, const char *file,
                                   uint32_t line);
void tracer_add_caller(struct tracer *tracer, uint32_t function,
                       const struct tracer_caller *caller);

/* Sums, when all functions are there. */
void tracer_finish(struct tracer *tracer);

#endif
