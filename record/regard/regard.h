/* SPDX-License-Identifier: MIT */
/*
 * regard - what a process is, and whether it can be looked into and attached to. Touches nothing.
 *
 * On the line:  /proc, remote -> [regard: python_find, reason] -> inject, dump, ps
 * Threads:      one; outside's peek() is open on the process when it could be looked into.
 * Memory:       the caller's: regard_open, then regard_close in any case.
 * Loss:         what the kernel does not show is not known; the first call that needs it fails.
 */
#ifndef PYREC_RECORD_REGARD_H
#define PYREC_RECORD_REGARD_H

#include "python_find.h"
#include "reason.h"
#include "record/remote/remote_memory.h"

struct regard {
    struct facts facts;
    enum reason not_to_look, not_to_attach; /* REASON_NONE: it can be done */
    struct remote remote;
    struct remote_maps maps;
    struct remote_images images;
    struct python python; /* where it could be looked into */
    uint64_t start;       /* of the process, in clock ticks since boot */
    int pidfd;            /* -1 = cannot be had */
    int lock;             /* while it is open nobody else attaches to the process; -1 = none */
};

/*
 * How to look, any of them. LOCK: nobody else is to attach to it meanwhile. AWAIT: somebody named
 * the process. If it has just begun, and there is no Python in it, it is looked at again until it
 * is REGARD_AWAIT_S seconds old: it may be a shell's child, or a script, that is about to execute
 * one.
 */
enum regard_how { REGARD_LOCK = 1, REGARD_AWAIT = 2 };
#define REGARD_AWAIT_S    3u
#define REGARD_LOADING_NS 1000000000u /* so long its libraries are waited for */

/* Look; `how`: a sum of enum regard_how. */
void regard_open(struct regard *regard, pid_t pid, unsigned how);
void regard_close(struct regard *regard);

/* Does an agent record in it now? False, too, where that cannot be looked at. */
bool regard_has_recorder(pid_t pid);

/* Whether the number still is that process's. */
bool regard_is_same(const struct regard *regard);

#endif
