/* SPDX-License-Identifier: MIT */
/*
 * raw - the thread of ours in the other process, from outside: what it waits for, what it is told.
 *
 * On the line:  inject, when the thread that was held has been let go -> [raw] -> mailbox, stub
 * Threads:      one.
 * Memory:       none of its own.
 * Loss:         it is waited for by the clock: ten seconds. A minute, when all that it needs is a
 *               CPU and the plan has somebody to be told, or until pyrec is asked to end.
 */
#ifndef PYREC_RECORD_RAW_H
#define PYREC_RECORD_RAW_H

#include "job.h"

/* Await it, tell it what to load, await that, let it go. */
enum inject_outcome raw_run(struct job *job);

/* A thread of the process by the number it has for itself; 0 = there is none. */
pid_t raw_thread_find(pid_t pid, pid_t inner);

#endif
