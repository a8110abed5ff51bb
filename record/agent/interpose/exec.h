/* SPDX-License-Identifier: MIT */
/*
 * exec - what a new program inherits is what the program meant it to.
 *
 * On the line:  beside it: the exec family and posix_spawn, interposed.
 * Threads:      exec on any thread of the program, also in children of vfork with a small stack.
 * Memory:       static; execl and its like take as much stack as there are arguments.
 *
 * A signal that is pending survives exec and would kill the new program: so none is sent to a
 * thread that is about to exec, and it waits for what is under way. The mask and the signals that
 * are ignored are inherited: they are as the program has set them, without us. And the environment
 * says that the new program is recorded, too: see preload.h.
 */
#ifndef PYREC_AGENT_INTERPOSE_EXEC_H
#define PYREC_AGENT_INTERPOSE_EXEC_H

#include <stdbool.h>
#include <stdint.h>

/* Called on a thread that is about to exec, and with false when that has failed. */
typedef void exec_fn(bool begins);

/* This process is recorded from now on; or no longer. */
void exec_watch(int32_t pid, exec_fn *told);
void exec_forget(void);

#endif
