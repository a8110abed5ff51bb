/* SPDX-License-Identifier: MIT */
/*
 * wait_log - what all threads did while one of them waited for a lock.
 *
 * On the line:  scene -> [wait_log] -> wait_judge
 * Threads:      one at a time.
 * Memory:       struct wait_log is the caller's, zeroed before the first use; wait_log_clear takes
 *               it back. 24 bytes per tick; a thread that stays where it is takes 24 bytes, one
 *               that runs as much per change. Nothing is kept of waits that were judged.
 * Loss:         of a wait with more than WAIT_RUNS_MAX ticks or changes nothing more is kept:
 *               `full`.
 *
 * Ticks count on from the first range that was given, so that a wait may go over the borders of
 * ranges. It is logged from its first tick to the second one after it: who lets go of a lock may
 * be seen to move a tick before the waiter is, or one after it.
 *
 * Always true:  the runs of a thread are in order and do not overlap.
 */
#ifndef PYREC_ANALYZE_WAIT_LOG_H
#define PYREC_ANALYZE_WAIT_LOG_H

#include "wait_kind.h"

#define WAIT_RUNS_MAX  1000000u
#define WAIT_LOOKAHEAD 2u /* ticks behind a wait that are logged */

/* A thread was in one place and state. */
struct wait_run {
    uint32_t first, n; /* ticks */
    uint32_t node, call;
    enum state_class class;
    bool moved; /* it ran before every one of these ticks: its clock says so, or its stack; else
                   before none */
};

struct wait_peer {
    const struct thread *thread;
    struct wait_run *runs;
    size_t n, size;
};

struct wait {
    uint32_t first, end; /* ticks: it waited in first .. end - 1 */
    bool ended;          /* else it goes on, and `end` says nothing */
    bool counts;         /* its samples are of what was asked for */
    uint32_t node, call;
    enum wait_kind kind;
};

/* What all ticks before one stand for, from the first that is logged on. */
struct wait_tick {
    uint64_t wall_ns, due;
    uint64_t at_ns; /* when it begins, on the common clock */
};

struct wait_log {
    uint32_t base;           /* ticks of the ranges before */
    uint32_t first, logged;  /* from this tick on, up to that one */
    struct wait_tick *ticks; /* of tick `first` and on; one more than there are */
    size_t ticks_size;
    bool full;
    struct wait_peer *peers; /* the waiting one, too */
    size_t n_peers, peers_size, next, n_runs;
    struct wait *waits; /* that are not judged; only the last may go on */
    size_t n_waits, waits_size;
};

/*
 * Add the open range of the scene, in which the thread (NULL = it has no samples there) is of
 * interest from tick `begin` to `end`. To be given every range from the first to one behind the
 * last.
 */
void wait_log_range(struct wait_log *log, struct scene *scene, const struct select *select,
                    const struct scene_thread *own, uint32_t begin, uint32_t end);

/* Of a process whose waits nobody asks for: add all threads in the ticks first .. end - 1 of the
 * open range. To be given every range, in order. */
void wait_log_ticks(struct wait_log *log, struct scene *scene, uint32_t first, uint32_t end);

/* Is there a wait that is over, and of which enough is logged? */
bool wait_log_is_settled(const struct wait_log *log, const struct wait *wait);

/* Forget the first n waits, and what was logged of them. */
void wait_log_forget(struct wait_log *log, size_t n);

const struct wait_peer *wait_log_peer(const struct wait_log *log, const struct thread *thread);

/* Number of the last run that begins at or before the tick; SIZE_MAX when there is none. */
size_t wait_run_before(const struct wait_peer *peer, uint32_t tick);

/* What the ticks first .. end - 1, which are logged, stand for: wall in ns. */
struct weight wait_weight(const struct wait_log *log, uint32_t first, uint32_t end);

/* What the thread did at a tick; NULL when it was not seen. */
const struct wait_run *wait_run_at(const struct wait_peer *peer, uint32_t tick);

void wait_log_clear(struct wait_log *log);

#endif
