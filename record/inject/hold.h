/* SPDX-License-Identifier: MIT */
/*
 * hold - stop one thread, point it at our code, let it go.
 *
 * On the line:  inject: victim -> [hold] -> mailbox, stub
 * Threads:      one, which must not outlive a thread that did not stop: see hold_thread.
 * Memory:       the caller's.
 *
 * x86-64 only: whoever calls it has looked.
 */
#ifndef PYREC_RECORD_HOLD_H
#define PYREC_RECORD_HOLD_H

#include "inject_plan.h"
#include "mailbox.h"
#include "record/regard/regard.h"
#include "victim.h"

/* Where code and mailbox are to be. */
struct hold_place {
    uint64_t code;    /* room for the stub at the end of a page of code, all zero or an old stub */
    uint64_t mailbox; /* where there is one, or where nothing is mapped */
    bool is_again;    /* there is one */
    bool is_clean;    /* .. of which nothing is left but the storage of its thread */
    uint32_t tid_offset; /* of a thread's number in libc's struct of it */
};

enum hold_result {
    HOLD_DONE,
    HOLD_LATER,    /* not at this moment: nothing was done */
    HOLD_CHANGED,  /* the mailbox is not as it was found: nothing was done */
    HOLD_GONE,     /* the thread, or the process */
    HOLD_STUCK,    /* it does not stop: give up, and end, so that the kernel lets it go */
    HOLD_UNKNOWN,  /* its libc's struct of a thread is not what it says */
    HOLD_FILTERED, /* held.objection: its filters would not let our calls through */
    HOLD_FAILED,   /* *error */
};

#define HELD_HEAD_WORDS 7 /* up to the guards of stacks and pointers */

struct held {
    pid_t tid;
    bool is_out;                    /* it has stopped, outside of our code */
    const char *objection;          /* the name of a call; "" = its filters cannot be read */
    uint64_t head[HELD_HEAD_WORDS]; /* of its thread-local storage, while it was stopped */
    uint64_t begin_ns, stopped_ns;  /* CLOCK_MONOTONIC when it had stopped, and for how long */
    const char *hindrance;          /* why it did not stop, see wait.h; NULL = that does not show */
};

/* `is_alone`: the process has no other thread. */
enum hold_result hold_thread(const struct inject_plan *plan, const struct regard *regard,
                             const struct hold_place *place, pid_t tid, bool is_alone,
                             struct held *held, int *error);

/* Is a thread in our code? Of one that runs nothing is seen. */
enum hold_sight { SIGHT_OUT, SIGHT_INSIDE, SIGHT_RUNS };
enum hold_sight hold_sight(pid_t pid, pid_t tid, uint64_t code);

/* It is out, or has run for so long that it must be; waits for that 100 ms at most. Not enough for
 * taking what it may still need. */
bool hold_seems_out(pid_t pid, pid_t tid, uint64_t code);

/* Nobody is in the mailbox, or has come to it. */
bool hold_is_free(const struct mailbox *is);

/* Take away what an earlier attaching wrote into the mailbox, when nobody is in there. */
bool hold_clean(const struct regard *regard, const struct hold_place *place);

/* Write where the process itself may not. */
bool hold_poke(pid_t tid, uint64_t at, const void *from, size_t n);

#endif
