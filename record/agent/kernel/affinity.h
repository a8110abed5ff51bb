/* SPDX-License-Identifier: MIT */
/*
 * affinity - on which CPU the sampler is, on which one a thread, and whether they should be the
 * same.
 *
 * On the line:  how threads were found -> [affinity] -> sampler: move to that CPU
 * Threads:      the sampler's.
 * Memory:       none.
 *
 * Where no CPU is free, the sampler takes one from somebody in every tick. When it is that of
 * another thread than the one it looks at, two are disturbed: one loses its CPU, the other one is
 * signalled across CPUs, and what is read is not in this CPU's caches. On the looked-at thread's
 * own CPU there is no signal at all: having lost the CPU, the thread stands still. The kernel
 * leaves the sampler where it was last; so it goes there once, and is free to be moved again.
 *
 * Only the kernel knows whether a CPU is free. If one is, it puts the sampler there at the next
 * wake-up: the move was in vain then, and the next one is tried later and later.
 *
 * For the same reason the sampler can read a thread that runs and cannot be asked: on the thread's
 * own CPU the thread stands still. Where nobody may be asked, the sampler keeps that CPU, free or
 * not.
 *
 * Where a thread is, or was last, is known from the kernel's rseq, which glibc registers for every
 * thread from 2.35 on. Before, the sampler stays where it is.
 */
#ifndef PYREC_AGENT_AFFINITY_H
#define PYREC_AGENT_AFFINITY_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#define AFFINITY_NOWHERE (-1) /* not known; or: no move */

struct affinity {
    uintptr_t rseq;      /* from a pthread_t to the CPU's number; 0 = there is none */
    int32_t here;        /* our own CPU in this tick */
    int32_t there;       /* that of the thread that answered last, .. */
    int32_t tid;         /* .. and which one it is */
    int32_t went_to;     /* at the end of the tick before */
    uint32_t n_apart;    /* of this window: threads that ran while we did, .. */
    uint32_t n_together; /* .. and such that had to leave their CPU for us */
    uint64_t moved_ns;   /* when it went there */
    uint64_t rest_ns;    /* between two moves, at least */
    bool hold;           /* stay after a move, whatever the kernel would do */
    bool is_held;        /* `allowed` is what was allowed before */
    cpu_set_t allowed;
};

void affinity_init(struct affinity *affinity, bool hold);

/* From now on it is another thread that calls. */
void affinity_change_thread(struct affinity *affinity);

/* A tick begins, on that CPU (sched_getcpu). */
void affinity_begin(struct affinity *affinity, int32_t here);

/* The CPU that the thread with this pthread_t is on, or was last. */
int32_t affinity_of_thread(const struct affinity *affinity, uint64_t ident);

/* A thread was found running, on that CPU; one had to leave its CPU for us. */
void affinity_apart(struct affinity *affinity, int32_t tid, int32_t cpu);
void affinity_together(struct affinity *affinity);

/* The tick is over: where to go, to be with affinity.tid, or AFFINITY_NOWHERE. */
int32_t affinity_look(struct affinity *affinity, uint64_t now_ns);

/*
 * Move the calling thread to that CPU, on which that thread is; it is left free to be moved again,
 * or held. False when that is not allowed, when the CPU is not known, or when the thread has
 * real-time priority: beside it, nobody would ever run.
 */
bool affinity_move(struct affinity *affinity, int32_t tid, int32_t cpu);

/*
 * A thread that is ready to run: had it a CPU until we took it to look? Only if it was last where
 * we are. When it had to leave is not known, only for how long it ran since the tick before,
 * `since_ns` ago: so of such ticks, as many are said to be on a CPU as make up for the time it ran.
 * *owed_ns: the thread's, kept from tick to tick.
 */
bool affinity_was_shared(struct affinity *affinity, uint64_t ident, uint64_t ran_ns,
                         uint64_t since_ns, int64_t *owed_ns);

#endif
