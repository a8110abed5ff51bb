/* SPDX-License-Identifier: MIT */
/*
 * kin - the processes that are attached to, and what descends from them.
 *
 * On the line:  session -> [kin] -> hello: who may enter the recording
 * Threads:      one.
 * Memory:       the caller's struct, zeroed; kin_clear.
 * Loss:         of a process that has been buried nobody knows any more whose child it was: it may
 *               enter. So may one whose parent is the first process of its PID namespace, which
 *               takes orphans in, if it began after pyrec.
 *
 * The cookie is known to whoever may read a process's environment. Where pyrec attaches it is told
 * beforehand whom it records, so that nobody else is believed, cookie or not. Whoever has entered
 * is kin from then on: its children are, when it has ended and left them to others.
 */
#ifndef PYREC_RECORD_KIN_H
#define PYREC_RECORD_KIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct kin_one {
    pid_t pid;
    uint64_t start; /* as in its stat file: its number may be given to another process */
};

struct kin {
    struct kin_one *list;
    uint32_t n, capacity;
    uint32_t tidy_at; /* those that are gone are dropped when there are so many */
    bool is_closed;   /* somebody was added: others are not let in */
    uint64_t since;   /* pyrec's own start */
};

/* One of them; false: no memory, or it is gone. */
bool kin_add(struct kin *kin, pid_t pid);

/* Is it one of them, or below one? Everybody is where nobody was ever added. */
bool kin_has(const struct kin *kin, pid_t pid);

void kin_clear(struct kin *kin);

#endif
