/* SPDX-License-Identifier: MIT */
#include "process.h"

#include "format/tick.h"
#include "record/base/clocks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RELEASE_BYTES (64u << 10) /* give room back while draining, not only at the end */
#define AHEAD_NS      1000000000u /* a record may be written while we look, but not later */
#define CHECK_NS      1000000000u /* between two looks whether it is still the same program */
#define SILENT_NS     2000000000u /* no tick for so long: look at all */
#define EXEC_NS       300000000u  /* the same, when a thread has called exec */
#define EXEC_TICKS    10          /* a sampler may rest for eight */
#define HELPER_MAX_NS 100000000u  /* from a fork to an exec */
#define NAME_LOOKS    2           /* a kernel name may be set a moment after the thread began */

#define REST_MAX_NS 1000000000u /* nobody rests for longer */
#define LAST_DRAINS 8           /* of a ring whose agent may still be writing */

/* ---- chunks ---- */

/* Dead, but not buried: its clock can still be read. */
static bool is_zombie(const struct process *process)
{
    struct procfs_stat is;
    return procfs_stat_read(process->pid, &is) && is.state == 'Z' &&
           is.start == process->about.os_start;
}

/* When a thread called exec, if that makes sense; 0 = none did. */
static uint64_t exec_ns(const struct process *process)
{
    const uint64_t at_ns = atomic_load_explicit(&process->head->exec_ns, memory_order_acquire);
    return at_ns >= process->start_ns && at_ns <= clocks_mono_ns() ? at_ns : 0;
}

bool process_has_called_exec(const struct process *process)
{
    return exec_ns(process) != 0;
}

bool process_is_helper(const struct process *process)
{
    const uint64_t at_ns = exec_ns(process);
    return process->head->is_forked != 0 && !process->is_written && at_ns != 0 &&
           at_ns - process->start_ns < HELPER_MAX_NS;
}

static bool cpu_clock_read(const struct process *process, uint64_t *cpu_ns)
{
    return !process->has_left && (!process->is_dead || is_zombie(process)) &&
           procfs_process_cpu(process->pid, cpu_ns);
}

/* The newest of what we see and what the agent saw. */
void process_look_clock(struct process *process)
{
    uint64_t cpu_ns =
        atomic_load_explicit(&process->head->counters.process_cpu_ns, memory_order_relaxed);
    if (cpu_ns > process->cpu_clock_ns)
        process->cpu_clock_ns = cpu_ns;
    if (exec_ns(process) != 0 || process_is_over(process)) /* the rest is not ours */
        cpu_ns = atomic_load_explicit(&process->head->exec_cpu_ns, memory_order_relaxed);
    else if (!cpu_clock_read(process, &cpu_ns))
        return;
    if (cpu_ns > process->cpu_clock_ns)
        process->cpu_clock_ns = cpu_ns;
}

uint64_t process_own_cpu_ns(const struct process *process, uint64_t clock_ns)
{
    return clock_ns > process->cpu_zero_ns ? clock_ns - process->cpu_zero_ns : 0;
}

static void account_update(struct process *process)
{
    struct account *account = &process->account;
    account_take(account, &process->head->counters);
    account_late(account, process->stream.late);
    account->ticks_due += process->rest_due;
    account->ticks_taken += process->rest_taken;
    account->ticks_spared += process->rest_due - process->rest_taken;
    process_look_clock(process);
    account->samples = process->stream.samples;
    account->orphans = process->stream.orphans;
    account->codes_lost += process->stream.codebook.refused;
    account->native_cpu_ns = process->natives.total_ns;
    account->collector_cpu_ns = clocks_ns(CLOCK_PROCESS_CPUTIME_ID);
    account->process_cpu_ns = process_own_cpu_ns(process, process->cpu_clock_ns);
}

/*
 * What the program has said of itself. Behind the ring's records: a sample that was taken from
 * there refers only to what was said before. So each chunk defines what its samples refer to.
 */
static void marks_drain(struct process *process, bool is_over)
{
    const uint64_t limit_ns = clocks_mono_ns() + AHEAD_NS;
    struct mark mark;
    uint32_t n = 0;
    while (process->marks != NULL && process->problem.status == STATUS_OK && n < MARK_QUEUE_SLOTS &&
           mark_queue_take(process->marks, &mark, is_over)) {
        process->problem.status =
            stream_apply_mark(&process->stream, &mark, limit_ns, &process->problem);
        n++;
    }
    if ((double)n / MARK_QUEUE_SLOTS > process->fill)
        process->fill = (double)n / MARK_QUEUE_SLOTS;
}

/* How much of it could not be kept, where that has become more. */
static void marks_lost_note(struct process *process)
{
    struct contexts *contexts = &process->stream.contexts;
    if (process->marks != NULL) {
        const uint64_t lost = atomic_load_explicit(&process->marks->lost, memory_order_relaxed);
        contexts->lost += lost - process->marks_lost;
        process->marks_lost = lost;
    }
    if (contexts->lost != contexts->lost_told)
        process_note(process, PROCESS_MARKS_LOST, (int64_t)contexts->lost);
}

static void chunk_write(struct process *process, struct emit *emit, const struct encode_end *end)
{
    struct stream *stream = &process->stream;
    marks_drain(process, end != NULL);
    marks_lost_note(process);
    const uint64_t quantum_ns = stream->clock.quantum_ns;
    stream_intern_names(stream);
    account_update(process);
    struct encode_job job = {
        .process = &process->about,
        .generation = stream->generation,
        .interval_ns = stream->interval_ns,
        .stream = stream,
        .account = &process->account,
        .natives = &process->natives,
        .end = end,
    };
    process->is_written = true;
    emit_chunk(emit, &job, process->about.number,
               stream->is_generation_new ? EMIT_META : EMIT_NO_META,
               stream->batch.before_q * quantum_ns, stream->batch.last_q * quantum_ns);
    stream_restart_batch(stream);
    natives_have_written(&process->natives);
}

void process_flush(struct process *process, struct emit *emit)
{
    chunk_write(process, emit, NULL);
}

void process_begin_section(struct process *process, uint32_t section, uint64_t now_ns)
{
    struct stream *const stream = &process->stream;
    process->problem.status = stream_restart_generation(stream, &process->problem);
    if (process->problem.status == STATUS_OK)
        sources_repeat(&process->sources, stream, section, stream_quanta(&stream->clock, now_ns));
}

/* ---- names ---- */

/* A thread by the number that its process has for it. */
struct sought {
    pid_t pid, inner, outer; /* outer 0 = not found */
};

static void outer_look(void *closure, pid_t tid)
{
    struct sought *sought = closure;
    pid_t inner;
    bool is_nested;
    if (sought->outer == 0 && procfs_inner_number(sought->pid, tid, &inner, &is_nested) &&
        inner == sought->inner)
        sought->outer = tid;
}

static pid_t outer_find(const struct process *process, pid_t tid)
{
    char directory[64];
    struct sought sought = {process->pid, tid, process->natives.is_nested ? 0 : tid};
    snprintf(directory, sizeof directory, "/proc/%d/task", process->pid);
    if (process->natives.is_nested)
        (void)procfs_each_number(directory, outer_look, &sought);
    return sought.outer;
}

/* Is this the name of a thread to which nobody gave one? It has that of the program, or that of the
 * main thread. */
static bool is_inherited(const struct process *process, const char *comm)
{
    char first[PROCFS_COMM_MAX];
    const char *const slash = strrchr(process->executable, '/');
    const char *const program = slash != NULL ? slash + 1 : process->executable;
    return strncmp(comm, program, strlen(comm)) == 0 ||
           (procfs_comm(process->pid, process->pid, first) && strcmp(comm, first) == 0);
}

/*
 * Threads that Python has not named are called what the kernel calls them, if somebody has given
 * them a name: a new thread has that of the one that made it.
 */
static void names_look(struct process *process)
{
    const struct roster *roster = &process->stream.roster;
    char comm[PROCFS_COMM_MAX];
    for (uint32_t i = 0; i < roster->n; i++) {
        struct roster_thread *thread = roster->threads[i];
        if (thread->name_looks >= NAME_LOOKS || thread->is_main || thread->is_ended ||
            (thread->name_looks > 0 && thread->is_declared == false) ||
            (thread->name != NULL && !thread->name_is_kernel))
            continue;
        thread->name_looks++;
        const pid_t tid = outer_find(process, (pid_t)thread->os_tid);
        if (tid != 0 && procfs_comm(process->pid, tid, comm) && !is_inherited(process, comm))
            (void)roster_set_name(thread, comm, strlen(comm), true);
    }
}

/* ---- records ---- */

/* A tick begins: what was before it can be cut off here, and only here. */
static enum status tick_border(struct process *process, struct emit *emit, uint64_t time_ns)
{
    struct stream *stream = &process->stream;
    TRY(stream_close_tick(stream, &process->problem));
    if (!stream_cut_due(stream, time_ns))
        return STATUS_OK;
    const bool is_generation_due = stream_generation_due(stream);
    process_flush(process, emit);
    return is_generation_due ? stream_restart_generation(stream, &process->problem) : STATUS_OK;
}

/* Whose CPU time it is from now on: a Python thread's, or a native one's. */
static void natives_note(struct process *process, const struct wire_record *record)
{
    struct stream *stream = &process->stream;
    if (record->type == WIRE_THREAD) {
        const struct wire_thread *thread = (const struct wire_thread *)(const void *)record;
        if (thread->python_ident != 0)
            natives_adopt(&process->natives, (pid_t)thread->os_tid, thread->cpu_ns);
        else
            natives_adopt_found(&process->natives, process->pid, (pid_t)thread->os_tid,
                                thread->cpu_ns);
    } else if (record->type == WIRE_THREAD_END) {
        const struct wire_thread_end *end = (const struct wire_thread_end *)(const void *)record;
        const struct roster_thread *thread = roster_find(&stream->roster, end->thread);
        if (thread != NULL && thread->end_cpu_q == 0) /* else it is no thread at all any more */
            natives_release(&process->natives, (pid_t)thread->os_tid,
                            thread->now.cpu_q * stream->clock.quantum_ns);
    }
}

/* We may have been stopped since we looked at the clock, and the agent went on. */
static void limit_refresh(uint64_t *limit_ns)
{
    const uint64_t limit_now_ns = clocks_mono_ns() + AHEAD_NS;
    if (*limit_ns < limit_now_ns)
        *limit_ns = limit_now_ns;
}

static enum status tick_take(struct process *process, struct emit *emit,
                             const struct wire_tick *tick, uint64_t *limit_ns)
{
    if (tick->time_ns + AHEAD_NS > *limit_ns)
        limit_refresh(limit_ns);
    TRY(tick_border(process, emit, tick->time_ns < *limit_ns ? tick->time_ns : *limit_ns));
    return stream_apply(&process->stream, &tick->record, *limit_ns, &process->problem);
}

static enum status source_take(struct process *process, const struct emit *emit,
                               const struct wire_record *record)
{
    struct stream *const stream = &process->stream;
    const struct wire_source_told *told = (const struct wire_source_told *)(const void *)record;
    const uint64_t now_q = stream_quanta(&stream->clock, clocks_mono_ns());
    if (sources_tell(&process->sources, stream, told, emit->sections, now_q))
        return STATUS_OK;
    return problem_set(&process->problem, STATUS_DAMAGED, PROBLEM_NO_OFFSET,
                       "a text that does not fit its record (%u)", told->source.text_len);
}

static enum status record_take(struct process *process, struct emit *emit,
                               const struct wire_record *record, uint64_t *limit_ns)
{
    if (record->type == WIRE_SOURCE && record->len >= sizeof(struct wire_source_told))
        return source_take(process, emit, record);
    if (record->type == WIRE_TICK && record->len >= sizeof(struct wire_tick))
        return tick_take(process, emit, (const struct wire_tick *)(const void *)record, limit_ns);
    TRY(stream_apply(&process->stream, record, *limit_ns, &process->problem));
    natives_note(process, record);
    return STATUS_OK;
}

/* At most one ring full per visit, so that one process cannot keep us from the others. */
static bool drain(struct process *process, struct emit *emit, uint64_t now_ns)
{
    static _Alignas(8) uint8_t copy[WIRE_RECORD_MAX];
    uint64_t taken = 0, released = 0, limit_ns = now_ns + AHEAD_NS;
    while (process->problem.status == STATUS_OK && taken < process->ring.len) {
        const int64_t len = ring_take(&process->ring, copy);
        if (len == 0)
            break;
        if (len < 0) {
            problem_set(&process->problem, STATUS_DAMAGED, PROBLEM_NO_OFFSET, "its ring is broken");
            break;
        }
        const struct wire_record *record = (const struct wire_record *)(const void *)copy;
        const enum status status = record_take(process, emit, record, &limit_ns);
        process->problem.status = status;
        taken += (uint64_t)len;
        if (taken - released >= RELEASE_BYTES) {
            ring_release(&process->ring);
            released = taken;
        }
    }
    ring_release(&process->ring);
    process->fill = (double)taken / process->ring.len;
    return process->problem.status == STATUS_OK && taken < process->ring.len;
}

/* ---- its title ---- */

static bool is_same_program(const struct process *process)
{
    char path[32];
    struct stat exe;
    snprintf(path, sizeof path, "/proc/%d/exe", process->pid);
    return process->exe_inode != 0 && stat(path, &exe) == 0 && exe.st_dev == process->exe_device &&
           exe.st_ino == process->exe_inode;
}

/* What another program calls itself that it has become by exec is not its title: so that is looked
 * at afterwards. */
static void title_note(struct process *process, uint64_t now_ns)
{
    struct title title = process->title;
    const bool is_new = title_look(&title, process->pid, process->argv_text, process->argv_len,
                                   process->executable, now_ns - process->start_ns, now_ns);
    process->title.next_look_ns = title.next_look_ns;
    if (!is_new || !is_same_program(process))
        return;
    struct batch_event note = {
        .time_q = stream_quanta(&process->stream.clock, now_ns),
        .type = PYREC__V1__EVENT__TYPE__TITLE,
        .text = strdup(title.text),
    };
    if (note.text != NULL && batch_add_event(&process->stream.batch, &note))
        process->title = title;
    else
        free(note.text); /* again at the next look */
}

void process_look(struct process *process, uint64_t now_ns)
{
    process->title.next_look_ns = 0;
    title_note(process, now_ns);
    names_look(process);
    natives_look(&process->natives, process->pid, &process->stream.roster,
                 now_ns - process->start_ns, now_ns, NATIVES_NOW);
}

bool process_visit(struct process *process, struct emit *emit, uint64_t now_ns)
{
    atomic_store_explicit(&process->head->collector_beat, now_ns, memory_order_relaxed);
    const bool is_empty = drain(process, emit, now_ns);
    marks_drain(process, false);
    if (!process->is_dead) {
        title_note(process, now_ns);
        names_look(process);
        natives_look(&process->natives, process->pid, &process->stream.roster,
                     now_ns - process->start_ns, now_ns, NATIVES_IF_DUE);
    }
    if (is_empty && stream_cut_due(&process->stream, now_ns) && !stream_is_idle(&process->stream))
        process_flush(process, emit);
    return is_empty;
}

void process_stop(struct process *process)
{
    atomic_store_explicit(&process->head->stop, 1, memory_order_relaxed);
}

void process_note(struct process *process, enum process_event event, int64_t value)
{
    const uint64_t now_q = stream_quanta(&process->stream.clock, clocks_mono_ns());
    const struct batch_event note = {.time_q = now_q, .type = event, .value = value};
    (void)batch_add_event(&process->stream.batch, &note); /* without memory: one event less */
}

void process_take_sources(struct process *process, int memfd, uint32_t section)
{
    sources_take(&process->sources, &process->stream, memfd, section,
                 stream_quanta(&process->stream.clock, clocks_mono_ns()));
}

/*
 * What the process used and none of its threads: see natives.h. Only until the agent read its clock
 * last, beside theirs: what it used later may be how it ended, as when the kernel takes back a
 * large memory.
 */
static void unseen_add(struct process *process)
{
    struct account *account = &process->account;
    const uint64_t known_ns = process->stream.python_cpu_q * process->stream.clock.quantum_ns +
                              account->sampler_cpu_ns + account->native_cpu_ns;
    const uint64_t read_ns =
        process_own_cpu_ns(process, atomic_load_explicit(&process->head->counters.process_cpu_ns,
                                                         memory_order_relaxed));
    if (read_ns > known_ns)
        natives_add_unseen(&process->natives, read_ns - known_ns, account->process_cpu_ns);
    account->native_cpu_ns = process->natives.total_ns;
}

/* When tick `number` is due on CLOCK_MONOTONIC. */
static uint64_t due_ns(const struct stream *stream, uint64_t number)
{
    return stream->clock.start_mono_ns +
           tick_due_ns(stream->origin_ns, stream->interval_ns, number);
}

/*
 * It died in a rest (or is left in one): write the ticks that it would have written. Only if its
 * CPU clock shows that nothing ran: dying itself costs some, so a quarter of the time is let pass.
 */
static void rest_write(struct process *process, struct emit *emit, uint64_t now_ns)
{
    struct wire_rest *const told = &process->head->rest;
    struct stream *const stream = &process->stream;
    const uint64_t told_end_ns = atomic_load_explicit(&told->end_ns, memory_order_acquire);
    const uint64_t number = atomic_load_explicit(&told->number, memory_order_relaxed);
    const uint64_t begin_cpu_ns = atomic_load_explicit(&told->cpu_ns, memory_order_relaxed);
    const uint32_t stride = atomic_load_explicit(&told->stride, memory_order_relaxed);
    const uint64_t end_ns = told_end_ns < now_ns ? told_end_ns : now_ns;
    const uint64_t begin_ns = due_ns(stream, stream->last_number);
    uint64_t cpu_ns, limit_ns = now_ns + AHEAD_NS;
    if (told_end_ns == 0 || !stream->has_number || number != stream->last_number || stride == 0 ||
        begin_ns >= end_ns || end_ns - begin_ns > REST_MAX_NS ||
        !cpu_clock_read(process, &cpu_ns) || cpu_ns < begin_cpu_ns ||
        cpu_ns - begin_cpu_ns > (end_ns - begin_ns) / 4)
        return;
    while (process->problem.status == STATUS_OK) {
        struct wire_tick tick = {.record = {.len = sizeof tick, .type = WIRE_TICK},
                                 .number = stream->last_number + stride};
        tick.time_ns = due_ns(stream, tick.number);
        if (tick.time_ns >= end_ns)
            return;
        process->problem.status = tick_take(process, emit, &tick, &limit_ns);
        process->rest_due += stride;
        process->rest_taken++;
    }
}

bool process_left_text(const struct process *process, char *text, size_t size)
{
    char said[sizeof process->head->refused];
    if (atomic_load_explicit(&process->head->state, memory_order_acquire) != WIRE_STOPPED)
        return false;
    memcpy(said, process->head->refused, sizeof said);
    said[sizeof said - 1] = '\0';
    for (char *at = said; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    snprintf(text, size, "%s", said);
    return said[0] != '\0';
}

void process_finish(struct process *process, struct emit *emit, uint64_t now_ns, const char *reason,
                    const struct exit_status *died)
{
    char broken[sizeof process->problem.detail + 32], left[sizeof process->problem.detail];
    process_stop(process);
    for (int i = 0; i < LAST_DRAINS && process->problem.status == STATUS_OK; i++)
        if (drain(process, emit, now_ns))
            break;
    if (process->problem.status == STATUS_OK)
        rest_write(process, emit, now_ns);
    const bool has_stopped = process_left_text(process, left, sizeof left);
    if (process->problem.status != STATUS_OK) {
        snprintf(broken, sizeof broken, "broken: %s", process->problem.detail);
        reason = broken;
    } else if (has_stopped) {
        snprintf(broken, sizeof broken, "stopped: %s", left);
        reason = broken;
    }
    struct problem unused;
    if (stream_close_tick(&process->stream, &unused) != STATUS_OK)
        reason = "out of memory";
    account_update(process);
    if (!has_stopped)
        unseen_add(process);
    const uint64_t left_ns = process->has_left ? exec_ns(process) : 0;
    const struct encode_end end = {
        .end_q = stream_quanta(&process->stream.clock, left_ns != 0 ? left_ns : now_ns),
        .reason = reason,
        .is_status_known = died->is_known,
        .exit_status = died->status,
        .exit_signal = died->signal,
        .os_cpu_ns = process->account.process_cpu_ns,
    };
    chunk_write(process, emit, &end);
}

/* ---- is it still there ---- */

bool process_has_died(const struct process *process)
{
    struct procfs_stat is;
    if (process->pidfd >= 0)
        return false; /* it will say so itself */
    return !procfs_stat_read(process->pid, &is) || is.state == 'Z' ||
           is.start != process->about.os_start;
}

bool process_is_over(const struct process *process)
{
    return (process->head->flags & WIRE_ATTACHED) != 0 && exec_ns(process) == 0 &&
           atomic_load_explicit(&process->head->state, memory_order_acquire) == WIRE_STOPPED;
}

/* exec leaves nobody who could say so; the file behind /proc/PID/exe tells. */
bool process_has_left(struct process *process, uint64_t now_ns)
{
    char path[32];
    struct stat exe;
    const uint64_t beat_ns =
        atomic_load_explicit(&process->head->sampler_beat, memory_order_relaxed);
    if (exec_ns(process) != 0 &&
        now_ns > beat_ns + EXEC_NS + EXEC_TICKS * process->stream.interval_ns)
        return true;
    if (now_ns < process->next_check_ns || now_ns < beat_ns + SILENT_NS || process->exe_inode == 0)
        return false;
    process->next_check_ns = now_ns + CHECK_NS;
    snprintf(path, sizeof path, "/proc/%d/exe", process->pid);
    return stat(path, &exe) == 0 &&
           (exe.st_dev != process->exe_device || exe.st_ino != process->exe_inode);
}
