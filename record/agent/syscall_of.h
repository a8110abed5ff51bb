/* SPDX-License-Identifier: MIT */
/*
 * syscall_of - what a thread that stands still is doing: which system call, or waiting for a CPU.
 *
 * On the line:  /proc -> [syscall_of] -> sampler
 * Threads:      the sampler only, whose table of file descriptors is its own.
 * Loss:         where /proc cannot be read the answer is "not known".
 */
#ifndef PYREC_AGENT_SYSCALL_OF_H
#define PYREC_AGENT_SYSCALL_OF_H

#include <stdbool.h>
#include <stdint.h>

enum standing_kind {
    STANDING_UNKNOWN,
    STANDING_READY,   /* runnable; no CPU was free for it */
    STANDING_CALL,    /* blocked in system call number `call` */
    STANDING_OUTSIDE, /* blocked, but in no system call (a page fault, a stop) */
};

struct standing {
    enum standing_kind kind;
    int32_t call;
    uint64_t argument; /* its first */
};

/*
 * Read /proc/self/task/TID/syscall. *fd is the thread's cached descriptor, -1 when it has none;
 * it is kept open when `keep` says there is room. 1 us when it is open, 6 us when not.
 */
struct standing syscall_of_thread(int32_t tid, int32_t *fd, bool keep);

#endif
