/* SPDX-License-Identifier: MIT */
/*
 * inject_plan - what is to be loaded into whom, by which steps, and how that went.
 *
 * On the line:  run/attach -> [inject_plan] -> inject, and its parts hold and raw
 * Threads, memory: values that borrow their texts.
 */
#ifndef PYREC_RECORD_INJECT_PLAN_H
#define PYREC_RECORD_INJECT_PLAN_H

#include "record/regard/reason.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* How it went; what pyrec exits with. */
enum inject_outcome {
    INJECT_DONE = REASON_FINE,
    INJECT_GONE = REASON_GONE,
    INJECT_RIGHTS = REASON_RIGHTS,
    INJECT_UNFIT = REASON_UNFIT,
    INJECT_BUSY = REASON_BUSY,
    INJECT_FAILED = REASON_FAILED, /* begun, and not done: no memory, no thread .. */
};

/* The steps of it, in order: after each, something in the other process is another. */
enum inject_step {
    INJECT_STEP_LOOKED = 1,  /* locked; nothing is written */
    INJECT_STEP_CLEANED,     /* what an earlier time has left in the mailbox, if there was one */
    INJECT_STEP_SEIZED,      /* a thread, which may be another one at the next try .. */
    INJECT_STEP_INTERRUPTED, /* .. is asked to stop .. */
    INJECT_STEP_STOPPED,     /* .. and has */
    INJECT_STEP_WRITTEN,     /* the code is there */
    INJECT_STEP_POINTED,     /* the thread will execute it */
    INJECT_STEP_LET_GO,      /* and runs */
    INJECT_STEP_RAW,         /* our thread is there, and waits */
    INJECT_STEP_STORAGE,     /* its thread-local storage is filled in .. */
    INJECT_STEP_LETTERS,     /* .. and all else that it needs */
    INJECT_STEP_BEGUN,       /* it was told to go */
    INJECT_STEP_BYTES,       /* the library's bytes are there, where they are needed */
    INJECT_STEP_LOADING,     /* and it knows that */
    INJECT_STEP_ENTERED,     /* the entry has returned */
    INJECT_STEP_RELEASED,    /* our thread has parked */
    INJECT_STEPS
};

struct inject_plan {
    pid_t pid;
    const char *library; /* its path */
    const char *entry;   /* int ENTRY(const char *settings) */
    const char *settings;
    const char *settings_filtered; /* for one under a filter of system calls; NULL = the same */
    bool is_awaited;               /* it may have just begun: see REGARD_AWAIT */
    /* Called in the child, once, when the process gets no CPU and is waited for longer because of
     * that. NULL = it is not waited for longer. */
    void (*on_slow)(pid_t pid);
    /* Tests: called before each step, in the child. NULL = not. */
    void (*on_step)(unsigned step);
    uint64_t second_ns; /* and how long a second is that is waited; 0 = a second */
};

struct inject_result {
    int entry;           /* what it returned */
    bool by_memory;      /* the library went in as bytes: there its path may lead elsewhere */
    uint32_t n_threads;  /* that it had; the only one of a process waits in our code for a while */
    uint64_t stopped_ns; /* the thread that was held: by the kernel .. */
    uint64_t held_ns;    /* .. and until it was seen to be back where it was; 0 = it was not seen */
};

#endif
