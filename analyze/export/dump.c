/* SPDX-License-Identifier: MIT */
#include "dump.h"

#include "analyze/base/memory.h"
#include "analyze/read/unit.h"

#include <stdlib.h>

#define SPANS_AT_ONCE 64u

/* A thread in the range that is open. */
struct dump_thread {
    size_t first_span, n_spans; /* in the stream's spans; the first ones may be used up */
    struct unit_thread who;
};

/* One process. */
struct stream {
    size_t unit, end_unit; /* in the trace's list */
    uint64_t starts_ns;
    struct unit_reader *reader; /* NULL before it starts and after it ended */
    struct span *spans;
    size_t spans_size;
    struct dump_thread *threads;
    size_t n_threads, threads_size;
    uint32_t tick;    /* that is being given out */
    size_t at_thread; /* next one to look at */
    struct process process;
    struct thread thread;
};

struct dump {
    struct trace *trace;
    const struct select *select;
    struct stream *streams; /* in order of start */
    size_t n_streams, streams_size;
    size_t n_started, first_alive;
    size_t left; /* rows */
    struct frame *frames;
    size_t frames_size;
    struct buffer state;
    struct sample sample;
};

static const struct chunk_header *first_header(const struct trace *trace, const struct unit *unit)
{
    const struct unit_chunk *const c = &unit->chunks[0];
    return &chunk_file_get(trace->files[c->file].chunks, c->chunk)->header;
}

static int compare_streams(const void *left, const void *right)
{
    const struct stream *const a = left, *const b = right;
    if (a->starts_ns != b->starts_ns)
        return a->starts_ns < b->starts_ns ? -1 : 1;
    return (a->unit > b->unit) - (a->unit < b->unit);
}

struct dump *dump_open(struct trace *trace, const struct select *select, size_t limit)
{
    struct dump *const dump = memory_get(sizeof *dump);
    dump->trace = trace;
    dump->select = select;
    dump->left = limit > 0 ? limit : SIZE_MAX;
    for (size_t i = 0; i < trace->n_units; i++) {
        const struct unit *const unit = &trace->units[i];
        struct stream *last = dump->n_streams > 0 ? &dump->streams[dump->n_streams - 1] : NULL;
        if (unit->process == 0)
            continue;
        if (last != NULL && trace->units[last->unit].recording == unit->recording &&
            trace->units[last->unit].process == unit->process) {
            last->end_unit = i + 1;
            continue;
        }
        dump->streams = memory_grow(dump->streams, &dump->streams_size, dump->n_streams + 1,
                                    sizeof *dump->streams);
        dump->streams[dump->n_streams++] = (struct stream){
            .unit = i,
            .end_unit = i + 1,
            .starts_ns = first_header(trace, unit)->t_first_ns + unit->recording->shift_ns,
        };
    }
    if (dump->n_streams > 1)
        qsort(dump->streams, dump->n_streams, sizeof *dump->streams, compare_streams);
    return dump;
}

static void stream_end(struct stream *s)
{
    if (s->reader != NULL) {
        unit_reader_clear(s->reader);
        free(s->reader);
        s->reader = NULL;
    }
    free(s->spans);
    free(s->threads);
    s->spans = NULL;
    s->threads = NULL;
    s->spans_size = s->threads_size = s->n_threads = 0;
}

void dump_close(struct dump *dump)
{
    if (dump == NULL)
        return;
    for (size_t i = 0; i < dump->n_streams; i++)
        stream_end(&dump->streams[i]);
    free(dump->streams);
    free(dump->frames);
    buffer_clear(&dump->state);
    free(dump);
}

static void load_thread(struct stream *s, struct range_thread *thread, struct unit_thread who,
                        size_t *n_spans)
{
    struct range *const range = &s->reader->range;
    const size_t first = *n_spans;
    size_t n;
    do {
        s->spans =
            memory_grow(s->spans, &s->spans_size, *n_spans + SPANS_AT_ONCE, sizeof *s->spans);
        n = range_spans(range, thread, s->spans + *n_spans, SPANS_AT_ONCE);
        *n_spans += n;
    } while (n > 0);
    s->threads = memory_grow(s->threads, &s->threads_size, s->n_threads + 1, sizeof *s->threads);
    s->threads[s->n_threads++] = (struct dump_thread){first, *n_spans - first, who};
}

/* All spans of the threads that are wanted, in the range that the reader has just opened. */
static void load_range(const struct dump *dump, struct stream *s)
{
    struct unit_reader *const reader = s->reader;
    struct range_thread thread = {0};
    size_t n_spans = 0;
    s->n_threads = 0;
    while (range_next_thread(&reader->range, &thread)) {
        const size_t index = facts_thread_index(&reader->facts, thread.id);
        const struct unit_thread who = reader->facts.threads[index];
        if (select_has_thread(dump->select, who.name, who.os_tid))
            load_thread(s, &thread, who, &n_spans);
    }
    s->tick = 0;
    s->at_thread = 0;
}

/* Is the process of the unit that was just begun wanted? */
static bool stream_wanted(const struct dump *dump, const struct stream *s)
{
    uint32_t pid;
    return dump->select->n_pids == 0 ||
           (unit_pid(s->reader, &pid) && select_has_pid(dump->select, pid));
}

/* Go on to the next range with ticks, in this unit or the next; the stream ends without one. */
static void next_range(struct dump *dump, struct stream *s, bool unit_open)
{
    for (;;) {
        while (unit_open && unit_next_range(s->reader)) {
            if (s->reader->range.n_ticks == 0)
                continue;
            load_range(dump, s);
            if (s->n_threads == 0)
                continue;
            s->process = s->reader->facts.process;
            return;
        }
        if (unit_open)
            s->unit++;
        if (s->unit == s->end_unit) {
            stream_end(s);
            return;
        }
        unit_open = unit_begin(s->reader, dump->trace, &dump->trace->units[s->unit]) &&
                    stream_wanted(dump, s);
        if (!unit_open)
            s->unit++;
    }
}

static uint64_t tick_ns(const struct dump *dump, const struct stream *s)
{
    const struct unit *const unit = &dump->trace->units[s->unit];
    return s->reader->range.time_q[s->tick + 1] * s->reader->quantum_ns + unit->recording->shift_ns;
}

static void start_stream(struct dump *dump, struct stream *s)
{
    s->reader = memory_get(sizeof *s->reader);
    next_range(dump, s, false);
}

/* The stream whose tick is the earliest; those that may come before it are started. */
static struct stream *earliest(struct dump *dump)
{
    for (;;) {
        struct stream *best = NULL;
        while (dump->first_alive < dump->n_started &&
               dump->streams[dump->first_alive].reader == NULL)
            dump->first_alive++;
        for (size_t i = dump->first_alive; i < dump->n_started; i++) {
            struct stream *const s = &dump->streams[i];
            if (s->reader != NULL && (best == NULL || tick_ns(dump, s) < tick_ns(dump, best)))
                best = s;
        }
        if (dump->n_started == dump->n_streams ||
            (best != NULL && dump->streams[dump->n_started].starts_ns > tick_ns(dump, best)))
            return best;
        start_stream(dump, &dump->streams[dump->n_started++]);
    }
}

/* The span of a thread that covers the stream's tick, or NULL. */
static const struct span *span_at(const struct stream *s, struct dump_thread *t)
{
    while (t->n_spans > 0) {
        const struct span *const span = &s->spans[t->first_span];
        if (s->tick < span->first)
            return NULL;
        if (s->tick - span->first < span->n)
            return span;
        t->first_span++;
        t->n_spans--;
    }
    return NULL;
}

/* Does its stack have what is wanted, and nothing that is not? */
static bool stack_wanted(const struct select *select, const struct stack *stack)
{
    bool matches = select->match == NULL;
    for (size_t i = 0; i < stack->n_frames; i++) {
        if (select_excludes(select, &stack->frames[i]))
            return false;
        matches = matches || select_matches(select, &stack->frames[i]);
    }
    return matches;
}

static bool span_wanted(const struct dump *dump, const struct stream *s, const struct span *span)
{
    return range_chosen(&s->reader->range, dump->select, span);
}

static void fill_stack(struct dump *dump, const struct dict *dict, uint32_t stack)
{
    size_t n = dict_frames(dict, stack, dump->frames, dump->frames_size);
    if (n > dump->frames_size) {
        dump->frames = memory_grow(dump->frames, &dump->frames_size, n, sizeof *dump->frames);
        n = dict_frames(dict, stack, dump->frames, dump->frames_size);
    }
    dump->sample.stack = (struct stack){dump->frames, n};
}

static void fill_row(struct dump *dump, struct stream *s, const struct dump_thread *t,
                     const struct span *span, struct row *row)
{
    const struct dict *const dict = &s->reader->dict;
    const bool blocked = state_class(span->state) == CLASS_BLOCKED;
    buffer_reset(&dump->state);
    state_print(&dump->state, span->state);
    dump->sample.time_ns = tick_ns(dump, s);
    dump->sample.cpu_ns = span->cpu_q * s->reader->quantum_ns; /* 0 in implied spans */
    dump->sample.state = dump->state.text;
    dump->sample.call = blocked && span->call > 0 ? dict_string(dict, span->call) : NULL;
    dump->sample.task = span->task > 0 ? dict_string(dict, span->task) : NULL;
    fill_stack(dump, dict, span->stack);
    s->thread = (struct thread){.process = &s->process,
                                .id = t->who.id,
                                .os_tid = t->who.os_tid,
                                .name = t->who.name,
                                .declared = t->who.declared};
    *row = (struct row){.process = &s->process, .thread = &s->thread, .sample = &dump->sample};
}

bool dump_next(void *closure, struct row *row)
{
    struct dump *const dump = closure;
    struct stream *s;
    while (dump->left > 0 && (s = earliest(dump)) != NULL) {
        for (; s->at_thread < s->n_threads;) {
            struct dump_thread *const t = &s->threads[s->at_thread++];
            const struct span *const span = span_at(s, t);
            if (span == NULL || !span_wanted(dump, s, span))
                continue;
            fill_row(dump, s, t, span, row);
            if (!stack_wanted(dump->select, &dump->sample.stack))
                continue;
            dump->left--;
            return true;
        }
        s->at_thread = 0;
        if (++s->tick == s->reader->range.n_ticks)
            next_range(dump, s, true);
    }
    return false;
}
