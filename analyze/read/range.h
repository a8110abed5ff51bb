/* SPDX-License-Identifier: MIT */
/*
 * range - the samples of a Samples message, thread by thread, as spans of equal ticks.
 *
 * On the line:  Samples packet -> [range] -> struct span (span.h) -> profile, dump
 * Threads:      each worker has its own.
 * Memory:       struct range is its unit's; struct span the caller's, in batches of his size.
 * Loss:         a message that breaks its own rules ends where it does so; range->status says it.
 *
 * A tick stands for whole intervals of the grid: the one that it is due in, and the missed ones
 * before it. Whether it was due early or late in its interval makes no difference to its weight;
 * otherwise places that come at a certain phase would weigh more than others (format/tick.h).
 *
 * Always true:  the spans of a thread cover the ticks in which it was observed, as far as they are
 *               asked for (range_limit), each once; their wall and ticks add up to what these ticks
 *               stand for. CPU that is given adds up to what the clock moved in the whole range.
 */
#ifndef PYREC_ANALYZE_RANGE_H
#define PYREC_ANALYZE_RANGE_H

#include "analyze/model/dict.h"
#include "analyze/model/select.h"
#include "attribute.h"
#include "format/columns.h"
#include "span.h"

/* Who held the GIL for n ticks: a thread's id, 0 = nobody or not known. */
struct range_holder {
    uint32_t thread, n;
};

/* One Samples message. */
struct range {
    const struct dict *dict;
    uint64_t quantum_ns;
    struct samples_columns columns; /* what was not read yet */
    uint32_t n_ticks;
    uint32_t n_threads, threads_read;
    uint32_t thread_id;                 /* of the thread that was read last */
    uint32_t explicit_at, next_call_at; /* indices into the explicit ticks of the message */
    uint32_t next_call, next_context_at;
    uint64_t next_context;            /* the number */
    uint32_t next_task_at, next_task; /* likewise */
    struct proto_column tasks_before; /* of each thread, before its first tick here; empty = 0 */
    uint64_t n_undefined;             /* samples whose stack nobody defined */

    /*
     * Per tick k: time_q[k + 1] is when it was, time_q[0] when the tick before the first was.
     * What it stands for is the time from border_q[k] to border_q[k + 1], where its interval ends.
     * wall_q and due likewise, as running sums of what was observed and accounted for. wall_q is
     * border_q, and due is NULL, where nothing was missed.
     */
    uint64_t *time_q, *border_q, *gap_wall_q, *missed_due;
    size_t time_size, border_size, gap_size, missed_size;
    const uint64_t *wall_q, *due;

    /* Spans of the thread that is being read: settled ones, and those behind them that wait. */
    struct span *settled, *waiting;
    size_t n_settled, next_settled, n_waiting;

    struct range_holder *holders; /* once range_holders was asked */
    size_t holders_size;
    uint32_t from_tick, to_tick; /* spans are cut to these ticks */

    enum status status;
    const char *fault; /* in words, when status is not OK */
};

/* A thread in it, and how far it was read. */
struct range_thread {
    uint32_t id;
    uint32_t first, n; /* ticks in which it was observed */
    uint32_t stack, call, context, task;
    uint16_t state;
    uint32_t at;        /* next tick */
    uint32_t runs_left; /* entries of `run` */
    uint32_t run_left;  /* ticks of the run that was begun */
    bool explicit_run;  /* the run that was begun, else the one that is to begin */
};

/* Begin to read the message `body`. Range is reused; zero it before the first use. */
MUST_CHECK enum status range_open(struct range *range, struct proto_column body,
                                  uint64_t quantum_ns, const struct dict *dict,
                                  struct problem *why);
void range_clear(struct range *range);

/*
 * Give out only samples of ticks whose interval (the one it was due in) has its middle in from_q <=
 * t < to_q. They weigh what they weigh among all others, so ranges that follow each other share
 * nothing and leave out nothing.
 */
void range_limit(struct range *range, uint64_t from_q, uint64_t to_q);

/* The first tick whose interval has its middle at or after time_q; n_ticks when there is none. */
uint32_t range_tick_at(const struct range *range, uint64_t time_q);

/* What the ticks first .. first + n - 1 stand for: observed time, and intervals. */
static inline uint64_t range_wall_q(const struct range *range, uint32_t first, uint32_t n)
{
    return range->wall_q[first + n] - range->wall_q[first];
}
static inline uint64_t range_ticks(const struct range *range, uint32_t first, uint32_t n)
{
    return range->due != NULL ? range->due[first + n] - range->due[first] : n;
}

/* The next thread; spans of the one before that were not asked for are skipped. */
bool range_next_thread(struct range *range, struct range_thread *thread);

/* Its next spans, at most `room`; 0 at the end. With room for RANGE_ROOM none is copied. */
#define RANGE_ROOM (2 * ATTRIBUTE_TICKS)
size_t range_spans(struct range *range, struct range_thread *thread, struct span *spans,
                   size_t room);

/*
 * Read the threads once more, from the first one on: `mark` is a copy of the range as it was when
 * none had been read. What was handed out stays.
 */
void range_rewind(struct range *range, const struct range *mark);

/*
 * Who held the GIL, from the first tick on; good until the next range is opened. The result is
 * their number: 0 when the message does not say. Runs that do not cover all ticks are a fault.
 */
size_t range_holders(struct range *range, const struct range_holder **holders);

/* The phase or label around it that is in force at that tick: `context` itself, unless it is over.
 */
uint32_t range_context(const struct range *range, uint32_t context, uint32_t tick);

/* Is the span among those that are chosen by state, phase, label or task? */
bool range_chosen(const struct range *range, const struct select *select, const struct span *span);

/* After the last thread: STATUS_OK when every column was used up. */
enum status range_finish(struct range *range, struct problem *why);

/* ---- between range.c and range_context.c: where something changes ---- */

/* There is no next call. */
#define NO_CALL UINT32_MAX

static inline bool next_u32(struct proto_column *column, uint32_t *value)
{
    uint64_t v;
    if (!column_next(column, &v) || v > UINT32_MAX)
        return false;
    *value = (uint32_t)v;
    return true;
}

/* The next place at which the call, the task or the context changes, and to what; NO_CALL behind
 * the last. */
bool range_next_call(struct range *range);
bool range_next_task(struct range *range);
bool range_next_context(struct range *range);

/* Begin with the tasks: what threads ran before their first ticks stands in front. */
bool range_read_tasks(struct range *range);

#endif
