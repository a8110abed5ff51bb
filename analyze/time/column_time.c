/* SPDX-License-Identifier: MIT */
/* Columns of what happened when: waits for the GIL, stalls. */
#include "analyze/stalls/idle_tell.h"
#include "analyze/stalls/stall_tables.h"
#include "analyze/stalls/stall_tell.h"
#include "analyze/view/column.h"
#include "gil.h"

#include <math.h>

static struct cell get_waiter(const struct row *row)
{
    return row->wait->waiter != NULL ? cell_text(row->wait->waiter->name) : cell_none();
}

static struct cell get_waiter_id(const struct row *row)
{
    const struct thread *const waiter = row->wait->waiter;
    return waiter != NULL && waiter->declared ? cell_number(UNIT_ID, waiter->os_tid) : cell_none();
}

static struct cell get_holder(const struct row *row)
{
    return row->wait->holder != NULL ? cell_text(row->wait->holder->name) : cell_none();
}

static struct cell get_holder_id(const struct row *row)
{
    const struct thread *const holder = row->wait->holder;
    return holder != NULL && holder->declared ? cell_number(UNIT_ID, holder->os_tid) : cell_none();
}

static struct cell get_waited(const struct row *row)
{
    return cell_number(UNIT_SECONDS, (int64_t)row->wait->amount.waited_ns);
}

static struct cell get_waited_share(const struct row *row)
{
    return cell_ratio((double)row->wait->amount.waited_ns, (double)row->wait->wall_ns);
}

static struct cell get_held(const struct row *row)
{
    return cell_number(UNIT_SECONDS, (int64_t)row->wait->held_ns);
}

static struct cell get_longest(const struct row *row)
{
    const struct idle_line *const line = row->idle_line;
    return cell_number(UNIT_SECONDS,
                       (int64_t)(line != NULL ? line->longest_ns : row->wait->longest_ns));
}

static struct cell get_seen(const struct row *row)
{
    return cell_number(UNIT_COUNT, (int64_t)row->wait->amount.samples);
}

static struct cell get_seen_ticks(const struct row *row)
{
    return cell_number(UNIT_COUNT, (int64_t)row->wait->amount.ticks);
}

static struct cell get_start(const struct row *row)
{
    const uint64_t ns = row->stall != NULL ? row->stall->start_ns : row->start_ns;
    return cell_number(UNIT_SECONDS, (int64_t)ns);
}

static struct cell get_date(const struct row *row)
{
    return cell_text(row->stall->time);
}

static struct cell get_duration(const struct row *row)
{
    return cell_number(UNIT_SECONDS, (int64_t)row->stall->duration_ns);
}

static struct cell get_unobserved(const struct row *row)
{
    return cell_number(UNIT_SECONDS, (int64_t)row->stall->unobserved_ns);
}

static struct cell get_end(const struct row *row)
{
    return cell_text(row->stall->end);
}

static struct cell get_cause(const struct row *row)
{
    return cell_text(row->stall->cause);
}

static struct cell get_blocked_in(const struct row *row)
{
    if (row->idle_line != NULL)
        return row->idle_line->call != NULL ? cell_text(row->idle_line->call) : cell_none();
    return cell_text(row->stall != NULL ? row->stall->call : row->stall_line->call);
}

static struct cell get_seconds(const struct row *row)
{
    const struct idle_line *const line = row->idle_line;
    return cell_number(UNIT_SECONDS,
                       (int64_t)(line != NULL ? line->blocked_ns : row->stall_line->ns));
}

static struct cell get_part(const struct row *row)
{
    return cell_ratio((double)row->stall_line->weight, (double)row->stall_line->whole);
}

static struct cell get_other(const struct row *row)
{
    const struct stall_line *const line = row->stall_line;
    if (line->others != NULL)
        return cell_text(line->others);
    return line->thread != NULL ? cell_text(line->thread->name) : cell_none();
}

static struct cell get_other_process(const struct row *row)
{
    const struct thread *const thread = row->stall_line->thread;
    return thread != NULL ? cell_number(UNIT_ID, thread->process->pid) : cell_none();
}

static struct cell get_other_id(const struct row *row)
{
    const struct thread *const thread = row->stall_line->thread;
    return thread != NULL && thread->declared ? cell_number(UNIT_ID, thread->os_tid) : cell_none();
}

static struct cell get_doing(const struct row *row)
{
    return cell_text(row->stall_line->doing);
}

static struct cell get_evidence(const struct row *row)
{
    return cell_text(row->stall_line->evidence);
}

static struct cell get_depth(const struct row *row)
{
    return cell_number(UNIT_COUNT, row->depth);
}

static struct cell get_outcome(const struct row *row)
{
    return cell_text(row->idle->outcome);
}

static struct cell get_stalls(const struct row *row)
{
    return cell_number(UNIT_COUNT, (int64_t)row->idle->n_stalls);
}

static struct cell get_stalled(const struct row *row)
{
    return cell_number(UNIT_SECONDS, (int64_t)row->idle->stalled_ns);
}

static struct cell get_unsure(const struct row *row)
{
    return cell_number(UNIT_COUNT, (int64_t)row->idle->n_unsure);
}

static struct cell get_pieces(const struct row *row)
{
    return cell_text(row->stall->pieces);
}

static struct cell get_away(const struct row *row)
{
    return cell_number(UNIT_SECONDS, (int64_t)row->stall->away_ns);
}

static struct cell get_whose(const struct row *row)
{
    const struct stall_tasks *const tasks = row->stall->tasks;
    return tasks != NULL ? cell_text(tasks->own ? "phase" : "loop") : cell_none();
}

static struct cell get_sight(const struct row *row)
{
    const struct stall_tasks *const tasks = row->stall->tasks;
    return tasks != NULL ? cell_text(stall_sight_text(tasks->sight)) : cell_none();
}

/* What is known of its tasks; NULL = nothing. */
static const struct stall_tasks *tasks_of(const struct row *row)
{
    const struct stall_tasks *const tasks = row->stall->tasks;
    return tasks != NULL && tasks->sight != SIGHT_NOT_KNOWN ? tasks : NULL;
}

static struct cell get_sight_off(const struct row *row)
{
    const struct stall_tasks *const tasks = tasks_of(row);
    return tasks != NULL ? cell_number(UNIT_SECONDS, (int64_t)tasks->off_ns) : cell_none();
}

static struct cell get_suspended(const struct row *row)
{
    const struct stall_tasks *const tasks = tasks_of(row);
    return tasks != NULL ? cell_number(UNIT_COUNT, (int64_t)tasks->n_tasks) : cell_none();
}

static struct cell get_ready_tasks(const struct row *row)
{
    const struct stall_tasks *const tasks = tasks_of(row);
    return tasks != NULL ? cell_number(UNIT_COUNT, llround(tasks->ready)) : cell_none();
}

static struct cell get_unknown_tasks(const struct row *row)
{
    const struct stall_tasks *const tasks = tasks_of(row);
    return tasks != NULL ? cell_number(UNIT_COUNT, (int64_t)tasks->n_unknown) : cell_none();
}

static struct cell get_several(const struct row *row)
{
    return cell_number(UNIT_COUNT, (int64_t)row->idle->n_several);
}

static struct cell get_unsure_time(const struct row *row)
{
    return cell_number(UNIT_SECONDS, (int64_t)row->idle->unsure_ns);
}

static struct cell get_observed(const struct row *row)
{
    return cell_number(UNIT_SECONDS, (int64_t)row->idle->observed_ns);
}

static struct cell get_not_known(const struct row *row)
{
    return cell_number(UNIT_SECONDS, (int64_t)row->idle->unknown_ns);
}

static struct cell get_why(const struct row *row)
{
    return row->idle->why != NULL ? cell_text(row->idle->why) : cell_none();
}

static struct cell get_taken_for(const struct row *row)
{
    return cell_text(row->idle_line->taken_for);
}

static struct cell get_sure(const struct row *row)
{
    return row->idle_line->sure != NULL ? cell_text(row->idle_line->sure) : cell_none();
}

static struct cell get_visits(const struct row *row)
{
    return cell_number(UNIT_COUNT, (int64_t)row->idle_line->visits);
}

static struct cell get_option(const struct row *row)
{
    return row->idle_line->option != NULL ? cell_text(row->idle_line->option) : cell_none();
}

static const struct column columns[] = {
    {.name = "waiter",
     .title = "waiting thread",
     .help = "thread that waited for the GIL",
     .rows = ROW_GIL,
     .unit = UNIT_TEXT,
     .get = get_waiter},
    {.name = "waiter_id",
     .title = "waiter_id",
     .help = "the waiting thread's number in the OS",
     .rows = ROW_GIL,
     .unit = UNIT_ID,
     .get = get_waiter_id},
    {.name = "holder",
     .title = "held by",
     .help = "thread that held the GIL meanwhile; none when it was being handed over",
     .rows = ROW_GIL,
     .unit = UNIT_TEXT,
     .get = get_holder},
    {.name = "holder_id",
     .title = "holder_id",
     .help = "the holding thread's number in the OS",
     .rows = ROW_GIL,
     .unit = UNIT_ID,
     .get = get_holder_id},
    {.name = "waited",
     .title = "waited",
     .help = "seconds waited, of all waiting threads together",
     .rows = ROW_GIL,
     .unit = UNIT_SECONDS,
     .get = get_waited},
    {.name = "waited_share",
     .title = "of its time",
     .help = "share of the waiting thread's time",
     .rows = ROW_GIL,
     .unit = UNIT_RATIO,
     .get = get_waited_share},
    {.name = "held",
     .title = "held",
     .help = "seconds in which it held the GIL while at least one thread waited",
     .rows = ROW_GIL,
     .unit = UNIT_SECONDS,
     .get = get_held},
    {.name = "longest",
     .title = "longest",
     .help = "the longest of these times without a break",
     .rows = ROW_GIL | ROW_IDLE_LINE,
     .unit = UNIT_SECONDS,
     .get = get_longest},
    {.name = "seen",
     .title = "seen",
     .help = "ticks at which it was seen",
     .rows = ROW_GIL,
     .unit = UNIT_COUNT,
     .get = get_seen},
    {.name = "seen_ticks",
     .title = "ticks",
     .help = "sampling intervals that these account for; the same unless ticks were missed",
     .rows = ROW_GIL,
     .unit = UNIT_COUNT,
     .get = get_seen_ticks},
    {.name = "start",
     .title = "start",
     .help = "seconds since the start of the recording at which it began",
     .rows = ROW_STALL | ROW_BIN,
     .unit = UNIT_SECONDS,
     .get = get_start},
    {.name = "date",
     .title = "date",
     .help = "when it began, by the wall clock",
     .rows = ROW_STALL,
     .unit = UNIT_TEXT,
     .get = get_date},
    {.name = "duration",
     .title = "duration",
     .help = "how long it took, seconds",
     .rows = ROW_STALL,
     .unit = UNIT_SECONDS,
     .get = get_duration},
    {.name = "unobserved",
     .title = "unobserved",
     .help = "seconds of it that nobody saw: the program was stopped, or the recorder had no CPU",
     .rows = ROW_STALL,
     .unit = UNIT_SECONDS,
     .get = get_unobserved},
    {.name = "end",
     .title = "end",
     .help = "whether it came back, or the recording ended before",
     .rows = ROW_STALL,
     .unit = UNIT_TEXT,
     .get = get_end},
    {.name = "pieces",
     .title = "pieces",
     .help = "one piece of work, or may be several in a row, each of which the loop came back from",
     .rows = ROW_STALL,
     .unit = UNIT_TEXT,
     .get = get_pieces},
    {.name = "cause",
     .title = "cause",
     .help =
         "what the thread did most: cpu, ready (no CPU was free), gil (waited for it), blocked, "
         "unknown; of a phase also suspended, or elsewhere: it was not seen why",
     .rows = ROW_STALL,
     .unit = UNIT_TEXT,
     .get = get_cause},
    {.name = "blocked_in",
     .title = "call",
     .help = "system call it was blocked in most, or waits_object, waits_world, stops_world",
     .rows = ROW_STALL | ROW_STALL_LINE | ROW_IDLE_LINE,
     .unit = UNIT_TEXT,
     .get = get_blocked_in},
    {.name = "seconds",
     .title = "seconds",
     .help = "seconds of the stall; of a place, blocked there",
     .rows = ROW_STALL_LINE | ROW_IDLE_LINE,
     .unit = UNIT_SECONDS,
     .get = get_seconds},
    {.name = "part",
     .title = "share",
     .help = "share of the stall's time; with --by samples or ticks, of these",
     .rows = ROW_STALL_LINE,
     .unit = UNIT_RATIO,
     .get = get_part},
    {.name = "other",
     .title = "thread",
     .help = "name of the other thread",
     .rows = ROW_STALL_LINE,
     .unit = UNIT_TEXT,
     .get = get_other},
    {.name = "other_process",
     .title = "of process",
     .help = "the other thread's process",
     .rows = ROW_STALL_LINE,
     .unit = UNIT_ID,
     .get = get_other_process},
    {.name = "other_id",
     .title = "thread_id",
     .help = "the other thread's number in the OS",
     .rows = ROW_STALL_LINE,
     .unit = UNIT_ID,
     .get = get_other_id},
    {.name = "doing",
     .title = "doing",
     .help = "what the other thread did",
     .rows = ROW_STALL_LINE,
     .unit = UNIT_TEXT,
     .get = get_doing},
    {.name = "evidence",
     .title = "evidence",
     .help = "why it was likely this thread; without a thread: it cannot be told",
     .rows = ROW_STALL_LINE,
     .unit = UNIT_TEXT,
     .get = get_evidence},
    {.name = "depth",
     .title = "depth",
     .help = "how far below the top of its tree it was called",
     .rows = ROW_STALL_LINE | ROW_TREE,
     .unit = UNIT_COUNT,
     .get = get_depth},
    {.name = "outcome",
     .title = "outcome",
     .help = "found, none, or cannot tell: it is not known where the thread is idle",
     .rows = ROW_IDLE,
     .unit = UNIT_TEXT,
     .get = get_outcome},
    {.name = "away",
     .title = "away",
     .help = "seconds of a phase in which its thread was not at it, for its task was suspended",
     .rows = ROW_STALL,
     .unit = UNIT_SECONDS,
     .get = get_away},
    {.name = "tasks_of",
     .title = "tasks of",
     .help = "whose tasks are told: those of the phase, over all of it, or those of the loop",
     .rows = ROW_STALL,
     .unit = UNIT_TEXT,
     .get = get_whose},
    {.name = "tasks_seen",
     .title = "tasks seen",
     .help =
         "when the suspended tasks of its asyncio loop were seen: in it, before, after, not known",
     .rows = ROW_STALL,
     .unit = UNIT_TEXT,
     .get = get_sight},
    {.name = "tasks_seen_off",
     .title = "seen off",
     .help = "seconds that was after its beginning, before it, or after its end",
     .rows = ROW_STALL,
     .unit = UNIT_SECONDS,
     .get = get_sight_off},
    {.name = "tasks_suspended",
     .title = "suspended",
     .help = "tasks of its loop that waited then; of a phase its own, the most at a time",
     .rows = ROW_STALL,
     .unit = UNIT_COUNT,
     .get = get_suspended},
    {.name = "tasks_ready",
     .title = "ready",
     .help = "of these, those that waited for nothing but the loop",
     .rows = ROW_STALL,
     .unit = UNIT_COUNT,
     .get = get_ready_tasks},
    {.name = "tasks_unknown",
     .title = "unknown",
     .help = "of these, those that could not be read",
     .rows = ROW_STALL,
     .unit = UNIT_COUNT,
     .get = get_unknown_tasks},
    {.name = "stalls",
     .title = "stalls",
     .help = "how many were found, of those not listed as well",
     .rows = ROW_IDLE,
     .unit = UNIT_COUNT,
     .get = get_stalls},
    {.name = "stalled",
     .title = "stalled",
     .help = "seconds of these",
     .rows = ROW_IDLE,
     .unit = UNIT_SECONDS,
     .get = get_stalled},
    {.name = "may_be_several",
     .title = "several?",
     .help = "of the stalls: may be several pieces of work in a row",
     .rows = ROW_IDLE,
     .unit = UNIT_COUNT,
     .get = get_several},
    {.name = "unsure",
     .title = "unsure",
     .help = "times as long as a stall, besides, that may each be many short calls in a row",
     .rows = ROW_IDLE,
     .unit = UNIT_COUNT,
     .get = get_unsure},
    {.name = "unsure_time",
     .title = "unsure_time",
     .help = "seconds of these",
     .rows = ROW_IDLE,
     .unit = UNIT_SECONDS,
     .get = get_unsure_time},
    {.name = "observed",
     .title = "observed",
     .help = "seconds in which the thread was observed",
     .rows = ROW_IDLE,
     .unit = UNIT_SECONDS,
     .get = get_observed},
    {.name = "not_known",
     .title = "not_known",
     .help = "seconds of these in which it could not be looked at what it did",
     .rows = ROW_IDLE,
     .unit = UNIT_SECONDS,
     .get = get_not_known},
    {.name = "why",
     .title = "why",
     .help = "why it cannot be told, or not all of it",
     .rows = ROW_IDLE,
     .unit = UNIT_TEXT,
     .get = get_why},
    {.name = "taken_for",
     .title = "taken_for",
     .help = "what a place in which it was blocked was taken for: idle, work, or idle or "
             "work",
     .rows = ROW_IDLE_LINE,
     .unit = UNIT_TEXT,
     .get = get_taken_for},
    {.name = "sure",
     .title = "sure",
     .help = "why it was taken for idle",
     .rows = ROW_IDLE_LINE,
     .unit = UNIT_TEXT,
     .get = get_sure},
    {.name = "visits",
     .title = "visits",
     .help = "how often the thread came there",
     .rows = ROW_IDLE_LINE,
     .unit = UNIT_COUNT,
     .get = get_visits},
    {.name = "option",
     .title = "option",
     .help = "what to type to make it the idle place",
     .rows = ROW_IDLE_LINE,
     .unit = UNIT_TEXT,
     .get = get_option},
};

const struct column *column_time_get(size_t i)
{
    return i < ARRAY_LEN(columns) ? &columns[i] : NULL;
}
