/* SPDX-License-Identifier: MIT */
/*
 * exec - no signal of ours may be under way when a thread calls exec.
 *
 * On the line:  beside it: the exec family, interposed.
 * Threads:      exec on any thread of the program, also in children of vfork, where it does
 *               nothing; exec_gate_enter and exec_gate_leave on the sampler's.
 * Memory:       static; execl and its like take as much stack as there are arguments.
 *
 * A signal that is pending survives exec and would kill the new program. So there is a gate: the
 * sampler passes it around each signal that it sends; a thread that is about to exec shuts it and
 * waits until nobody is in there.
 */
#ifndef PYREC_AGENT_INTERPOSE_EXEC_H
#define PYREC_AGENT_INTERPOSE_EXEC_H

#include <stdbool.h>
#include <stdint.h>

/* Called on a thread that is about to exec, and with false when that has failed. */
typedef void exec_fn(bool begins);

/* This process is recorded from now on, or no longer. */
void exec_gate_open(int32_t pid, exec_fn *told);
void exec_gate_close(void);

/* Around sending a signal. False: somebody is about to exec, send none (and do not leave). */
bool exec_gate_enter(void);
void exec_gate_leave(void);

#endif
