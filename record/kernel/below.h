/* SPDX-License-Identifier: MIT */
/*
 * below - the programs that processes had started before we came to them.
 *
 * On the line:  /proc -> [below] -> attach
 * Threads:      one.
 * Memory:       caller's storage; zeroed, then below_clear.
 * Loss:         a child whose parent has ended is not found. More than BELOW_MAX are not looked at.
 *
 * Children that a process starts after it was attached to come by themselves. Older ones are looked
 * for in /proc by the number of their parent, again and again until no new one is found: they may
 * start others meanwhile.
 */
#ifndef PYREC_RECORD_BELOW_H
#define PYREC_RECORD_BELOW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define BELOW_MAX 20000u

enum below_fate {
    BELOW_UNSEEN,  /* to be looked at */
    BELOW_LATER,   /* not at this moment: to be tried again */
    BELOW_OTHER,   /* no Python is in it: to be looked at again, it may execute one */
    BELOW_COMES,   /* it says hello by itself */
    BELOW_JOINED,  /* it was attached to; so are the ones that were named */
    BELOW_MISSING, /* it is Python, and cannot be attached to: counted */
};

struct below_row {
    pid_t pid, parent;
    uint64_t start; /* in clock ticks since boot */
    enum below_fate fate;
    bool is_named;  /* by the user */
    uint64_t since; /* JOINED: not before, as `start` */
};

struct below {
    struct below_row *rows;
    uint32_t n, capacity;
};

/* A process that the user has named and that was attached to, not before `since`. */
void below_add(struct below *below, pid_t pid, uint64_t since);

/* Find who is there now; true when somebody is new. */
bool below_find(struct below *below);

/* Whether a process began after its parent was attached to, as far as that shows. */
bool below_is_younger(const struct below *below, const struct below_row *row);

/* Now, in clock ticks since boot. */
uint64_t below_now(void);

/* How many Pythons there were below this one, those left out that come by themselves. */
uint32_t below_count(const struct below *below, pid_t root);

void below_clear(struct below *below);

#endif
