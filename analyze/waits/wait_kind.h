/* SPDX-License-Identifier: MIT */
/*
 * wait_kind - what a thread waits for that somebody else must let go, or let happen.
 *
 * On the line:  a blocked thread's call and stack -> [wait_kind] -> wait_log, wait_judge
 * Memory:       literals.
 *
 * The kernel sees one call, futex, for all of Python's locks, conditions, queues and threads that
 * end. What tells them apart is who calls it: names of Python's own library. A lock that C code
 * takes, and a queue.SimpleQueue, look like a lock of the function that called them.
 */
#ifndef PYREC_ANALYZE_WAIT_KIND_H
#define PYREC_ANALYZE_WAIT_KIND_H

#include "analyze/read/scene.h"

enum wait_kind {
    WAIT_NONE,
    WAIT_LOCK,      /* somebody has taken it, and nobody else can let it go */
    WAIT_SHARED,    /* .. in this process or in another one */
    WAIT_SEMAPHORE, /* several may have taken it; it has no owner */
    WAIT_SIGNAL,    /* for what another thread does: it sets, puts, notifies, ends */
    WAIT_KIND_COUNT
};

/* Of a thread that is blocked in that call (of the scene; SCENE_NO_CALL is WAIT_NONE) there. */
enum wait_kind wait_kind_of(const struct scene *scene, uint32_t node, uint32_t call);

/*
 * The frame that holds the lock once it has it: of who is blocked there the leaf, or what called
 * it, where the leaf does nothing but take it (acquire, __enter__). TREE_ROOT when there is none.
 */
uint32_t wait_taker(const struct scene *scene, uint32_t node);

#endif
