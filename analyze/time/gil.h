/* SPDX-License-Identifier: MIT */
/*
 * gil - who waited for the GIL while who held it, and where.
 *
 * On the line:  scene -> [gil] -> cmd_gil
 * Threads:      one at a time.
 * Memory:       struct gil is the caller's, zeroed before gil_take; gil_clear takes it back.
 *               Entries borrow threads from the census and places from the scene's symbols.
 *
 * At a tick, a thread that waits waits for the one that held the GIL at that tick. Three sums are
 * made of that: by waiting and holding thread and the line it was held in; by the two threads; by
 * holder and line, whoever waited. Chosen states (--state) are those of the holder: who waits is
 * always in the same one.
 *
 * Always true:  the entries of each kind add up to the same waited_ns.
 */
#ifndef PYREC_ANALYZE_GIL_H
#define PYREC_ANALYZE_GIL_H

#include "analyze/model/metric.h"
#include "analyze/read/scene.h"

#define GIL_NO_PLACE UINT32_MAX /* all places together, or not known */

enum gil_kind {
    GIL_WAITS, /* waiter, holder, place */
    GIL_PAIRS, /* waiter, holder */
    GIL_LINES, /* holder, place */
};

/* How much was waited. */
struct gil_amount {
    uint64_t waited_ns; /* all waiting threads together */
    uint64_t samples;   /* ticks at which someone was seen waiting .. */
    uint64_t ticks;     /* .. and the intervals that these account for */
};

struct gil_entry {
    enum gil_kind kind;
    const struct thread *waiter, *holder; /* holder NULL: nobody or not known */
    uint32_t place;
    struct gil_amount amount;
    uint64_t held_ns;                     /* time in which at least one waited */
    uint64_t longest_ns;                  /* the longest of it without a break */
    uint64_t wall_ns;                     /* the waiter's time altogether; filled by gil_finish */
    uint64_t run_ns, run_end_ns, last_ns; /* of the run that may go on, and of the last tick */
};

struct gil {
    const struct select *select;
    struct select holders; /* of it, the states: of the thread that holds the GIL; .. */
    struct select waiters; /* .. and phases, labels, tasks: of the one that waits */
    struct gil_entry *entries;
    size_t n, size;
    struct hash hash;
    uint64_t *wall_ns; /* how long each thread was observed, by its index */
    size_t wall_size;
    bool holders_known;
};

/* What is asked for; the struct is zeroed before. */
void gil_select(struct gil *gil, const struct select *select);

/* Add the open range of a scene: scene_run(.., gil_take, &gil). Or only its ticks first .. end - 1.
 */
void gil_take(void *closure, struct scene *scene);
void gil_take_ticks(struct gil *gil, struct scene *scene, uint32_t first, uint32_t end);
void gil_clear(struct gil *gil);

/* When all ranges are taken: fill what is known at the end only. */
void gil_finish(struct gil *gil);

/* Samples or ticks where the metric is one of these, else the time. */
uint64_t gil_amount_by(const struct gil_amount *amount, const struct metric *metric);

#endif
