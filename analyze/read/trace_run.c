/* SPDX-License-Identifier: MIT */
#include "trace_run.h"

#include "analyze/base/memory.h"
#include "input.h"
#include "unit.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_MAX 64

/* What the workers share. */
struct run {
    struct trace *trace;
    const struct trace_job *job;
    atomic_size_t next_unit;   /* relaxed: each takes a number; the units were there before */
    pthread_mutex_t join_lock; /* before trace->lock, which is held for a report only */
};

struct worker {
    struct run *run;
    size_t number;
    pthread_t thread;
};

static void *worker_run(void *argument)
{
    const struct worker *const worker = argument;
    struct run *const run = worker->run;
    struct unit_reader reader = {0};
    for (;;) {
        const size_t i = atomic_fetch_add_explicit(&run->next_unit, 1, memory_order_relaxed);
        if (i >= run->trace->n_units)
            break;
        const bool left_out = run->trace->has_tail && run->trace->units[i].tail > 0;
        if (left_out || !unit_begin(&reader, run->trace, &run->trace->units[i])) {
            trace_count_done(run->trace, run->trace->units[i].n_chunks);
            continue;
        }
        run->job->read(run->job->closure, worker->number, &reader);
        trace_count_done(run->trace, reader.unit->n_chunks - reader.next_chunk);
        pthread_mutex_lock(&run->join_lock);
        unit_settle(&reader);
        if (run->job->join != NULL)
            run->job->join(run->job->closure, worker->number, &reader);
        pthread_mutex_unlock(&run->join_lock);
    }
    unit_reader_clear(&reader);
    return NULL;
}

void trace_run(struct trace *trace, size_t n_workers, const struct trace_job *job)
{
    struct run run = {.trace = trace, .job = job};
    struct worker workers[WORKERS_MAX];
    trace_begin_pass(trace);
    if (n_workers > trace->n_units)
        n_workers = trace->n_units;
    if (n_workers > WORKERS_MAX)
        n_workers = WORKERS_MAX;
    pthread_mutex_init(&run.join_lock, NULL);
    size_t started = 1; /* number 0 is this thread */
    workers[0] = (struct worker){&run, 0, pthread_self()};
    for (; started < n_workers; started++) {
        workers[started] = (struct worker){.run = &run, .number = started};
        if (pthread_create(&workers[started].thread, NULL, worker_run, &workers[started]) != 0)
            break;
    }
    worker_run(&workers[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    pthread_mutex_destroy(&run.join_lock);
    census_finish(&trace->census);
}

void trace_run_again(struct trace *trace, const struct trace_job *job)
{
    trace_damage_fn *const report = trace->report;
    struct unit_reader reader = {0};
    trace->report = NULL;
    trace_begin_pass(trace);
    for (size_t i = 0; i < trace->n_units; i++) {
        if (!unit_begin(&reader, trace, &trace->units[i])) {
            trace_count_done(trace, trace->units[i].n_chunks);
            continue;
        }
        job->read(job->closure, 0, &reader);
        trace_count_done(trace, reader.unit->n_chunks - reader.next_chunk);
        if (job->join != NULL)
            job->join(job->closure, 0, &reader);
    }
    unit_reader_clear(&reader);
    trace->report = report;
}

size_t trace_workers(const struct trace *trace)
{
    cpu_set_t set;
    size_t n = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        n = (size_t)CPU_COUNT(&set);
    if (n > WORKERS_MAX)
        n = WORKERS_MAX;
    if (n > trace->n_units)
        n = trace->n_units;
    return n > 0 ? n : 1;
}
