/* SPDX-License-Identifier: MIT */
#include "dump_take.h"

#include "record/agent/base/peek.h"
#include "record/base/clocks.h"
#include "record/regard/outside.h"
#include "record/regard/regard.h"
#include "record/tables/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TRIES      120u
#define NAP_MIN_US 20u
#define NAP_MAX_US 2000u
#define TWICE      20u /* readings of a thread that cannot be proved, until two are the same */
#define LOADS      100000u
#define OUTER      10u /* frames at the root's end that are kept of a stack that is too deep */

struct looking {
    struct dump *dump;
    struct crowd crowd;
    struct still still;
    struct reading reading;
    uint64_t begin_ns;
};

void dump_clear(struct dump *dump)
{
    free(dump->threads);
    bump_clear(&dump->memory);
    *dump = (struct dump){.threads = NULL};
}

/* A copy that can be printed anywhere: UTF-8 without zero bytes. NULL: no memory. */
static const char *text_keep(struct dump *dump, const char *text, uint32_t len)
{
    const size_t room = 6 * (size_t)len; /* a byte becomes four, a surrogate of three six */
    char *const copy = bump_take(&dump->memory, room + 1, 1);
    if (copy != NULL)
        copy[utf8_clean(text, len, copy, room)] = '\0';
    return copy;
}

/* ---- one thread ---- */

static void state_set(struct dump_thread *thread, const struct still_thread *seen)
{
    const struct still_call *const call = &seen->call;
    thread->call = -1;
    thread->cpu_ns = seen->cpu_ns;
    if (seen->state == 'T' || seen->state == 't')
        thread->state = DUMP_STOPPED;
    else if (seen->state == 'Z' || seen->state == 'X')
        thread->state = DUMP_ENDED;
    else if (call->is_known && !call->is_runnable && call->number < 0)
        thread->state = DUMP_KERNEL;
    else if (call->is_known && !call->is_runnable) {
        thread->state = DUMP_BLOCKED;
        thread->call = (int32_t)call->number;
    } else if (call->is_runnable || seen->state == 'R') {
        thread->state = DUMP_RUNNABLE;
    } else {
        thread->state = DUMP_UNKNOWN;
    }
    thread->lock = call->number == SYS_futex ? call->arguments[0] : 0;
}

/* What it holds and waits for in Python; in the reading that its stack was read in. */
static void gil_look(struct looking *looking, struct dump_thread *thread,
                     const struct crowd_state *state)
{
    uint32_t bad = 0;
    const struct interp *const interp = &looking->dump->python.interp;
    const uintptr_t gil = interp_gil(interp, state->interp);
    if (interp->free_threaded && gil != 0) /* its first word: whether it is used all the same */
        looking->dump->has_gil |= peek_u32(gil, &bad) != 0 && !bad;
    if (thread->lock != 0 && gil != 0 && thread->lock - gil < interp->ver.gil.len)
        thread->state = DUMP_GIL;
    thread->holds_gil = interp_gil_holder(interp, gil) == state->at;
    thread->is_collecting = thread->holds_gil && interp_in_gc(interp, state->interp);
    thread->stops_world = interp_stops_world(interp, state->interp, state->at);
    if (thread->state != DUMP_BLOCKED || thread->lock == 0)
        return;
    const uint32_t parked = interp_parked_for(interp, state->at, thread->lock);
    if (parked != 0)
        thread->state = parked == WIRE_WAITS_WORLD ? DUMP_WORLD : DUMP_OBJECT;
}

/* The frames of a reading become the thread's. False: no memory. */
static bool frames_keep(struct looking *looking, struct dump_thread *thread)
{
    const struct reading *const reading = &looking->reading;
    struct dump *const dump = looking->dump;
    thread->depth = reading->depth;
    thread->is_cut = reading->is_cut;
    thread->n_left = reading->n_left;
    thread->left_behind = reading->n_left > 0 ? reading->fold.inner : 0;
    thread->frames = bump_take(&dump->memory, reading->n_frames + 1ull, sizeof *thread->frames);
    if (thread->frames == NULL)
        return false;
    for (uint32_t i = 0; i < reading->n_frames; i++) {
        const struct reading_frame *const from = &reading->frames[i];
        struct dump_frame *const to = &thread->frames[i];
        to->line = from->line;
        to->function = text_keep(dump, from->function, from->function_len);
        to->file = text_keep(dump, from->file, from->file_len);
        if (to->function == NULL || to->file == NULL)
            return false;
    }
    thread->n_frames = reading->n_frames;
    return true;
}

static uint64_t reading_digest(const struct reading *reading)
{
    uint64_t digest = 0xcbf29ce484222325u ^ reading->depth;
    for (uint32_t i = 0; i < reading->depth; i++)
        digest = (digest ^ reading->raw[i]) * 0x100000001b3u;
    return digest;
}

/* Where nothing can be proved: two readings in a row that are the same. */
static bool twice_read(struct looking *looking, struct dump_thread *thread,
                       const struct crowd_state *state, const char *why)
{
    uint64_t last = 0;
    bool had = false;
    for (uint32_t i = 0; i < TWICE; i++) {
        const char *const wrong = reading_take(&looking->reading, state->at);
        const uint64_t digest = reading_digest(&looking->reading);
        if (wrong == NULL && had && digest == last) {
            thread->unproved = why;
            gil_look(looking, thread, state);
            return frames_keep(looking, thread);
        }
        had = wrong == NULL;
        last = digest;
    }
    thread->not_known = why;
    return true;
}

/* One attempt at a thread that was seen off its CPU. *is_done: there is nothing more to try. */
static bool still_read(struct looking *looking, struct dump_thread *thread,
                       const struct crowd_state *state, struct still_thread *seen, bool *is_done)
{
    const char *const wrong = reading_take(&looking->reading, state->at);
    const uint64_t at_ns = clocks_ns(CLOCK_MONOTONIC) - looking->begin_ns;
    state_set(thread, seen);
    gil_look(looking, thread, state);
    dump_waits_look(looking->dump, thread, seen, looking->crowd.tasks, looking->crowd.n_tasks);
    const struct rlock rlock =
        thread->state == DUMP_BLOCKED && thread->lock != 0
            ? rlock_find(&looking->dump->python.interp, state->at, thread->lock)
            : (struct rlock){.is_there = false};
    /* a new state has its creator's numbers until its own thread runs, and only then frames */
    outside_forget(LOADS);
    const bool is_its = crowd_is_still_its(&looking->dump->python, state);
    if (!still_holds(&looking->still, seen)) {
        thread->not_known = still_text(STILL_OFF);
        return true;
    }
    thread->at_ns = at_ns;
    if (is_its)
        dump_waits_rlock(looking->dump, thread, &rlock, &looking->crowd);
    thread->is_proved = is_its && wrong == NULL;
    thread->not_known = !is_its ? "its Python ended meanwhile" : wrong;
    *is_done = thread->is_proved || !is_its;
    return !thread->is_proved || frames_keep(looking, thread);
}

static bool stack_look(struct looking *looking, struct dump_thread *thread,
                       const struct crowd_state *state, struct still_thread *seen)
{
    uint64_t failed_at = 0;
    uint32_t nap_us = NAP_MIN_US;
    bool is_done = false;
    for (uint32_t i = 0; i < TRIES; i++) {
        const enum still_seen how = still_look(&looking->still, seen);
        thread->not_known = still_text(how);
        if (how != STILL_OFF && how != STILL_ON) {
            state_set(thread, seen);
            if (how == STILL_GONE)
                thread->state = DUMP_ENDED;
            return how == STILL_GONE || twice_read(looking, thread, state, still_text(how));
        }
        if (how == STILL_OFF && !still_read(looking, thread, state, seen, &is_done))
            return false;
        /* it has not moved since the last time: nor will what is wrong */
        if (is_done || (seen->count == failed_at && !seen->call.is_runnable))
            return true;
        failed_at = seen->count;
        usleep(nap_us);
        nap_us = nap_us * 2 < NAP_MAX_US ? nap_us * 2 : NAP_MAX_US;
    }
    return true;
}

/* A thread with a Python stack (`state`), or without (NULL). False: no memory. */
static bool thread_look(struct looking *looking, struct dump_thread *thread,
                        const struct crowd_state *state)
{
    struct still_thread seen;
    bool has_memory = true;
    thread->call = -1;
    if (thread->tid == 0) {
        thread->not_known = "the kernel's number of its thread is not known";
        return true;
    }
    if (!still_open(&looking->still, &seen, thread->tid)) {
        thread->state = DUMP_ENDED;
        thread->not_known = still_text(STILL_GONE);
        return true;
    }
    if (state != NULL) {
        has_memory = stack_look(looking, thread, state, &seen);
    } else {
        (void)still_see(&looking->still, &seen);
        state_set(thread, &seen);
        outside_forget(LOADS);
        dump_waits_look(looking->dump, thread, &seen, looking->crowd.tasks, looking->crowd.n_tasks);
    }
    still_close(&seen);
    return has_memory;
}

/* ---- all threads ---- */

static const struct crowd_task *task_of(const struct crowd *crowd, pid_t tid)
{
    for (uint32_t i = 0; i < crowd->n_tasks; i++)
        if (crowd->tasks[i].tid == tid)
            return &crowd->tasks[i];
    return NULL;
}

/*
 * Up to 3.11 a new state has the numbers of the thread that made it until its own runs: then
 * there are two of one thread in one interpreter, and the one without frames is not its.
 */
static bool is_double(struct dump *dump, const struct dump_thread *thread)
{
    for (uint32_t i = 0; i < dump->n_threads; i++) {
        struct dump_thread *const other = &dump->threads[i];
        if (other->tid != thread->tid || thread->tid == 0 || !other->is_python ||
            other->interp_id != thread->interp_id)
            continue;
        if (thread->depth == 0)
            return true;
        if (other->depth == 0) {
            *other = *thread;
            return true;
        }
    }
    return false;
}

static bool pythons_look(struct looking *looking)
{
    struct dump *const dump = looking->dump;
    for (uint32_t i = looking->crowd.n_states; i-- > 0;) { /* the oldest first */
        const struct crowd_state *const state = &looking->crowd.states[i];
        const struct crowd_task *const task = task_of(&looking->crowd, state->tid);
        struct dump_thread thread = {.tid = state->tid,
                                     .inner = task != NULL ? task->inner : state->inner,
                                     .is_python = true,
                                     .interp_id = state->interp_id};
        thread.comm = task != NULL ? text_keep(dump, task->comm, (uint32_t)strlen(task->comm)) : "";
        if (state->name_len > 0)
            thread.name = text_keep(dump, state->name, state->name_len);
        if (!thread_look(looking, &thread, state))
            return false;
        if (!is_double(dump, &thread))
            dump->threads[dump->n_threads++] = thread;
    }
    dump->n_python = dump->n_threads;
    return true;
}

static bool natives_look(struct looking *looking)
{
    char stat[1024];
    struct dump *const dump = looking->dump;
    for (uint32_t i = 0; i < looking->crowd.n_tasks; i++) {
        const struct crowd_task *const task = &looking->crowd.tasks[i];
        struct dump_thread *const thread = &dump->threads[dump->n_threads];
        if (task->has_state)
            continue;
        *thread = (struct dump_thread){.tid = task->tid, .inner = task->inner};
        thread->comm = text_keep(dump, task->comm, (uint32_t)strlen(task->comm));
        thread->is_worker =
            procfs_read(stat, sizeof stat, "/proc/%d/task/%d/stat", dump->pid, task->tid) > 0 &&
            procfs_is_worker(stat);
        dump->n_threads++;
        if (!thread_look(looking, thread, NULL))
            return false;
    }
    return true;
}

static void totals_count(struct dump *dump)
{
    for (uint32_t i = 0; i < dump->n_threads; i++) {
        struct dump_thread *const thread = &dump->threads[i];
        dump->n_proved += thread->is_proved;
        dump->n_unproved += thread->unproved != NULL;
        dump->n_not_known += thread->not_known != NULL;
        for (uint32_t k = 0; k < dump->n_threads && thread->lock != 0; k++)
            thread->n_waiting += dump->threads[k].lock == thread->lock &&
                                 dump->threads[k].tid != 0 &&
                                 (k == i || dump->threads[k].tid != thread->tid);
    }
}

static bool threads_look(struct looking *looking)
{
    struct dump *const dump = looking->dump;
    if (!crowd_read(&looking->crowd, dump->pid, &dump->python))
        return false;
    dump->is_whole = looking->crowd.is_whole;
    dump->threads =
        calloc((size_t)looking->crowd.n_states + looking->crowd.n_tasks + 1, sizeof *dump->threads);
    if (dump->threads == NULL)
        return false;
    const bool is_done = pythons_look(looking) && natives_look(looking);
    totals_count(dump);
    return is_done && !dump->memory.has_failed;
}

/* ---- the process ---- */

/* Fields 20 and 28 of stat: how many threads there are, and where the first stack is. */
static bool stat_fields(pid_t pid, uint64_t *n_threads, uint64_t *stack)
{
    char text[1024];
    const bool is_there = procfs_read(text, sizeof text, "/proc/%d/stat", pid) > 0;
    const char *at = is_there ? strrchr(text, ')') : NULL;
    for (unsigned field = 2; field < 28 && at != NULL; field++) {
        if (field == 20)
            *n_threads = strtoull(at, NULL, 10);
        at = strchr(at + 1, ' ');
    }
    if (at != NULL)
        *stack = strtoull(at, NULL, 10);
    return at != NULL;
}

/* What changes when the number is another process's, and when the process runs another program.
 * 0 = it is gone; its first thread may be, when others go on. */
static uint64_t identity_read(pid_t pid)
{
    struct procfs_stat stat;
    uint64_t n_threads = 0, stack = 0;
    if (!procfs_stat_read(pid, &stat) || !stat_fields(pid, &n_threads, &stack) ||
        (stat.state == 'Z' && n_threads <= 1))
        return 0;
    return stack * 0x100000001b3u ^ stat.start;
}

static void command_read(struct dump *dump, pid_t tid)
{
    char text[4096];
    const ssize_t len = procfs_read(text, sizeof text, "/proc/%d/cmdline", tid);
    size_t n = len > 0 ? (size_t)len : 0;
    while (n > 0 && text[n - 1] == '\0')
        n--;
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    dump->command = text_keep(dump, text, (uint32_t)n);
}

static enum status status_of(enum reason_kind kind)
{
    switch (kind) {
    case REASON_FINE:
        return STATUS_OK;
    case REASON_GONE:
        return STATUS_NOT_FOUND;
    case REASON_RIGHTS:
        return STATUS_IO;
    case REASON_FAILED:
        return STATUS_NO_MEMORY;
    default:
        return STATUS_UNSUPPORTED;
    }
}

static enum status process_open(struct dump *dump, struct remote *remote, struct problem *why)
{
    struct regard regard;
    char clause[sizeof why->detail];
    regard_open(&regard, dump->pid, REGARD_AWAIT);
    const enum reason reason = regard.not_to_look;
    *remote = regard.remote;
    dump->python = regard.python;
    reason_clause(reason, &regard.facts, clause, sizeof clause);
    regard_close(&regard);
    return reason == REASON_NONE
               ? STATUS_OK
               : problem_set(why, status_of(reason_kind(reason)), PROBLEM_NO_OFFSET,
                             "process %d %s", dump->pid, clause);
}

enum status dump_take(struct dump *dump, pid_t pid, uint32_t max_depth, struct problem *why)
{
    struct looking looking = {.dump = dump, .begin_ns = clocks_ns(CLOCK_MONOTONIC)};
    struct remote remote;
    const uint32_t outer = max_depth > 2 * OUTER ? OUTER : max_depth / 2;
    const struct reading_fold fold = {max_depth - outer, outer};
    dump->pid = pid;
    dump->wall_ns = clocks_ns(CLOCK_REALTIME);
    const uint64_t identity = identity_read(pid);
    TRY(process_open(dump, &remote, why));
    dump->has_gil = !dump->python.interp.free_threaded;
    command_read(dump, remote.tid);
    still_init(&looking.still, pid);
    const bool has_memory =
        reading_init(&looking.reading, &dump->python.interp, fold) && threads_look(&looking);
    still_release(&looking.still);
    reading_clear(&looking.reading);
    crowd_clear(&looking.crowd);
    dump->took_ns = clocks_ns(CLOCK_MONOTONIC) - looking.begin_ns;
    if (!has_memory)
        return problem_set(why, STATUS_NO_MEMORY, PROBLEM_NO_OFFSET, "no memory left for the dump");
    const uint64_t now = identity_read(pid);
    if (now == 0)
        return problem_set(why, STATUS_NOT_FOUND, PROBLEM_NO_OFFSET,
                           "process %d ended while it was looked at", pid);
    if (now != identity)
        return problem_set(why, STATUS_NOT_FOUND, PROBLEM_NO_OFFSET,
                           "process %d began to run another program while it was looked at", pid);
    return STATUS_OK;
}
