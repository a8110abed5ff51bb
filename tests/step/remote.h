/* SPDX-License-Identifier: MIT */
/*
 * remote - the memory of a stopped process, read by the walker as if it were its own.
 *
 * Implements peek() and peek_bytes() of record/agent/base/peek.h on top of process_vm_readv, with a
 * cache of pages that is good for one instruction.
 */
#ifndef PYREC_TESTS_REMOTE_H
#define PYREC_TESTS_REMOTE_H

#include "record/agent/cpython/pyver.h"
#include <stddef.h>
#include <sys/types.h>

struct remote {
    struct pyver ver;
    uintptr_t runtime, code_type, tstate;
    uintptr_t eval_loop; /* _PyEval_EvalFrameDefault */
};

/* Start a program, traced, and let it run until it stops itself; -1 when it does not. */
pid_t remote_start(char **command);

/* Find the interpreter in a stopped process. False: `why` says why not. */
bool remote_open(struct remote *remote, pid_t pid, char *why, size_t size);

/* The memory of this stopped process is what is read from now on. */
void remote_look_at(pid_t pid);

/* The process has moved: what was read is no longer true, and is read anew. */
void remote_refresh(void);

#endif
