/* SPDX-License-Identifier: MIT */
/*
 * idle_tell - what was taken for idleness and how sure that is, or what it may be: in words for
 * people, in rows for programs.
 *
 * On the line:  idle_model -> [idle_tell] -> the first lines of a view, and its subjects
 * Threads:      one at a time.
 * Memory:       everything is in the view's arena.
 */
#ifndef PYREC_ANALYZE_IDLE_TELL_H
#define PYREC_ANALYZE_IDLE_TELL_H

#include "analyze/idle/idle_model.h"
#include "analyze/view/view.h"

/* What the row of a thread speaks about. */
struct idle_facts {
    const char *outcome; /* found, none, cannot tell */
    const char *why;     /* .. it cannot be told; NULL = it can */
    uint64_t n_stalls, stalled_ns;
    uint64_t n_several;           /* of the stalls: may be several pieces, one after the other */
    uint64_t n_unsure, unsure_ns; /* times as long as a stall, of one piece or of many */
    uint64_t observed_ns, unknown_ns; /* of the thread; of it, in which it could not be looked at */
};

/* What the row of a place speaks about. */
struct idle_line {
    const char *taken_for; /* idle, work, or what may be either */
    const char *call, *sure, *option;
    uint64_t visits, blocked_ns, longest_ns;
};

/*
 * Of which threads it is told where they are idle: each in a row, or some as one. A server that
 * begins a thread, or a process, for each connection has as many as it had requests: those of one
 * server are one row, in which their times and places are added up; one more where their stalls
 * cannot be told.
 */
struct idle_row {
    const struct idle_thread *idle; /* of several: their sum, of a thread that stands for them */
    size_t n_threads;
    struct idle_facts facts; /* how many stalls, and how long these are */
    uint64_t unseen_ns;      /* of these, what nobody saw */
    bool can_tell;
    struct idle_thread *sum; /* of several, as well as */
    struct thread *thread;   /* .. who stands for them */
};

struct idle_rows {
    struct idle_row *list; /* those that can be told first */
    size_t n, size, n_told;
};

/* Memory is the caller's; idle_rows_clear takes it back, after all views with such a row: they
 * borrow its thread. */
struct stalls;
void idle_rows_make(struct idle_rows *rows, const struct stalls *stalls);
void idle_rows_clear(struct idle_rows *rows);

/* "MainThread", "12 request threads" */
const char *idle_row_name(struct view *view, const struct idle_row *row);

/* "poll in main (app.py:3)" */
const char *idle_place_text(struct view *view, const struct scene *scene,
                            const struct idle_place *p);

/* Lines for the places of a thread that has some. */
void idle_tell_places(struct view *view, struct idle *idle, const struct idle_thread *t);

/* Lines for a thread that has none: why, and what to type for each that it may be. */
void idle_tell_doubt(struct view *view, struct idle *idle, const struct idle_thread *t,
                     const char *who);

/* Can the thread's stalls be told, of which n_stalls and n_unsure others were found? */
bool idle_can_tell(const struct idle_thread *t, uint64_t n_stalls, uint64_t n_unsure);

/*
 * The thread for programs, with the places of these lines as its parts; of `facts` the caller knows
 * the numbers of stalls, and how long they are.
 */
void idle_tell_thread(struct view *view, struct idle *idle, const struct idle_thread *t,
                      const struct idle_facts *facts);

/* The columns of such rows, of which idle_tell_thread makes some. */
void idle_tell_columns(struct view *view);

/* What to type for the first of the candidates; NULL when there is none. */
const char *idle_first_option(struct view *view, struct idle *idle, const struct idle_thread *t);

/* Why its stalls cannot be told. */
const char *idle_doubt_text(struct view *view, const struct idle_thread *t);

#endif
