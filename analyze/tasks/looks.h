/* SPDX-License-Identifier: MIT */
/*
 * looks - what the suspended tasks of asyncio loops were seen to wait for, out of a Samples
 * message.
 *
 * On the line:  Samples packet -> [looks] -> awaits
 * Threads:      each worker has its own.
 * Memory:       a look's columns are in the reader's arena: good until the next one.
 * Loss:         a message whose looks break its rules is damaged, as a whole.
 */
#ifndef PYREC_ANALYZE_LOOKS_H
#define PYREC_ANALYZE_LOOKS_H

#include "analyze/model/dict.h"
#include "format/columns.h"
#include "format/proto_arena.h"

struct look {
    uint32_t thread; /* id */
    uint32_t tick;   /* of the message */
    uint64_t wall_q; /* the time that it stands for */
    enum look_outcome { LOOK_TAKEN, LOOK_SAME, LOOK_RAN, LOOK_UNREADABLE, LOOK_COUNT } outcome;
    uint32_t tasks, unread, unknown;
    size_t n;                                    /* groups of tasks that wait alike */
    const uint32_t *stack, *wait, *name, *count; /* name: NULL = none has one */
    size_t n_contexts;                           /* which of these tasks are in a phase or label */
    const uint32_t *context_entry, *context_count;
    const int64_t *context;
};

/* So many tasks of one group are in one context: a number of the process's. */
struct look_context {
    size_t entry;
    uint64_t context;
    uint32_t count;
};

/* Are they as they should be? Stacks and strings that nobody defined are no fault of theirs. */
MUST_CHECK enum status looks_check(struct proto_column samples, uint32_t n_ticks,
                                   struct proto_arena *arena, struct problem *why);

/* The next one of the message; `rest` is at first the message, then what is left of it. */
bool looks_next(struct proto_column *rest, struct proto_arena *arena, struct look *look);

/* The next one; `at` is 0 at first, `last` zeroed, and holds it. False: that were all. */
bool look_next_context(const struct look *look, size_t *at, struct look_context *last);

/* The stack of its group i, or DICT_STACK_LOST. */
uint32_t look_stack(const struct look *look, const struct dict *dict, size_t i);

#endif
