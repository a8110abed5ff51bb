/* SPDX-License-Identifier: MIT */
/*
 * rlock - whether a thread waits for a lock of Python's that has an owner, and whose it is.
 *
 * On the line:  outside -> [rlock] -> dump_take
 * Threads:      one.
 * Memory:       none.
 * Loss:         what is not proved is not said. A plain Lock has no owner: who has acquired it
 *               stands nowhere.
 *
 * A thread that waits sleeps in futex(), at an address that belongs to one lock. The object is
 * among what the thread's innermost frame holds: the method that it calls, or the lock itself. So
 * each reference there is followed, and an object is believed only if it is an RLock (or a class
 * that is derived from it, or the one of `threading` that is written in Python) and the address is
 * that of its own lock. Up to 3.13 that is the address itself, from 3.14 on it stands beside it, in
 * what the waiting thread has put in for itself (`struct wait_entry` of parking_lot.c).
 *
 * The owner's number is read while the thread is proved to stand still: it waits then, and the
 * lock is whose the number says at that moment.
 */
#ifndef PYREC_RECORD_RLOCK_H
#define PYREC_RECORD_RLOCK_H

#include "record/agent/cpython/interp.h"

struct rlock {
    bool is_there;  /* it waits for one */
    uint64_t owner; /* its pthread_t; 0 = it changes hands just now, or cannot be read */
};

/* What the thread of this state, which sleeps at `futex`, waits for. In a reading. */
struct rlock rlock_find(const struct interp *interp, uintptr_t tstate, uint64_t futex);

#endif
