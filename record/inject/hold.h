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
#include "record/regard/regard.h"
#include "victim.h"

/* Where code and mailbox are to be. */
struct hold_place {
    uint64_t code;    /* room for the stub at the end of a page of code, all zero or an old stub */
    uint64_t mailbox; /* where there is one, or where nothing is mapped */
    bool is_again;    /* there is one */
    uint32_t tid_offset; /* of a thread's number in libc's struct of it */
};

enum hold_result {
    HOLD_DONE,
    HOLD_LATER,    /* not at this moment: nothing was done */
    HOLD_GONE,     /* the thread, or the process */
    HOLD_STUCK,    /* it does not stop: give up, and end, so that the kernel lets it go */
    HOLD_UNKNOWN,  /* its libc's struct of a thread is not what it says */
    HOLD_FILTERED, /* held.objection: its filters would not let our calls through */
    HOLD_FAILED,   /* *error */
};

#define HELD_HEAD_WORDS 7 /* up to the guards of stacks and pointers */

struct held {
    pid_t tid;
    const char *objection;          /* the name of a call; "" = its filters cannot be read */
    uint64_t head[HELD_HEAD_WORDS]; /* of its thread-local storage, while it was stopped */
    uint64_t begin_ns, stopped_ns;  /* CLOCK_MONOTONIC when it had stopped, and for how long */
    const char *hindrance;          /* why it did not stop, see wait.h; NULL = that does not show */
};

/* `is_alone`: the process has no other thread. */
enum hold_result hold_thread(const struct inject_plan *plan, const struct regard *regard,
                             const struct hold_place *place, pid_t tid, bool is_alone,
                             struct held *held, int *error);

/* Whether a thread is out of our code for certain; waits for it 100 ms at most. */
bool hold_is_out(pid_t pid, pid_t tid, uint64_t code);

/* Write where the process itself may not. */
bool hold_poke(pid_t tid, uint64_t at, const void *from, size_t n);

#endif
