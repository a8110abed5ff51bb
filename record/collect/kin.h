/* SPDX-License-Identifier: MIT */
/*
 * kin - the processes that are attached to, and what descends from them.
 *
 * On the line:  session -> [kin] -> hello: who may enter the recording
 * Threads:      one.
 * Memory:       the caller's struct, zeroed; kin_clear.
 * Loss:         nobody knows whose child a process was that has been reaped: it may enter. So may a
 *               process that began after pyrec and whose parent is the first of its PID namespace,
 *               which takes orphans in.
 *
 * Whoever may read a process's environment knows the cookie. Where pyrec attaches, it knows
 * beforehand whom it records, so it believes nobody else, cookie or not. Who has entered is kin
 * from then on, and so are its children, also when it has ended and left them to others.
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
