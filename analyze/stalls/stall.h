/* SPDX-License-Identifier: MIT */
/*
 * stall - the times in which a thread did not come back to its idle place, and what happened then.
 *
 * On the line:  scene + idle_model -> [stall] -> cmd_stalls
 * Threads:      one at a time.
 * Memory:       struct stalls is the caller's, zeroed before stalls_find; stalls_clear takes it
 *               back. Threads are the census's, numbers the scene's.
 *
 * A stall begins with the first sample that is not idle and ends with the last one before the
 * thread is seen in its idle place again, so it is known to one tick at either end. It is found
 * first, without details, so that only those that are told cost anything.
 *
 * --state decides nothing about what a stall is, only what of it counts (`counted`) where it is
 * told, and that those in which the thread was never so are not told. CPU is as the clock moved
 * (cpu_q of carry.h) from the stall's begin on: all of it is in cpu_ns, whatever the samples; in
 * `counted` a sample has what carry_take gives it. What was used before it is not the stall's.
 */
#ifndef PYREC_ANALYZE_STALL_H
#define PYREC_ANALYZE_STALL_H

#include "analyze/idle/idle_model.h"
#include "analyze/model/carry.h"
#include "analyze/model/metric.h"
#include "analyze/waits/awaits.h"
#include "analyze/waits/wait_kind.h"

enum stall_kind {
    STALL_STACK, /* of the thread itself: number = node */
    STALL_TREE,  /* the same for every caller below the loop: what is below a node; of the loop's
                    own frame, where it did the work itself */
    STALL_CALL,  /* blocked: number = node, call */
    STALL_GIL,   /* waiting for the GIL: thread = who held it (or NULL), number = node it was in */
    STALL_WORLD, /* waiting until the world goes on: thread = who stopped it (or NULL), number =
                    node it was in */
    STALL_HELD,  /* waiting for a lock: thread = who likely held it, number = node it was in, call
                    when it was blocked; thread NULL = it cannot be told. wall_ns is by its states,
                    `counted` the waiter's */
    STALL_OTHER, /* another thread: number = node; call when it was blocked */
};

/* Why a thread is likely the one that let go; what says most first. wait_judge.h */
enum stall_evidence {
    EVIDENCE_NONE,
    EVIDENCE_BLOCK_LEFT, /* it was past the line the waiter stands in, and went on at the end */
    EVIDENCE_NEXT_MOVE,  /* it went on at the end, and had not run since the beginning */
    EVIDENCE_BLOCK,      /* it was past that line all the while */
    EVIDENCE_WENT_ON,    /* it went on at the end from where it had been all the while */
    EVIDENCE_RAN_ONCE,   /* it ran at the end, and not before; it is there again: as good as that */
};

/* Why it cannot be told. */
enum stall_unheld {
    UNHELD_NOBODY_RAN,  /* as the wait ended, none of the other threads ran */
    UNHELD_SEVERAL,     /* several threads fit equally */
    UNHELD_NOBODY_FITS, /* some ran, none went on */
    UNHELD_SHORT,       /* too few samples to see that */
    UNHELD_OPEN,        /* the wait did not end */
    UNHELD_LONG,        /* more samples than are kept */
    UNHELD_COUNT
};

struct stall_entry {
    enum stall_kind kind;
    const struct thread *thread;
    uint32_t number, call;
    uint64_t wall_ns[CLASS_COUNT];
    struct weights counted; /* what of it was asked for; times in ns */
};

/* A wait that no thread of its own process was seen to end: another process may have. */
struct stall_shared {
    uint64_t begin_ns, end_ns; /* when it was seen waiting first and last */
    uint64_t slack_ns;         /* what it waits for may have been let go so much before that end */
    bool ended, own;           /* own: threads of its own process are looked at as well */
    bool counts;               /* its samples are of what was asked for */
    uint32_t node, call;
    enum wait_kind kind;
    struct stall_entry unheld; /* how it is told where nobody fits; nothing, of one that asks */
    enum stall_unheld why;
};

/* A thread of the process in the stall's time. */
struct stall_peer {
    const struct thread *thread;
    struct carry carry;           /* ns, for `counted` */
    uint64_t held_ns;             /* what it likely held the lock for; of all waits */
    enum stall_evidence evidence; /* .. the weakest of all of these */
};

/* When suspended tasks of the thread's loop were seen; stall_look.h. */
enum stall_sight {
    SIGHT_NOT_KNOWN, /* its loop was not looked at near it */
    SIGHT_AFTER,
    SIGHT_BEFORE,
    SIGHT_IN,
};

/* What they waited for: the loop's, as they were seen once; or those of a phase, in all looks. */
struct stall_tasks {
    enum stall_sight sight;
    uint64_t off_ns; /* since its beginning, before that, or after its end */
    bool own;        /* the phase's, of which some were seen; numbers are the most at a time */
    uint32_t n_tasks, n_unread, n_unknown;
    double ready;                  /* waited for nothing but the loop */
    uint64_t some_ns;              /* of a phase: time in which any was suspended, .. */
    uint64_t known_ns, unknown_ns; /* .. in which it is known whether any was, and is not */
    struct awaits_loop at;  /* of the rows; of those that were seen once one tick of a nanosecond */
    struct await_row *rows; /* most tasks first */
    size_t n, size;
};

struct stall {
    const struct thread *thread;
    const struct idle_thread *idle;
    uint64_t begin_ns, end_ns; /* on the common clock */
    uint64_t wall_ns;          /* what was observed of it; at least over_ns */
    uint64_t cpu_ns;           /* what the thread's clock moved by in it */
    uint64_t class_ns[CLASS_COUNT];
    uint64_t samples, ticks; /* in all states */
    struct weights counted;
    struct carry carry; /* ns, for `counted` */
    bool open;          /* the recording ends with it */
    bool asked;         /* of a phase: it is told whatever its samples are */
    bool ended;         /* the thread, or the phase, ended with it */
    bool several;       /* it may be several pieces of work, one after the other */
    const char *phase;  /* it is a phase that took long: its name; NULL = it is a stall */
    const char *detail; /* of that; "" = none */
    uint64_t phase_number, elsewhere_ns; /* of the time its thread was not in it: at another task */
    uint64_t phase_begin_ns, phase_end_ns; /* as the program has measured it; begin_ns and end_ns
                                              are those of its ticks */

    struct stall_entry *entries; /* after stalls_detail */
    size_t n, size;
    struct hash hash;
    struct stall_peer *peers; /* as they came */
    size_t n_peers, peers_size;
    size_t next;          /* where the next one is looked for first: they come in the same order */
    struct wait_log *log; /* while reading; NULL = nothing to log yet */
    uint64_t lock_ns[WAIT_KIND_COUNT]; /* it waited for somebody else */
    uint64_t unheld_ns[UNHELD_COUNT];  /* of it, for nobody can tell whom */
    const struct thread *maybe[2];     /* two of those that fitted equally, the last time */
    struct stall_shared *shared;       /* until other processes were looked at */
    size_t n_shared, shared_size;

    struct stall_tasks *tasks; /* NULL = no loop was seen in its thread then */

    uint64_t n_blocked, longest_ns; /* how often it was blocked, and the longest time without a
                                       break; its clock moves when it wakes up */
    uint64_t blocked_ns;            /* while reading: the one that goes on */
    uint32_t blocked_node, blocked_call;
};

struct stall_watch; /* what a thread is doing while stalls are looked for */

struct stalls {
    struct scene *scene;
    struct idle *idle;
    const struct select *select;
    uint64_t over_ns;
    const struct metric *metric; /* by which they are in order; NULL = by length */
    struct stall *list; /* those of one piece first, largest first; behind them those without a
                           counted sample */
    size_t n, size;
    size_t n_counted;        /* with one */
    size_t n_without_thread; /* phases that took so long, of which it is not known who began them */
    struct stall_watch *watches;
    size_t n_watches, watches_size;
    struct stall *
        *by_phase;    /* those that are detailed, by process and phase_number; NULL = not yet */
    size_t *watch_of; /* by index of the thread: its watch + 1; 0 = it has none yet */
    size_t watch_of_size;
};

/*
 * In place of stalls: the phases (pyrec.phase()) that --phase asks for and that took over_ns or
 * longer, each as if it were a stall of the thread that began it. Of one that belongs to a task the
 * thread may have done something else meanwhile: that is told, and does not count.
 */
void stalls_find_phases(struct stalls *stalls, struct idle *idle, struct trace *trace,
                        const struct select *select, uint64_t over_ns, const struct metric *metric);

/* For both: one tick more of the thread; when all are found, their order. */
void stall_count(struct stall *stall, const struct scene *scene, const struct span *span,
                 uint32_t tick, bool counts);
void stalls_order(struct stalls *stalls);

/* Read once more for the details of the first n. */
void stalls_detail(struct stalls *stalls, struct trace *trace, const struct select *select,
                   size_t n);
void stalls_clear(struct stalls *stalls);

/* What n ticks of a span weigh, from `first` on; CPU waits in the carry (ns) for whom it is. */
struct weight stall_weight(const struct scene *scene, const struct span *span, uint32_t first,
                           uint32_t n, struct carry *carry);

/* Of a phase: is the thread in it? Of a stall always. */
bool stall_has_span(const struct stall *stall, const struct scene *scene, const struct span *span);

/* From beginning to end, what nobody observed included. */
static inline uint64_t stall_length_ns(const struct stall *stall)
{
    return stall->end_ns - stall->begin_ns;
}

/* What of it nobody observed. */
static inline uint64_t stall_unseen_ns(const struct stall *stall)
{
    const uint64_t seen_ns = stall->wall_ns + stall->elsewhere_ns;
    return stall_length_ns(stall) > seen_ns ? stall_length_ns(stall) - seen_ns : 0;
}

/* For those that find details: add what `more` weighs to the entry with its key; a thread's peer.
 */
void stall_add_entry(struct stall *stall, const struct stall_entry *more);
struct stall_peer *stall_peer_of(struct stall *stall, const struct thread *thread);

/* The entry of a kind with most time; NULL when there is none. */
const struct stall_entry *stall_largest(const struct stall *stall, enum stall_kind kind);

/* Time in all states. */
static inline uint64_t stall_entry_ns(const struct stall_entry *e)
{
    uint64_t sum_ns = 0;
    for (int c = 0; c < CLASS_COUNT; c++)
        sum_ns += e->wall_ns[c];
    return sum_ns;
}

#endif
