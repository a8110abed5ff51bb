/* SPDX-License-Identifier: MIT */
#include "reference.h"

#include "make_trace_parts.h"
#include "scratch.h"

#include <stdlib.h>
#include <string.h>

void reference_clear(struct reference *r)
{
    free(r->samples);
    free(r->stacks);
    free(r->threads);
    *r = (struct reference){0};
}

static struct reference_thread *thread_of(struct reference *r, uint32_t pid, uint32_t thread)
{
    for (size_t i = 0; i < r->n_threads; i++) {
        if (r->threads[i].pid == pid && r->threads[i].thread == thread)
            return &r->threads[i];
    }
    r->threads = maker_room(r->threads, &r->threads_room, r->n_threads, sizeof *r->threads);
    r->threads[r->n_threads] = (struct reference_thread){.pid = pid, .thread = thread};
    return &r->threads[r->n_threads++];
}

/* To whom CPU goes, said once more and in other words than in analyze/model/state.h. */
static bool takes_cpu(uint16_t state)
{
    return !(state & 4) && (state & 1 || state & 32);
}

static bool same_thread(const struct reference_sample *a, const struct reference_sample *b)
{
    return a->pid == b->pid && a->thread == b->thread;
}

/* Seen running, or where it ran a moment ago: ready, and with the GIL. */
static bool is_taker(const struct reference_sample *s)
{
    return s->cpu_q > 0 && takes_cpu(s->state) && (s->state & 3) != 0;
}

/* It might have run elsewhere: it keeps its own, whatever others do. */
static bool is_keeper(const struct reference_sample *s)
{
    return s->cpu_q > 0 && takes_cpu(s->state) && (s->state & 3) == 0;
}

/* Samples of one thread and range: those from `first` to `last` divide what they used. */
static void divide(struct reference *r, size_t first, size_t last)
{
    uint64_t used_q = 0, ticks = 0, before = 0;
    for (size_t i = first; i <= last; i++) {
        const struct reference_sample *const s = &r->samples[i];
        if (!same_thread(s, &r->samples[first]))
            continue;
        used_q += is_keeper(s) ? 0 : s->cpu_q;
        ticks += is_taker(s) ? s->ticks : 0;
    }
    for (size_t i = first; i <= last; i++) {
        struct reference_sample *const s = &r->samples[i];
        if (!same_thread(s, &r->samples[first]))
            continue;
        s->given_q = ticks == 0 || is_keeper(s) ? s->cpu_q : 0;
        if (ticks == 0 || !is_taker(s))
            continue;
        s->given_q = used_q * (before + s->ticks) / ticks - used_q * before / ticks;
        before += s->ticks;
    }
}

/*
 * Windows of a thread: from where its clock moves to the 13th sample that takes CPU, less than 256
 * ticks, within a range.
 */
static void divide_all(struct reference *r)
{
    bool *const done = calloc(r->n_samples + 1, sizeof *done);
    for (size_t i = 0; i < r->n_samples; i++) {
        const struct reference_sample *const s = &r->samples[i];
        uint32_t takers = 0;
        size_t last = i;
        if (done[i] || s->cpu_q == 0)
            continue;
        for (size_t k = i; k < r->n_samples && takers < 13; k++) {
            const struct reference_sample *const next = &r->samples[k];
            if (!same_thread(s, next))
                continue;
            if (next->range != s->range || next->tick >= s->tick + 256)
                break;
            takers += is_taker(next);
            done[k] = true;
            last = k;
        }
        divide(r, i, last);
    }
    free(done);
}

/* What this sample gets of its thread's clock: all that was given since the last that took some. */
static uint64_t attributed(const struct reference *r, size_t sample)
{
    const struct reference_sample *const s = &r->samples[sample];
    uint64_t cpu_q = 0;
    if (!takes_cpu(s->state))
        return 0;
    for (size_t i = sample + 1; i-- > 0;) {
        const struct reference_sample *const before = &r->samples[i];
        if (before->pid != s->pid || before->thread != s->thread)
            continue;
        if (i < sample && takes_cpu(before->state))
            break;
        cpu_q += before->given_q;
    }
    return cpu_q;
}

static enum state_class class_of(uint16_t state)
{
    if (state & 4)
        return CLASS_WAITS_GIL;
    if ((state & 1) && (state & 128))
        return CLASS_KERNEL;
    if (state & 1)
        return state & 256 ? CLASS_EITHER : CLASS_ON_CPU;
    if (state & 32)
        return CLASS_READY;
    return state & 256 ? CLASS_UNKNOWN : CLASS_BLOCKED;
}

static struct weight weight_of(const struct reference *r, size_t sample)
{
    const struct reference_sample *const s = &r->samples[sample];
    return (struct weight){1, s->ticks, s->wall_q, attributed(r, sample)};
}

struct weight reference_weight(const struct reference *r, size_t i)
{
    return weight_of(r, i);
}

enum state_class reference_class(const struct reference *r, size_t i)
{
    return class_of(r->samples[i].state);
}

void reference_keep(struct reference *r, uint64_t from_ns, uint64_t to_ns)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->n_samples; i++) {
        const uint64_t ns = r->samples[i].middle_q * r->quantum_ns;
        if (ns >= from_ns && ns < to_ns)
            r->samples[kept++] = r->samples[i];
    }
    r->n_samples = kept;
}

/* As --state has it: whether it was in the kernel is no class of its own. */
static enum state_class plain_class(uint16_t state)
{
    return class_of((uint16_t)(state & 1 ? state & ~(128 | 256) : state));
}

static bool is_chosen(const struct reference *r, const struct reference_sample *s)
{
    if (!r->by_state || plain_class(s->state) == r->only_class)
        return true;
    return class_of(s->state) == CLASS_BLOCKED && s->call != NULL && r->only_call != NULL &&
           strcmp(s->call, r->only_call) == 0;
}

void reference_total(struct reference *r)
{
    for (size_t i = 0; i < r->n_samples; i++) {
        const struct reference_sample *const s = &r->samples[i];
        struct reference_thread *const t = thread_of(r, s->pid, s->thread);
        const struct weight w = weight_of(r, i);
        if (!is_chosen(r, s))
            continue;
        weight_add(&t->total.by[class_of(s->state)], &w);
        t->cpu_q += r->by_state ? w.cpu : s->given_q;
        t->unattributed_q += r->by_state ? 0 : s->given_q - w.cpu;
    }
}

static struct reference_row *row_of(struct reference_row **rows, size_t *n, size_t *room,
                                    const struct reference_row *wanted)
{
    for (size_t i = 0; i < *n; i++) {
        struct reference_row *const row = &(*rows)[i];
        if (row->pid == wanted->pid && row->thread == wanted->thread && row->line == wanted->line &&
            strcmp(row->function, wanted->function) == 0 && strcmp(row->file, wanted->file) == 0)
            return row;
    }
    *rows = maker_room(*rows, room, *n, sizeof **rows);
    (*rows)[*n] = *wanted;
    return &(*rows)[(*n)++];
}

static bool same_key(const struct maker_frame *a, const struct maker_frame *b,
                     enum reference_key key)
{
    if (key == REFERENCE_FILES)
        return strcmp(a->file, b->file) == 0;
    return strcmp(a->function, b->function) == 0 && strcmp(a->file, b->file) == 0 &&
           a->first_line == b->first_line && (key == REFERENCE_FUNCTIONS || a->line == b->line);
}

struct reference_row *reference_rows(const struct reference *r, enum reference_key key,
                                     size_t *n_rows)
{
    static const struct maker_frame none = {"<no Python frames>", "", 0, 0, 0};
    struct reference_row *rows = NULL;
    size_t room = 0;
    *n_rows = 0;
    for (size_t i = 0; i < r->n_samples; i++) {
        const struct reference_sample *const s = &r->samples[i];
        const struct reference_stack *const stack = &r->stacks[s->stack];
        const struct maker_frame *const frames = stack->n > 0 ? stack->frames : &none;
        const uint32_t depth = stack->n > 0 ? stack->n : 1;
        const struct weight w = weight_of(r, i);
        if (!is_chosen(r, s))
            continue;
        for (uint32_t f = 0; f < depth; f++) {
            bool seen = false; /* nearer to the root: recursion counts once */
            for (uint32_t g = 0; g < f; g++)
                seen = seen || same_key(&frames[g], &frames[f], key);
            struct reference_row wanted = {.pid = s->pid,
                                           .thread = s->thread,
                                           .function = frames[f].function,
                                           .file = frames[f].file,
                                           .line = key == REFERENCE_LINES ? frames[f].line
                                                                          : frames[f].first_line};
            if (key == REFERENCE_FILES) {
                wanted.file = frames[f].file[0] != '\0' ? frames[f].file : frames[f].function;
                wanted.function = "";
                wanted.line = 0;
            }
            struct reference_row *const row = row_of(&rows, n_rows, &room, &wanted);
            if (!seen)
                weight_add(&row->cum.by[class_of(s->state)], &w);
            if (f == depth - 1)
                weight_add(&row->self.by[class_of(s->state)], &w);
        }
    }
    return rows;
}

/* ---- random traces ---- */

#define THREADS_MAX 6

struct random_thread {
    uint32_t id, stack;
    uint16_t state;
    const char *call;
    bool alive;
};

struct random_process {
    uint32_t number, pid;
    struct random_thread threads[THREADS_MAX];
    uint32_t n_threads;
    uint32_t range, tick;                 /* that is being made */
    uint64_t intervals_q, gaps_q, wall_q; /* since the range began: elapsed, not seen, accounted */
    uint32_t *made; /* the maker's numbers of the reference's stacks, + 1; 0 = not made yet */
};

struct random_run {
    struct reference *reference;
    struct maker *maker;
    struct maker_settings settings;
    uint64_t state, interval_q;
    uint32_t flush_every, generation_every;
    uint32_t busy; /* in so many of 100 ticks something changes */
    struct random_process processes[3];
    uint32_t n_processes;
};

static uint32_t below(struct random_run *run, uint32_t n)
{
    return (uint32_t)(scratch_random(&run->state) >> 33) % n;
}

static const char *const functions[] = {"a", "b", "C.c", "<lambda>", "d", "e"};
static const char *const files[] = {"/x/one.py", "/x/two.py"};
static const char *const calls[] = {NULL, "futex", "epoll_wait", "read"};
static const uint32_t columns[] = {0, MAKER_COLUMNS(5, 9), MAKER_COLUMNS(5, 20)};
static const uint16_t states[] = {0,
                                  0,
                                  1,
                                  3,
                                  3,
                                  4,
                                  32,
                                  34,
                                  17,
                                  11,
                                  64 | 1,
                                  4 | 32,
                                  256,
                                  256 | 2,
                                  256 | 64,
                                  128 | 1,
                                  128 | 3,
                                  256 | 1,
                                  256 | 128 | 1,
                                  256 | 3};

static void make_stacks(struct random_run *run, uint32_t n)
{
    struct reference *const r = run->reference;
    for (uint32_t i = 0; i < n; i++) {
        struct reference_stack stack = {.n = i == 0 ? 0 : 1 + below(run, 8)};
        for (uint32_t f = 0; f < stack.n; f++) {
            const uint32_t name = below(run, 6);
            const uint32_t first = 10 * (name % 3 + 1);
            stack.frames[f] = (struct maker_frame){functions[name], files[name % 2], first,
                                                   first + below(run, 3), columns[below(run, 3)]};
        }
        r->stacks = maker_room(r->stacks, &r->stacks_room, r->n_stacks, sizeof *r->stacks);
        r->stacks[r->n_stacks++] = stack;
    }
}

static uint32_t made_stack(struct random_run *run, struct random_process *p, uint32_t stack)
{
    const struct reference_stack *const s = &run->reference->stacks[stack];
    if (p->made[stack] == 0)
        p->made[stack] = maker_stack(run->maker, p->number, s->frames, s->n) + 1;
    return p->made[stack] - 1;
}

static void start_thread(struct random_run *run, struct random_process *p)
{
    if (p->n_threads == THREADS_MAX)
        return;
    const uint64_t before_q = below(run, 3) == 0 ? below(run, 1000) : 0;
    struct random_thread *const t = &p->threads[p->n_threads++];
    *t = (struct random_thread){.alive = true};
    t->id = maker_thread(run->maker, p->number, p->pid * 10 + p->n_threads,
                         p->n_threads == 1 ? "MainThread" : "worker", before_q);
    thread_of(run->reference, p->pid, t->id)->before_q = before_q;
}

static void start_process(struct random_run *run)
{
    static const char *const argv[] = {"python3", "random.py", NULL};
    if (run->n_processes == 3)
        return;
    struct random_process *const p = &run->processes[run->n_processes++];
    p->pid = 100 + run->n_processes;
    p->number = maker_process(run->maker, p->pid, 1, argv);
    p->made = calloc(run->reference->n_stacks, sizeof *p->made);
    start_thread(run, p);
}

static void keep_sample(struct random_run *run, const struct random_process *p,
                        const struct random_thread *t, struct reference_sample sample)
{
    struct reference *const r = run->reference;
    sample.pid = p->pid;
    sample.thread = t->id;
    sample.stack = t->stack;
    sample.state = t->state;
    sample.call = t->call;
    r->samples = maker_room(r->samples, &r->samples_room, r->n_samples, sizeof *r->samples);
    r->samples[r->n_samples++] = sample;
}

/* From the begin of interval number first to the end of that of number last. */
static uint64_t intervals_q(const struct random_run *run, uint64_t first, uint64_t last)
{
    const struct maker_settings *const s = &run->settings;
    return (s->origin_ns + (last + 1) * s->interval_ns) / s->quantum_ns -
           (s->origin_ns + first * s->interval_ns) / s->quantum_ns;
}

/* What the tick stands for: its interval and those missed, less what was not observed. */
static uint64_t tick_wall_q(const struct random_run *run, struct random_process *p, uint32_t missed,
                            uint64_t gap_q)
{
    const uint64_t number = maker_number(run->maker, p->number);
    p->intervals_q += intervals_q(run, number - missed, number);
    p->gaps_q += gap_q;
    const uint64_t seen_q = p->intervals_q > p->gaps_q ? p->intervals_q - p->gaps_q : 0;
    const uint64_t wall_q = seen_q > p->wall_q ? seen_q - p->wall_q : 0;
    p->wall_q += wall_q;
    return wall_q;
}

/* Where the interval with that number has its middle. */
static uint64_t middle_q(const struct random_run *run, uint64_t number)
{
    const struct maker_settings *const s = &run->settings;
    return (s->origin_ns + (number + 1) * s->interval_ns) / s->quantum_ns - run->interval_q / 2;
}

static void end_range(struct random_process *p)
{
    p->range++;
    p->tick = 0;
    p->intervals_q = p->gaps_q = p->wall_q = 0;
}

static void run_tick(struct random_run *run, struct random_process *p)
{
    const uint32_t missed = below(run, 20) == 0 ? below(run, 5) : 0;
    const bool gap = below(run, 25) == 0;
    /* what was not observed lies within what passed: at least the tick numbers that were missed */
    const uint64_t gap_q = gap ? below(run, (uint32_t)(missed * run->interval_q + 1)) : 0;
    maker_tick(run->maker, p->number, (int32_t)below(run, 50), missed, gap_q);
    const uint64_t now_q = maker_time_q(run->maker, p->number);
    const uint64_t wall_q = tick_wall_q(run, p, missed, gap_q);
    uint64_t in_gap = (2 * gap_q + run->interval_q) / (2 * run->interval_q);
    if (in_gap > missed)
        in_gap = missed;
    for (uint32_t i = 0; i < p->n_threads; i++) {
        struct random_thread *const t = &p->threads[i];
        struct reference_sample sample = {
            .time_q = now_q, .wall_q = wall_q, .ticks = 1 + missed - in_gap};
        sample.middle_q = middle_q(run, maker_number(run->maker, p->number));
        sample.range = p->range;
        sample.tick = p->tick;
        if (!t->alive)
            continue;
        if (below(run, 100) < run->busy) {
            t->stack = below(run, (uint32_t)run->reference->n_stacks);
            t->state = states[below(run, sizeof states / sizeof *states)];
            t->call = class_of(t->state) == CLASS_BLOCKED ? calls[below(run, 4)] : NULL;
            sample.cpu_q = below(run, 4) == 0 ? 0 : below(run, 2 * (uint32_t)run->interval_q);
            maker_change(run->maker, p->number, t->id,
                         &(struct maker_sample){made_stack(run, p, t->stack), t->state,
                                                sample.cpu_q, t->call});
        }
        keep_sample(run, p, t, sample);
    }
    p->tick++;
}

static void end_thread(struct random_run *run, struct random_process *p)
{
    struct random_thread *const t = &p->threads[below(run, p->n_threads)];
    if (t->alive)
        maker_thread_end(run->maker, p->number, t->id);
    t->alive = false;
}

static void run_step(struct random_run *run)
{
    struct random_process *const p = &run->processes[below(run, run->n_processes)];
    run_tick(run, p);
    if (below(run, 40) == 0)
        start_thread(run, p);
    if (below(run, 80) == 0)
        end_thread(run, p);
    if (below(run, 150) == 0)
        start_process(run);
    if (below(run, run->flush_every) == 0) {
        maker_flush(run->maker, p->number);
        end_range(p);
    }
    if (below(run, run->generation_every) == 0) {
        maker_generation(run->maker, p->number);
        end_range(p);
        for (uint32_t i = 0; i < p->n_threads; i++)
            p->threads[i].call = NULL; /* as make_trace has it */
    }
}

void random_trace(struct reference *reference, const char *path, uint64_t seed)
{
    struct random_run run = {.reference = reference, .state = seed * 2 + 1};
    const struct maker_settings settings = {
        .quantum_ns = below(&run, 2) == 0 ? 1000 : 700,
        .interval_ns = 1000000 + below(&run, 9000000),
        .origin_ns = below(&run, 100000),
    };
    reference->quantum_ns = settings.quantum_ns;
    run.interval_q = settings.interval_ns / settings.quantum_ns;
    run.settings = settings;
    const bool quiet = below(&run, 3) == 0; /* long ranges in which little happens */
    run.flush_every = quiet ? 1000 : below(&run, 2) == 0 ? 12 : 200;
    run.generation_every = quiet ? 1000 : below(&run, 2) == 0 ? 45 : 400;
    run.busy = quiet ? 8 : 67;
    run.maker = maker_open(path, &settings);
    make_stacks(&run, 12 + below(&run, 40));
    start_process(&run);
    const uint32_t n_steps = 50 + below(&run, 600);
    for (uint32_t i = 0; i < n_steps; i++)
        run_step(&run);
    for (uint32_t i = 0; i < run.n_processes; i++) {
        maker_process_end(run.maker, run.processes[i].number, 0);
        free(run.processes[i].made);
    }
    maker_close(run.maker, "exited");
    divide_all(reference);
}
