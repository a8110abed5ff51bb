/* SPDX-License-Identifier: MIT */
/*
 * victim - which thread of a process is held for some microseconds.
 *
 * On the line:  /proc -> [victim] -> inject
 * Threads:      one.
 * Memory:       the caller's; victims_clear.
 * Loss:         a thread goes on after it was looked at: what it does may be another thing by then.
 *
 * A thread that computes notices nothing. Of one that is blocked in a system call the kernel cuts
 * the call short: most are begun again by themselves, some end with EINTR or with less than was
 * asked for, which a program may not expect. Those are touched only where the interpreter itself
 * calls: it calls again (PEP 475). Some are never touched: a write() of which half is done says so.
 */
#ifndef PYREC_RECORD_VICTIM_H
#define PYREC_RECORD_VICTIM_H

#include "record/remote/remote_memory.h"

enum victim_rank {
    VICTIM_RUNS,     /* or waits for a CPU */
    VICTIM_RESTARTS, /* blocked in a call that is begun again by itself */
    VICTIM_CALLED_BY_PYTHON,
    VICTIM_NEVER, /* as long as it is in that call */
};

struct victim {
    pid_t tid;
    enum victim_rank rank;
    long call; /* number of the system call; -1 = none */
};

struct victims {
    struct victim *list; /* those that may be held, best first */
    uint32_t n, capacity;
    uint32_t n_threads; /* of the process, without the kernel's workers */
    long never;         /* a call in which a thread is that may not be held; -1 = there is none */
};

/* False: no memory, or the process is gone. */
bool victims_look(struct victims *victims, const struct remote *remote,
                  const struct remote_images *images);
void victims_clear(struct victims *victims);

/* A system call and what is known of its caller; for tests. */
enum victim_rank victim_rank(long call, const uint64_t arguments[6], bool is_python_calling);

/* An allocator, libc or the loader: whoever is in it may hold its locks, or have half of a list. */
bool victim_image_has_locks(const struct remote_image *image);

#endif
