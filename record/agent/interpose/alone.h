/* SPDX-License-Identifier: MIT */
/*
 * alone - calls that do not bear a second thread, interposed: unshare() and setns() into another
 * user or time namespace, and system call filters.
 *
 * On the line:  beside it: see aside.h.
 * Threads:      whichever calls them, also in a child of fork or vfork.
 * Memory:       none.
 * Loss:         who makes the system call by an instruction of its own, or asks libc.so.6 for the
 *               function by name, is not noticed.
 *
 * The kernel refuses some namespaces to a process with more than one thread. A filter for all
 * threads (SECCOMP_FILTER_FLAG_TSYNC) would kill ours, and the program with it; one for the calling
 * thread alone is inherited by what that thread makes, a sampler of ours included.
 */
#ifndef PYREC_AGENT_INTERPOSE_ALONE_H
#define PYREC_AGENT_INTERPOSE_ALONE_H

#include <stdbool.h>

enum alone_call {
    ALONE_NAMESPACE,     /* is about to be made by a thread that should be the only one */
    ALONE_FILTER,        /* of the calling thread, and what it starts */
    ALONE_FILTER_SHARED, /* of all threads */
};

/*
 * Who is told: `before` the call, and if that returned true, `after` it, with whether the call did
 * what it was to do. Set once, before there are threads.
 */
void alone_watch(bool (*before)(enum alone_call call),
                 void (*after)(enum alone_call call, bool is_done));

#endif
