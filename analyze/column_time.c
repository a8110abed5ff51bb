/* SPDX-License-Identifier: MIT */
/* Columns of what happened when: waits for the GIL. */
#include "column.h"
#include "gil.h"

static struct cell get_waiter(const struct row *row)
{
    return row->wait->waiter != NULL ? cell_text(row->wait->waiter->name) : cell_none();
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
    return cell_number(UNIT_SECONDS, (int64_t)row->wait->waited_ns);
}

static struct cell get_waited_share(const struct row *row)
{
    return cell_ratio((double)row->wait->waited_ns, (double)row->wait->wall_ns);
}

static struct cell get_held(const struct row *row)
{
    return cell_number(UNIT_SECONDS, (int64_t)row->wait->held_ns);
}

static struct cell get_longest(const struct row *row)
{
    return cell_number(UNIT_SECONDS, (int64_t)row->wait->longest_ns);
}

static struct cell get_seen(const struct row *row)
{
    return cell_number(UNIT_COUNT, (int64_t)row->wait->ticks);
}

static const struct column columns[] = {
    {.name = "waiter",
     .title = "waiting thread",
     .help = "thread that waited for the GIL",
     .rows = ROW_GIL,
     .unit = UNIT_TEXT,
     .get = get_waiter},
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
     .rows = ROW_GIL,
     .unit = UNIT_SECONDS,
     .get = get_longest},
    {.name = "seen",
     .title = "ticks",
     .help = "ticks at which it was seen",
     .rows = ROW_GIL,
     .unit = UNIT_COUNT,
     .get = get_seen},
};

const struct column *column_time_get(size_t i)
{
    return i < ARRAY_LEN(columns) ? &columns[i] : NULL;
}
