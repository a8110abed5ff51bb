/* SPDX-License-Identifier: MIT */
/* Columns of what suspended tasks wait for. */
#include "analyze/view/column.h"
#include "awaits.h"

#include <math.h>

static struct cell get_tasks(const struct row *row)
{
    const double seen_ns = (double)row->await->at->seen_ns;
    if (seen_ns <= 0)
        return cell_none();
    return (struct cell){.unit = UNIT_NUMBER,
                         .ratio = round(row->await->tasks_ns / seen_ns * 1000) / 1000};
}

static struct cell get_most(const struct row *row)
{
    return (struct cell){.unit = UNIT_NUMBER, .ratio = round(row->await->most * 100) / 100};
}

static struct cell get_some(const struct row *row)
{
    return cell_ratio((double)row->await->some_ns, (double)row->await->at->seen_ns);
}

static struct cell get_looked(const struct row *row)
{
    return cell_number(UNIT_SECONDS, (int64_t)row->await->at->seen_ns);
}

static struct cell get_not_known(const struct row *row)
{
    const struct awaits_loop *const loop = row->await->at;
    return cell_number(UNIT_SECONDS, (int64_t)(loop->ran_ns + loop->unreadable_ns));
}

static struct cell get_unread(const struct row *row)
{
    return cell_ratio(row->await->at->unread_ns, row->await->at->tasks_ns);
}

static struct cell get_unknown(const struct row *row)
{
    return cell_ratio(row->await->at->unknown_ns, row->await->at->tasks_ns);
}

static struct cell get_coroutine(const struct row *row)
{
    return cell_text(row->await->coroutine);
}

static struct cell get_wait(const struct row *row)
{
    return cell_text(row->await->wait);
}

static struct cell get_task_name(const struct row *row)
{
    const char *const name = row->await->stack != NULL ? row->await->name : NULL;
    return name != NULL && name[0] != '\0' ? cell_text(name) : cell_none();
}

static struct cell get_chain(const struct row *row)
{
    return cell_text(row->await->chain);
}

static const struct column columns[] = {
    {.name = "tasks",
     .title = "tasks",
     .help = "how many waited so at a time: mean over the time in which it is known",
     .rows = ROW_AWAIT,
     .unit = UNIT_NUMBER,
     .get = get_tasks},
    {.name = "tasks_most",
     .title = "most",
     .help = "the most that were seen at a time",
     .rows = ROW_AWAIT,
     .unit = UNIT_NUMBER,
     .get = get_most},
    {.name = "time_share",
     .title = "of time",
     .help = "share of the time in which it is known, in which any task waited so",
     .rows = ROW_AWAIT,
     .unit = UNIT_RATIO,
     .get = get_some},
    {.name = "known_time",
     .title = "known",
     .help = "seconds in which it is known what the tasks of the thread's loop wait for",
     .rows = ROW_AWAIT,
     .unit = UNIT_SECONDS,
     .get = get_looked},
    {.name = "not_known_time",
     .title = "not known",
     .help =
         "seconds in which it is not, above all because the thread was not blocked for long enough",
     .rows = ROW_AWAIT,
     .unit = UNIT_SECONDS,
     .get = get_not_known},
    {.name = "tasks_unread_share",
     .title = "unread",
     .help = "of all tasks of the loop, those that were too many to be read",
     .rows = ROW_AWAIT,
     .unit = UNIT_RATIO,
     .get = get_unread},
    {.name = "tasks_unknown_share",
     .title = "unknown",
     .help = "of all tasks of the loop, those that changed meanwhile or could not be understood",
     .rows = ROW_AWAIT,
     .unit = UNIT_RATIO,
     .get = get_unknown},
    {.name = "coroutine",
     .title = "coroutine",
     .help = "the task's own, the outermost",
     .rows = ROW_AWAIT,
     .unit = UNIT_TEXT,
     .get = get_coroutine},
    {.name = "task_name",
     .title = "name",
     .help = "what the program calls such tasks, numbers in it as #",
     .rows = ROW_AWAIT,
     .unit = UNIT_TEXT,
     .get = get_task_name},
    {.name = "waits_for",
     .title = "waits for",
     .help = "what is awaited at the end of the chain",
     .rows = ROW_AWAIT,
     .unit = UNIT_TEXT,
     .get = get_wait},
    {.name = "chain",
     .title = "chain",
     .help = "the coroutines from the task's own to the one that waits",
     .rows = ROW_AWAIT,
     .unit = UNIT_TEXT,
     .get = get_chain},
};

const struct column *column_await_get(size_t i)
{
    return i < sizeof columns / sizeof *columns ? &columns[i] : NULL;
}
