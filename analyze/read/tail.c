/* SPDX-License-Identifier: MIT */
#include "tail.h"

#include "analyze/base/memory.h"
#include "unit.h"

#include <stdlib.h>

/* The newest generation of a process. */
struct tail_unit {
    struct unit_reader reader;
    uint32_t process; /* 0 = the recording itself */
    bool is_used, has_begun;
};

static void take_unit(struct tail *tail, struct unit *unit)
{
    size_t number = 0;
    while (number < tail->n && tail->units[number]->is_used)
        number++;
    if (number == tail->n) {
        tail->units =
            memory_grow(tail->units, &tail->size, tail->n + 1, sizeof(struct tail_unit *));
        tail->units[tail->n++] = memory_get(sizeof(struct tail_unit));
    }
    struct tail_unit *const own = tail->units[number];
    own->is_used = true;
    own->has_begun = false;
    own->process = unit->process;
    own->reader.goes_on = true;
    unit->tail = number + 1;
}

void tail_open(struct tail *tail, struct trace *trace)
{
    tail->trace = trace;
    trace->has_tail = true;
    for (size_t i = 0; i < trace->n_units; i++) {
        struct unit *const unit = &trace->units[i];
        if (trace_unit_newest(trace, i))
            take_unit(tail, unit);
        else
            unit->n_taken = unit->n_chunks;
    }
}

/* Will there be nothing more of it? Of the recording itself only when its files are closed. */
static bool is_over(const struct tail *tail, size_t unit, const struct tail_unit *own)
{
    if (!trace_unit_newest(tail->trace, unit))
        return true;
    return own->process != 0 && own->has_begun && own->reader.facts.process.ending.known;
}

static void end_unit(struct unit *unit, struct tail_unit *own, const struct tail_job *job)
{
    const size_t number = unit->tail - 1;
    if (own->has_begun) {
        unit_end(&own->reader);
        if (job->end != NULL)
            job->end(job->closure, number, &own->reader);
    }
    unit_reader_clear(&own->reader);
    own->is_used = false;
    unit->tail = 0;
}

static void read_unit(struct tail *tail, struct unit *unit, struct tail_unit *own,
                      const struct tail_job *job)
{
    const size_t number = unit->tail - 1;
    struct unit_reader *const reader = &own->reader;
    if (!own->has_begun)
        own->has_begun = unit_begin(reader, tail->trace, unit);
    unit->n_taken = unit->n_chunks;
    if (!own->has_begun)
        return;
    job->read(job->closure, number, reader);
    unit_settle(reader);
    if (job->join != NULL)
        job->join(job->closure, number, reader);
}

bool tail_run(struct tail *tail, const struct tail_job *job)
{
    struct trace *const trace = tail->trace;
    for (size_t i = 0; i < trace->n_units; i++) {
        struct unit *const unit = &trace->units[i];
        if (unit->n_taken < unit->n_chunks && unit->tail == 0) {
            if (unit->n_taken > 0)
                return false;
            take_unit(tail, unit);
        }
        if (unit->tail == 0)
            continue;
        struct tail_unit *const own = tail->units[unit->tail - 1];
        own->reader.unit = unit; /* it may have moved */
        if (unit->n_taken < unit->n_chunks)
            read_unit(tail, unit, own, job);
        if (is_over(tail, i, own))
            end_unit(unit, own, job);
    }
    census_finish(&trace->census);
    return true;
}

struct unit_reader *tail_reader(const struct tail *tail, size_t number)
{
    return &tail->units[number]->reader;
}

void tail_clear(struct tail *tail)
{
    for (size_t i = 0; i < tail->n; i++) {
        unit_reader_clear(&tail->units[i]->reader);
        free(tail->units[i]);
    }
    free(tail->units);
    *tail = (struct tail){0};
}
