/* SPDX-License-Identifier: MIT */
/*
 * regard - may a process be attached to? Looks, and touches nothing.
 *
 * On the line:  /proc, remote -> [regard] -> inject
 * Threads:      one.
 * Memory:       the caller's: regard_open, then regard_close in any case.
 * Loss:         what the kernel does not show is not known; the first call that needs it fails.
 */
#ifndef PYREC_RECORD_REGARD_H
#define PYREC_RECORD_REGARD_H

#include "inject.h"
#include "record/remote/remote_memory.h"

struct regard {
    struct remote remote;
    struct remote_maps maps;
    struct remote_images images;
    uint64_t start; /* of the process, in clock ticks since boot */
    int pidfd;      /* -1 = cannot be had */
    int lock;       /* while it is open nobody else attaches to the process */
};

/* INJECT_DONE: it may. Else why not. */
enum inject_outcome regard_open(struct regard *regard, pid_t pid, struct problem *why);
void regard_close(struct regard *regard);

/* Does an agent record in it now? False, too, where that cannot be looked at. */
bool regard_has_recorder(pid_t pid);

/* Whether the number still is that process's. */
bool regard_is_same(const struct regard *regard);

#endif
