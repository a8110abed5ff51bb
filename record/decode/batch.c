/* SPDX-License-Identifier: MIT */
#include "batch.h"

#include "format/columns.h"
#include "record/tables/vec.h"

#include <stdlib.h>

/* Bytes of a number as a varint; signed ones are twice as large, zigzag. */
static size_t varint_len(uint64_t value)
{
    size_t len = 1;
    for (; value >= 0x80; value >>= 7)
        len++;
    return len;
}

static size_t signed_len(int64_t value)
{
    return varint_len(zigzag_encode(value));
}

static void events_drop(struct batch *batch)
{
    for (uint32_t i = 0; i < batch->n_events; i++) {
        free(batch->events[i].text);
        free(batch->events[i].source);
    }
    batch->n_events = 0;
}

void batch_clear(struct batch *batch)
{
    events_drop(batch);
    free(batch->late_q);
    free(batch->missed);
    free(batch->holders);
    free(batch->entries);
    free(batch->events);
    *batch = (struct batch){0};
}

void batch_restart(struct batch *batch)
{
    batch->first_seq += batch->n_ticks;
    batch->before_q = batch->last_q;
    batch->n_ticks = batch->n_missed = batch->n_holders = 0;
    batch->n_entries = 0;
    events_drop(batch);
    batch->raw_bytes = 0;
}

static bool holder_add(struct batch *batch, uint32_t thread)
{
    if (batch->n_holders > 0 && batch->holders[batch->n_holders - 1].thread == thread) {
        batch->holders[batch->n_holders - 1].n_ticks++;
        return true;
    }
    if (!vec_room(&batch->holders, &batch->holder_capacity, batch->n_holders + 1ull,
                  sizeof *batch->holders))
        return false;
    batch->holders[batch->n_holders++] = (struct batch_holder){thread, 1};
    batch->raw_bytes += 2;
    return true;
}

bool batch_add_tick(struct batch *batch, const struct batch_tick *tick)
{
    const bool is_gap = tick->missed != 0 || tick->gap_q != 0;
    if (!vec_room(&batch->late_q, &batch->tick_capacity, batch->n_ticks + 1ull,
                  sizeof *batch->late_q) ||
        (is_gap && !vec_room(&batch->missed, &batch->missed_capacity, batch->n_missed + 1ull,
                             sizeof *batch->missed)) ||
        !holder_add(batch, tick->holder))
        return false;
    if (batch->n_ticks == 0)
        batch->first_number = tick->number;
    if (is_gap) {
        batch->missed[batch->n_missed++] =
            (struct batch_missed){batch->n_ticks, tick->missed, tick->gap_q};
        batch->raw_bytes += 2 + varint_len(tick->missed) + varint_len(tick->gap_q);
    }
    batch->late_q[batch->n_ticks++] = tick->late_q;
    batch->last_q = tick->time_q;
    batch->raw_bytes += signed_len(tick->late_q);
    return true;
}

bool batch_add_entry(struct batch *batch, const struct batch_entry *entry)
{
    if (!vec_room(&batch->entries, &batch->entry_capacity, batch->n_entries + 1ull, sizeof *entry))
        return false;
    batch->entries[batch->n_entries++] = *entry;
    entry->thread->n_entries++;
    /* runs are two numbers per change between implied and explicit: 1 is about right */
    batch->raw_bytes += 2 + signed_len(entry->stack) + signed_len(entry->cpu);
    if (entry->has_call)
        batch->raw_bytes += 3;
    if (entry->has_context)
        batch->raw_bytes += 4;
    if (entry->has_task)
        batch->raw_bytes += 3;
    return true;
}

bool batch_add_event(struct batch *batch, const struct batch_event *event)
{
    if (!vec_room(&batch->events, &batch->event_capacity, batch->n_events + 1ull, sizeof *event))
        return false;
    batch->events[batch->n_events++] = *event;
    batch->raw_bytes += 20;
    return true;
}
