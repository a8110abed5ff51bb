/* SPDX-License-Identifier: MIT */
/*
 * When to look. Tick n is due at a phase inside interval n that follows the golden ratio, so that
 * nothing periodic can hide. A tick that comes after the next one was due takes the place of the
 * newest one due; those before it are missed, and counted.
 */
#include "sampler.h"
#include "format/tick.h"
#include "record/agent/base/careful.h"
#include "record/agent/base/clock.h"
#include "record/agent/base/proc_read.h"
#include "record/agent/interpose/signals.h"
#include "wake.h"
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GAP_MIN_NS       50000000u /* shorter absences are lateness, not gaps */
#define GAP_INTERVALS    10u
#define GAP_CPU_PART     5u        /* a program that ran less than 1/5 of the time was stopped */
#define PROCESS_CLOCK_NS 10000000u /* how often the process's CPU clock is read */
#define RING_LOW_BYTES   (64u << 10)
#define LOOK_NS          1000000000u
#define ALONE_NS         10000000u /* no thread runs Python: the program may be about to end */

static uint64_t due_ns(const struct sampler *s, uint64_t number)
{
    return tick_due_ns(s->origin_ns, s->interval_ns, number);
}

static void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* The next tick to be taken. */
static uint64_t number_next(const struct sampler *s)
{
    return s->number + s->pace.stride;
}

/* The newest tick that is due at `now`, the next one at least. */
static uint64_t number_at(const struct sampler *s, uint64_t now)
{
    const uint64_t next = number_next(s);
    uint64_t number = now > s->origin_ns ? (now - s->origin_ns) / s->interval_ns : 0;
    if (due_ns(s, number) > now && number > 0)
        number--;
    return number > next ? number : next;
}

/*
 * After a long absence: did the program run meanwhile? If it did not, it was stopped, or the
 * machine asleep or too busy for it; that time belongs to no line of it.
 */
static uint64_t gap_find(struct sampler *s, uint64_t now)
{
    const uint64_t away = now - s->last_ns;
    const uint64_t step_ns = s->interval_ns * s->pace.stride;
    uint64_t long_ns = GAP_INTERVALS * step_ns;
    if (long_ns < GAP_MIN_NS)
        long_ns = GAP_MIN_NS;
    if (s->last_ns == 0 || away < long_ns)
        return 0;
    const uint64_t cpu = clock_read(CLOCK_PROCESS_CPUTIME_ID);
    return cpu - s->process_cpu_ns < away / GAP_CPU_PART ? away - step_ns : 0;
}

static void clocks_book(struct sampler *s)
{
    struct wire_counters *const counters = &s->head->counters;
    const uint64_t own = s->earlier_cpu_ns + clock_read(CLOCK_THREAD_CPUTIME_ID);
    s->process_cpu_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID);
    atomic_store_explicit(&counters->process_cpu_ns, s->process_cpu_ns, memory_order_relaxed);
    atomic_store_explicit(&counters->sampler_cpu_ns, own, memory_order_relaxed);
}

/* What all this costs, and what follows from it. */
static void pace_keep(struct sampler *s, uint64_t now)
{
    const struct wire_counters *const counters = &s->head->counters;
    const uint64_t cost = atomic_load_explicit(&counters->sampler_cpu_ns, memory_order_relaxed) +
                          atomic_load_explicit(&counters->handler_ns, memory_order_relaxed);
    const uint64_t taken =
        atomic_load_explicit(&counters->ticks_taken, memory_order_relaxed) - s->rest.passed;
    if (pace_look(&s->pace, now, cost, taken))
        wire_writer_event(s->writer, WIRE_EVENT_INTERVAL, 0, now,
                          (int64_t)(s->interval_ns * s->pace.stride));
}

/* Who holds the GIL of the main interpreter now: thread id, 0 = nobody. */
static uint32_t holder_find(struct sampler *s)
{
    uint32_t i = 0;
    while (i < s->threads->n && s->threads->list[i].bound.n == 0)
        i++; /* it has no interpreter */
    if (i == s->threads->n)
        return 0;
    const uintptr_t gil = interp_gil(s->interp, s->threads->list[i].bound.list[0].interp);
    const uintptr_t tstate = interp_gil_holder(s->interp, gil);
    if (tstate == 0)
        return 0;
    if (tstate != s->last_holder) {
        const struct thread *const thread = threads_find(s->threads, tstate);
        s->last_holder = tstate;
        s->last_holder_id = thread ? thread->id : 0;
    }
    return s->last_holder_id;
}

/* Book the tick and write its record. False when the ring has no room for it. */
static bool tick_open(struct sampler *s, uint64_t now, uint32_t holder)
{
    struct wire_counters *const counters = &s->head->counters;
    const uint64_t number = number_at(s, now);
    const uint64_t spared = s->pace.stride - 1, missed = number - s->number - 1 - spared;
    const uint64_t gap = gap_find(s, now);
    counter_add(&counters->ticks_due, spared + missed + 1);
    counter_add(&counters->ticks_missed, missed);
    counter_add(&counters->ticks_spared, spared);
    counter_add(&counters->ticks_taken, 1);
    counter_add(&counters->unobserved_ns, gap);
    s->gap_ns += gap;
    s->skipped += spared + missed;
    const uint64_t before = s->last_ns;
    s->number = number;
    s->before_ns = before;
    s->last_ns = now;
    if (ring_free(s->writer->ring) < RING_LOW_BYTES) {
        counter_add(&counters->ticks_overflowed, 1);
        s->skipped++;
        s->gap_ns += before ? now - before - gap : 0;
        return false;
    }
    const struct wire_tick tick = {
        .time_ns = now,
        .number = number,
        .gap_ns = s->gap_ns,
        .missed = s->skipped > UINT32_MAX ? UINT32_MAX : (uint32_t)s->skipped,
        .holder = holder,
    };
    wire_writer_tick(s->writer, &tick);
    s->gap_ns = s->skipped = 0;
    return true;
}

void sampler_tick(struct sampler *s, uint64_t now_ns)
{
    s->writer->full = false;
    affinity_begin(&s->affinity, sched_getcpu());
    const uint64_t deaths = codes_deaths(s->codes);
    sampler_harvest(s);
    codes_forget(s->codes, deaths, wire_writer_code_free, s->writer);
    sampler_note_ends(s);
    careful_reading_begin(CAREFUL_LISTS);
    threads_refresh(s->threads);
    if (s->native != NULL)
        c_threads_look(&s->c_threads, s->threads, &s->tasks, now_ns);
    s->threads->is_late = false;
    const uint32_t holder = holder_find(s);
    careful_reading_end();
    s->is_quiet = tick_open(s, now_ns, holder);
    if (s->is_quiet) {
        sampler_observe(s);
        sampler_look_at_tasks(s, now_ns);
    }
    s->rest.n_quiet = s->is_quiet && s->threads->n > 0 ? s->rest.n_quiet + 1 : 0;
    thread_names_look(s->names, s->threads, s->writer, now_ns);
    labels_look(s->labels, now_ns);
    if (s->native != NULL)
        native_look(s->native, now_ns);
    ring_commit(s->writer->ring);
    if (now_ns - s->process_cpu_at >= PROCESS_CLOCK_NS) {
        s->process_cpu_at = now_ns;
        clocks_book(s);
        pace_keep(s, now_ns);
    }
    atomic_store_explicit(&s->head->sampler_beat, now_ns, memory_order_relaxed);
    const int32_t cpu = affinity_look(&s->affinity, now_ns);
    if (cpu != AFFINITY_NOWHERE)
        (void)affinity_move(&s->affinity, s->affinity.tid, cpu);
}

/* Write down the ticks that were due before then, in which nothing has happened. */
static void pass_ticks(struct sampler *s, uint64_t end_ns)
{
    for (uint64_t due; (due = due_ns(s, number_next(s))) < end_ns;) {
        s->rest.passed++;
        if (tick_open(s, due, 0)) /* the GIL was free */
            counter_add(&s->head->counters.samples, s->threads->n);
    }
    ring_commit(s->writer->ring);
}

static struct rest_tick rest_tick_of(const struct sampler *s)
{
    return (struct rest_tick){s->interp, s->threads,     s->head,       s->wake,
                              s->number, s->interval_ns, s->pace.stride};
}

/* The tick is over. */
static bool rest_if_right(struct sampler *s)
{
    const struct rest_tick tick = rest_tick_of(s);
    const uint64_t until_ns = due_ns(s, s->number + rest_ticks(&tick) * s->pace.stride);
    uint64_t end_ns;
    if (!rest_take(&s->rest, &tick, until_ns, &end_ns))
        return false;
    if (end_ns > 0) {
        awaits_rested(s->awaits, end_ns);
        pass_ticks(s, end_ns);
    }
    rest_written(s->head);
    return true;
}

bool sampler_is_alone(void)
{
    char text[512];
    const int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *const name_end = strrchr(text, ')'); /* then a space and the main thread's state */
    if (name_end == NULL || name_end[1] != ' ' || name_end[2] != 'Z')
        return false;
    const uint32_t n_threads = proc_count_threads();
    return n_threads > 0 && n_threads <= 2;
}

/* Once in a while: is pyrec there, are our handlers in force, is anybody else there? */
static bool all_is_well(struct sampler *s, uint64_t now)
{
    if (atomic_load_explicit(&s->head->stop, memory_order_relaxed))
        return false;
    if (now - s->alone_ns >= (s->threads->n > 0 ? LOOK_NS : ALONE_NS)) {
        s->alone_ns = now;
        if (sampler_is_alone())
            return false;
    }
    if (now - s->looked_ns < LOOK_NS)
        return true;
    s->looked_ns = now;
    const bool has_handlers = !(s->head->flags & WIRE_ATTACHED);
    return (!has_handlers || signals_in_force()) && !link_lost(s->link);
}

void sampler_change_thread(struct sampler *s)
{
    affinity_change_thread(&s->affinity);
    s->tasks.fd = -1;
    for (uint32_t i = 0; i < s->threads->n; i++)
        s->threads->list[i].files = STANDING_NO_FILES;
}

bool sampler_run(struct sampler *s)
{
    while (!(atomic_load_explicit(s->wake, memory_order_acquire) & WAKE_STOP)) {
        const uint64_t due = due_ns(s, number_next(s));
        const uint64_t now = clock_now();
        const uint64_t look = s->looked_ns + LOOK_NS; /* also where ticks are far apart */
        if (now < due && now < look) {
            if (!rest_if_right(s))
                wake_sleep(s->wake, due < look ? due : look);
            continue;
        }
        if (!all_is_well(s, now)) {
            rest_end(&s->rest);
            return false;
        }
        if (now < due)
            continue;
        const struct rest_tick tick = rest_tick_of(s);
        rest_prepare(&s->rest, &tick);
        sampler_tick(s, now);
    }
    rest_end(&s->rest);
    sampler_harvest(s);
    ring_commit(s->writer->ring);
    clocks_book(s);
    s->earlier_cpu_ns += clock_read(CLOCK_THREAD_CPUTIME_ID);
    return true;
}
