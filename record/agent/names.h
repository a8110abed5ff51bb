/* SPDX-License-Identifier: MIT */
/*
 * names - what Python's threading module calls its threads.
 *
 * On the line:  beside it: WIRE_THREAD_NAME records.
 * Threads:      names_ask and names_drain by the sampler. The reading itself needs the GIL: it is a
 *               pending call, which any thread runs at its next opportunity (3.12 and later), or
 *               the main thread (before). When nobody runs it, all being blocked, a thread of the
 *               agent's own takes the GIL once, reads, and ends; never in a process with one
 *               thread, which may be about to end.
 * Memory:       one table, reserved at start.
 * Loss:         a thread that ends before its name is read keeps the kernel's name.
 *
 * Only threading._active is read (a dict of ident -> Thread) and each one's _name attribute; no
 * Python code runs, no lock of Python's is taken but the GIL.
 */
#ifndef PYREC_AGENT_NAMES_H
#define PYREC_AGENT_NAMES_H

#include "place.h"
#include "report.h"
#include <pthread.h>

#define NAMES_MAX 16384u
#define NAME_LEN  112u

struct name {
    uint64_t ident;
    uint32_t len;
    bool fresh; /* not what it was at the look before */
    bool seen;  /* at the look that is under way */
    char text[NAME_LEN];
};

enum names_state { NAMES_IDLE, NAMES_ASKED, NAMES_READ };

struct names {
    const struct interp *interp;
    struct name *list; /* in the order of threading._active, which seldom changes */
    uint32_t n;
    uint32_t hint;          /* where the next one is likely to be */
    _Atomic uint32_t state; /* release by who reads, acquire by the sampler; NAMES_READ: the table
                               is the sampler's, until it asks again */
    _Atomic int32_t helper_tid;
    _Atomic bool is_queued; /* a pending call of ours was not run yet */
    struct place forked_at; /* in a child: nobody is asked before that call has returned */
    uint64_t asked_ns, next_ns, wait_ns;
    uint32_t known_threads; /* id of the newest thread when we asked last */
};

bool names_init(struct names *names, const struct interp *interp);
void names_reset(struct names *names);

/* Ask for the names when it is time: a new thread, or the last look is some seconds ago. */
void names_ask(struct names *names, const struct threads *threads, uint64_t now_ns);

/* Write what has been read. */
void names_drain(struct names *names, struct threads *threads, struct report *report);

#endif
