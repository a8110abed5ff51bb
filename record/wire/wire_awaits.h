/* SPDX-License-Identifier: MIT */
/*
 * wire_awaits - those of the wire's records that say what suspended tasks wait for.
 *
 * On the line:  await_looks -> [wire records in the ring] -> stream
 */
#ifndef PYREC_RECORD_WIRE_AWAITS_H
#define PYREC_RECORD_WIRE_AWAITS_H

#include "wire.h"

/* What a suspended task of asyncio's waits for. */
enum wire_await {
    WIRE_AWAIT_READY,  /* for nothing any more, but that its loop goes on */
    WIRE_AWAIT_NEW,    /* likewise: it has not begun */
    WIRE_AWAIT_FUTURE, /* a plain future: whoever has it may end the wait */
    WIRE_AWAIT_TASK,   /* another task: `on` is what that is called */
    WIRE_AWAIT_OTHER,  /* something of the type `on` */
    WIRE_AWAIT_COUNT
};

/* Where a task is suspended: a chain of coroutines. It may be told again, then it is another one.
 */
#define WIRE_CHAINS_MAX 1024u /* numbers are from 1 to below that */
#define WIRE_CHAIN_CUT                                                                             \
    1u /* in record.flags: longer than what is kept, the root side is missing                      \
        */
struct wire_chain {
    struct wire_record record;
    uint32_t chain;
    uint16_t waits; /* enum wire_await */
    uint16_t on;    /* WIRE_TASK's number of a name; 0 = none */
    uint32_t n;
    uint32_t pad;
    struct wire_frame frames[]; /* root first */
};

/* What became of looking at the suspended tasks of a thread's asyncio loop. */
enum wire_look {
    WIRE_LOOK_TAKEN,
    WIRE_LOOK_SAME,       /* as the one before it: the thread has not run since */
    WIRE_LOOK_RAN,        /* the thread was never seen to stand still in a call */
    WIRE_LOOK_UNREADABLE, /* the tasks could not be found */
    WIRE_LOOK_COUNT
};

struct wire_await_entry {
    uint32_t chain;
    uint32_t count; /* of tasks */
    uint32_t name;  /* WIRE_TASK's number of what the program calls them; 0 = nothing */
    uint32_t pad;
};

/* Of the tasks of an entry one is in a phase or label; see mark_queue.h. */
struct wire_await_context {
    uint64_t context;
    uint32_t entry; /* its index */
    uint32_t pad;
};

/* A look, in the tick that it belongs to. */
struct wire_awaits {
    struct wire_record record;
    uint32_t thread;
    uint32_t outcome; /* enum wire_look */
    uint64_t wall_ns; /* the time that it stands for */
    uint32_t tasks;   /* of the loop, suspended */
    uint32_t unread;  /* of these were not looked at: there were too many */
    uint32_t unknown; /* .. changed while they were read, or are of an unknown kind */
    uint32_t n;
    uint32_t n_contexts;
    uint32_t pad;
    struct wire_await_entry entries[]; /* behind them struct wire_await_context */
};

_Static_assert(sizeof(struct wire_chain) == 24, "wire_chain");
_Static_assert(sizeof(struct wire_await_entry) == 16, "wire_await_entry");
_Static_assert(sizeof(struct wire_await_context) == 16, "wire_await_context");
_Static_assert(sizeof(struct wire_awaits) == 48, "wire_awaits");

#endif
