/* SPDX-License-Identifier: MIT */
/* The tables recordings, processes and threads. */
#include "star_part.h"

#include "analyze/ask/ending.h"
#include "analyze/stalls/idle_tell.h"
#include "analyze/stalls/stall_find.h"

#include <string.h>

/* Goes up when a column changes its meaning, which is to be never. */
#define FORMAT 1

static const char *const redactions[] = {"no", "hash", "drop"}; /* as enum redaction */

struct sums {
    uint64_t samples, cpu_ns, processes, end_ns;
};

/* Of what is asked for, in the recording whose rows are written. */
static struct sums sums_of(const struct star *star)
{
    const struct census *const census = &star->trace->census;
    const struct profile *const profile = star->profile;
    struct sums sums = {0};
    for (size_t i = 0; i < profile->n_threads; i++) {
        const struct profile_thread *const t = profile->threads[i];
        if (t->thread->process->recording != star->recording)
            continue;
        sums.samples += weights_sum(&t->total).samples;
        sums.cpu_ns += t->cpu_ns;
    }
    for (size_t i = 0; i < census->n_processes; i++) {
        const struct process *const p = census->processes[i];
        if (!star_has_process(star, p))
            continue;
        sums.processes++;
        sums.end_ns = p->last_ns > sums.end_ns ? p->last_ns : sums.end_ns;
    }
    return sums;
}

/* How it ended; nothing where the file does not say. */
static void write_ending(struct star *star, const struct ending *ending)
{
    struct arena arena = {0};
    star_text(star, ending_word(ending, &arena));
    arena_clear(&arena);
}

static void write_id(struct star *star, const struct recording *recording)
{
    struct buffer id = {0};
    star_recording_id(recording, &id);
    star_text(star, id.text);
    buffer_clear(&id);
}

static void write_known(struct star *star, bool known, uint64_t count)
{
    if (known)
        star_count(star, count);
    else
        star_nothing(star);
}

static void write_labels(struct star *star, const struct service *service)
{
    struct arena arena = {0};
    star_text(star, service_print_labels(&arena, service));
    arena_clear(&arena);
}

static void write_recording(struct star *star)
{
    const struct recording *const r = star->recording;
    const struct window window = star->trace->window;
    const struct sums sums = sums_of(star);
    const uint64_t begin_ns = window.from_ns > r->shift_ns ? window.from_ns : r->shift_ns;
    write_id(star, r);
    star_count(star, r->segment);
    star_number(star, FORMAT);
    star_text(star, r->recorder);
    star_text(star, r->hostname);
    star_text(star, r->service.name);
    star_text(star, r->service.version);
    write_labels(star, &r->service);
    star_text(star, r->os);
    star_text(star, r->machine);
    star_text(star, r->cpu_model);
    star_count(star, r->cpu_count);
    star_time(star, begin_ns);
    star_time(star, window.to_ns < sums.end_ns ? window.to_ns : sums.end_ns);
    star_count(star, r->interval_ns);
    star_count(star, star->bin_ns / 1000000000u);
    if (r->ending.known)
        star_text(star, r->ending.reason);
    else
        star_nothing(star);
    star_count(star, sums.processes);
    star_count(star, sums.samples);
    star_count(star, sums.cpu_ns);
    write_known(star, r->ending.absences_known, ending_missing_count(&r->ending, false));
    star_count(star, star->request->damage.n + star->request->damage.n_more);
    star_text(star, redactions[star->key.redaction]);
    star_end(star);
}

static void write_account(struct star *star, const struct process *p)
{
    const uint64_t values[] = {p->account.ticks_due,        p->account.ticks_taken,
                               p->account.ticks_missed,     p->account.ticks_spared,
                               p->account.ticks_overflowed, p->account.sampler_cpu_ns,
                               p->account.handler_ns};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        write_known(star, p->account_known, values[i]);
}

static void write_process(struct star *star, const struct process *p)
{
    star_key(star, star_process_key(star, p));
    write_id(star, p->recording);
    star_count(star, p->number);
    star_count(star, p->pid);
    star_count(star, p->parent_pid);
    star_count(star, p->image);
    star_text(star, p->hostname[0] != '\0' ? p->hostname : p->recording->hostname);
    star_text(star, p->executable);
    star_text(star, p->command);
    star_text(star, p->title);
    star_text(star, p->working_directory);
    star_text(star, p->python_version);
    star_text(star, p->python_build);
    star_time(star, p->start_ns);
    star_time(star,
              p->ending.known && p->ending.end_ns > p->last_ns ? p->ending.end_ns : p->last_ns);
    write_ending(star, &p->ending);
    write_known(star, p->ending.os_cpu_ns > 0, p->ending.os_cpu_ns);
    star_count(star, process_native_ns(p));
    write_account(star, p);
    star_end(star);
}

/* Are its stalls in the table stalls? Nothing where it was not looked for them. */
static void write_stalls_told(struct star *star, const struct thread *thread)
{
    const struct idle_thread *const idle = idle_thread_of(&star->idle, thread);
    uint64_t n = 0, unsure_ns;
    if (idle == NULL || !idle_wants(&star->idle, &star->request->select, thread)) {
        star_nothing(star);
        star_nothing(star);
        return;
    }
    for (size_t i = 0; i < star->stalls.n; i++)
        n += star->stalls.list[i].thread == thread;
    const uint64_t n_unsure = stalls_unsure(&star->stalls, thread, &unsure_ns);
    star_number(star, idle_can_tell(idle, n, n_unsure));
    star_count(star, n_unsure);
}

static void write_thread(struct star *star, const struct thread *thread)
{
    const struct profile_thread *const t = star->thread_of[thread->index];
    star_key(star, star_thread_key(star, thread));
    star_key(star, star_process_key(star, thread->process));
    star_count(star, thread->id);
    star_count(star, thread->os_tid);
    star_text(star, thread->name);
    star_number(star, thread->main);
    star_number(star, 1);
    star_time(star, thread->start_ns);
    star_count(star, t != NULL ? weights_sum(&t->total).samples : 0);
    if (t != NULL) {
        star_count(star, t->cpu_ns);
        star_count(star, t->unattributed_ns);
    } else {
        star_nothing(star);
        star_nothing(star);
    }
    write_stalls_told(star, thread);
    star_end(star);
}

/* Runs no Python: of its clock it is known how far it went, and nothing else. */
static void write_native(struct star *star, const struct process *process,
                         const struct native *native)
{
    star_nothing(star);
    star_key(star, star_process_key(star, process));
    star_nothing(star);
    star_count(star, native->os_tid);
    star_text(star, native->name);
    star_number(star, 0);
    star_number(star, 0);
    star_nothing(star);
    star_number(star, 0);
    star_count(star, native->cpu_ns);
    for (int i = 0; i < 3; i++)
        star_nothing(star);
    star_end(star);
}

static void write_threads(struct star *star, const struct process *p)
{
    const struct window window = star->trace->window;
    const struct select *const select = &star->request->select;
    for (size_t i = 0; i < p->n_threads; i++)
        write_thread(star, p->threads[i]);
    if (window.from_ns > 0 || window.to_ns < UINT64_MAX)
        return; /* what they used in a range is not known */
    for (size_t i = 0; i < p->n_natives; i++) {
        if (select_has_thread(select, p->natives[i].name, p->natives[i].os_tid))
            write_native(star, p, &p->natives[i]);
    }
}

enum status star_write_who(struct star *star, struct problem *why)
{
    const struct census *const census = &star->trace->census;
    for (size_t r = 0; r < star->n_recordings; r++) {
        TRY(star_open(star, STAR_RECORDINGS, r, why));
        write_recording(star);
        TRY(star_open(star, STAR_PROCESSES, r, why));
        for (size_t i = 0; i < census->n_processes; i++) {
            if (star_has_process(star, census->processes[i]))
                write_process(star, census->processes[i]);
        }
        TRY(star_open(star, STAR_THREADS, r, why));
        for (size_t i = 0; i < census->n_processes; i++) {
            if (star_has_process(star, census->processes[i]))
                write_threads(star, census->processes[i]);
        }
    }
    return STATUS_OK;
}
