/* SPDX-License-Identifier: MIT */
#include "raw.h"

#include "library.h"
#include "record/base/clocks.h"
#include "record/kernel/procfs.h"
#include "wait.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RAW_SLOW_NS  2000000u
#define BACK_MAX_NS  1000000u /* to see that the thread that was held is back */
#define OUT_FIRST_NS 20000000u
#define LEAVE_MAX_NS 2000000000u
#define POLL_US      20
#define BY_MEMORY    "/proc/thread-self/fd/0"

/* ---- its threads ---- */

struct search {
    pid_t pid, inner, found;
};

static void number_match(void *closure, pid_t tid)
{
    struct search *const search = closure;
    pid_t inner;
    bool is_nested;
    if (search->found == 0 && procfs_inner_number(search->pid, tid, &inner, &is_nested) &&
        inner == search->inner)
        search->found = tid;
}

pid_t raw_thread_find(pid_t pid, pid_t inner)
{
    struct search search = {pid, inner, 0};
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    (void)procfs_each_number(path, number_match, &search);
    return search.found;
}

/* ---- how long ---- */

/* Who has to run next: the thread that was held, ours, or the one that ours has made. */
static pid_t awaited(const struct job *job, const struct mailbox *now)
{
    int32_t inner = now->clone;
    if (now->self != job->place.mailbox || now->clone <= 0)
        return job->held.tid;
    if (now->thread != 0 && !remote_read(&job->regard.remote, now->thread + job->place.tid_offset,
                                         &inner, sizeof inner))
        inner = now->clone;
    return raw_thread_find(job->plan->pid, inner);
}

/* Goes on after a nap, or is over. */
static bool wait_nap(const struct job *job, struct vigil *wait, const struct mailbox *now)
{
    if (wait_is_due(wait))
        wait_look(wait, awaited(job, now));
    if (!wait_goes_on(wait))
        return false;
    usleep(POLL_US);
    return true;
}

static enum inject_outcome wait_explain(struct job *job, const struct vigil *wait, const char *what)
{
    const char *const hindrance = wait_hindrance(wait);
    return hindrance != NULL ? job_give_up(job, INJECT_BUSY, hindrance, NULL)
                             : job_give_up(job, INJECT_FAILED, what, NULL);
}

/* ---- the raw thread ---- */

/* It has inherited the place and the priority of the thread that was held. */
static void scheduling_reset(pid_t tid)
{
    const struct sched_param usual = {0};
    cpu_set_t all;
    if (tid == 0)
        return; /* to the kernel that were we */
    memset(&all, 0xff, sizeof all);
    (void)sched_setscheduler(tid, SCHED_OTHER, &usual);
    (void)sched_setaffinity(tid, sizeof all, &all);
}

/* Ours is there, and the other back, as far as that is waited for. */
static bool is_there(const struct job *job, const struct mailbox *now, uint64_t since_ns)
{
    return now->clone < 0 || (now->raw_tid != 0 && (now->is_back != 0 || since_ns > BACK_MAX_NS ||
                                                    job->result->n_threads == 1));
}

/* The thread that was held is out of our code, which begins with the mapping; and there is none,
 * though it is the same program still. */
static bool has_no_memory(const struct job *job, struct mailbox *now)
{
    uint8_t first = 0;
    return hold_seems_out(job->plan->pid, job->held.tid, job->place.code) &&
           !job_letter_read(job, now) && regard_is_same(&job->regard) &&
           remote_read(&job->regard.remote, job->place.code, &first, 1) && first != 0;
}

static enum inject_outcome raw_await(struct job *job, struct mailbox *now)
{
    const uint64_t begin = clocks_mono_ns();
    struct vigil wait = {.plan = job->plan};
    bool is_reset = false;
    uint64_t out_ns = OUT_FIRST_NS; /* when it is to be looked at whether there was no memory */
    *now = (struct mailbox){.self = 0};
    do {
        const uint64_t since = clocks_mono_ns() - begin;
        if (job_letter_read(job, now) && is_there(job, now, since))
            break;
        if (now->clone > 0 && !is_reset && since > RAW_SLOW_NS) {
            scheduling_reset(raw_thread_find(job->plan->pid, now->clone));
            is_reset = true;
        }
        if (now->self != job->place.mailbox && since > out_ns) {
            if (job_has_executed(job)) /* see job_settle() */
                return INJECT_FAILED;
            if (has_no_memory(job, now))
                return job_give_up(job, INJECT_FAILED, "has no memory for it", NULL);
            out_ns = 2 * since;
        }
    } while (wait_nap(job, &wait, now));
    if (now->clone < 0)
        return job_give_up(job, INJECT_FAILED, "can have no more threads", strerror(-now->clone));
    if (now->raw_tid == 0 && wait.is_over)
        return wait_explain(job, &wait, "has not come to it within 10 s");
    job->raw = raw_thread_find(job->plan->pid, now->raw_tid);
    const int policy = job->raw != 0 ? sched_getscheduler(job->raw) : SCHED_OTHER;
    if (policy == SCHED_FIFO || policy == SCHED_RR)
        scheduling_reset(job->raw);
    return INJECT_DONE;
}

/* ---- letters ---- */

/* Once: also an attaching that was given up before may have left it empty. */
static bool storage_fill(const struct job *job, const struct mailbox *now)
{
    const uint64_t tcb = job->place.mailbox + MAILBOX_TCB;
    const uint64_t dtv = job->place.mailbox + MAILBOX_DTV;
    const uint64_t room[2] = {2040, 0}; /* entries that fit */
    uint64_t head[HELD_HEAD_WORDS];
    memcpy(head, job->held.head, sizeof head);
    head[0] = head[2] = tcb; /* what follows: the guards of stacks and pointers, as everywhere */
    head[1] = dtv + sizeof room;
    head[3] = 1; /* more than one thread */
    if (now->is_tls_ready == 0 && (!job_field_write(job, MAILBOX_DTV, room, sizeof room) ||
                                   !job_field_write(job, MAILBOX_TCB, head, sizeof head)))
        return false;
    return job_field_write(job, MAILBOX_TCB + job->place.tid_offset, &now->raw_tid,
                           sizeof now->raw_tid);
}

static bool text_write(const struct job *job, unsigned offset, const char *text, size_t room)
{
    const size_t n = strlen(text) + 1;
    return n <= room && job_field_write(job, offset, text, n);
}

static const char *settings_of(const struct job *job)
{
    const bool is_filtered = job->regard.facts.is_filtered && job->plan->settings_filtered != NULL;
    return is_filtered ? job->plan->settings_filtered : job->plan->settings;
}

static bool letters_write(const struct job *job, const struct mailbox *now, uint32_t lib_len)
{
    if (!storage_fill(job, now))
        return false;
    job_step(job, INJECT_STEP_STORAGE);
    return job_field_write(job, MB_LIB_LEN, &lib_len, sizeof lib_len) &&
           text_write(job, MB_SYMBOL, job->plan->entry, 64) &&
           text_write(job, MB_PATH, lib_len > 0 ? BY_MEMORY : job->plan->library,
                      MB_SETTINGS - MB_PATH) &&
           text_write(job, MB_SETTINGS, settings_of(job), MAILBOX_STACK - MB_SETTINGS) &&
           job_field_write(job, MB_FUNCTIONS, job->functions, sizeof job->functions);
}

static bool bytes_give(struct job *job, const char *bytes, size_t size, struct vigil *wait)
{
    const uint32_t full = 1;
    struct mailbox now = {.lib_at = 0};
    while (job_letter_read(job, &now) && now.lib_at == 0 && now.is_parked == 0)
        if (!wait_nap(job, wait, &now))
            return false;
    job->is_declined = now.is_parked != 0 && now.lib_at == 0;
    if (now.lib_at == 0 || now.lib_at >= JOB_ADDRESS_MAX ||
        !remote_write(&job->regard.remote, now.lib_at, bytes, size))
        return false;
    job_step(job, INJECT_STEP_BYTES);
    return job_field_write(job, MB_LIB_FULL, &full, sizeof full);
}

/* ---- the real thread ---- */

static bool entry_await(struct job *job, struct mailbox *now, struct vigil *wait)
{
    do {
        if (!job_letter_read(job, now))
            return false;
        if (now->phase == PHASE_JOINED || now->create != 0)
            return true;
        job->is_declined = now->is_parked != 0;
    } while (!job->is_declined && wait_nap(job, wait, now));
    return false;
}

/*
 * It is told to go. The code stays: it is the same for everybody, and whoever lost its CPU in it,
 * or the thread of a pyrec that was killed, may still be there.
 */
static void raw_release(const struct job *job)
{
    const uint32_t leave = GO_LEAVE;
    char path[64];
    (void)job_field_write(job, MB_GO, &leave, sizeof leave); /* also if it is still to come */
    if (job->raw == 0) /* it has parked before it could be seen */
        return;
    snprintf(path, sizeof path, "/proc/%d/task/%d", job->plan->pid, job->raw);
    const uint64_t begin = clocks_mono_ns();
    while (access(path, F_OK) == 0 && clocks_mono_ns() - begin < LEAVE_MAX_NS)
        usleep(POLL_US);
}

static enum inject_outcome entry_explain(struct job *job, const struct mailbox *now,
                                         const char *error)
{
    char number[16];
    if (now->create != 0)
        return job_give_up(job, INJECT_FAILED, "can have no more threads", strerror(now->create));
    if (now->entry == 0)
        return job_give_up(job, INJECT_FAILED, "could not load the library", error);
    job->result->entry = (int)now->result;
    if (job->result->entry == 0)
        return INJECT_DONE;
    snprintf(number, sizeof number, "%d", job->result->entry);
    return job_give_up(job, INJECT_FAILED, "was told by the library", number);
}

static enum inject_outcome entry_run(struct job *job, const char *bytes, size_t size)
{
    const uint32_t go = GO_BEGIN;
    char error[MAILBOX_ERROR_MAX] = "";
    struct mailbox now;
    struct vigil wait = {.plan = job->plan};
    job_step(job, INJECT_STEP_LETTERS);
    const bool is_told = job_field_write(job, MB_GO, &go, sizeof go);
    job_step(job, INJECT_STEP_BEGUN);
    bool is_done = is_told && (bytes == NULL || bytes_give(job, bytes, size, &wait));
    if (!is_done && !job->is_declined)
        return wait.is_over
                   ? wait_explain(job, &wait, "has not come to it within 10 s")
                   : job_give_up(job, INJECT_FAILED, "has no memory for the library", NULL);
    if (is_done) {
        job_step(job, INJECT_STEP_LOADING);
        is_done = entry_await(job, &now, &wait);
        (void)remote_read(&job->regard.remote, job->place.mailbox + MB_ERROR, error,
                          sizeof error - 1);
        job_step(job, INJECT_STEP_ENTERED);
    }
    if (job->is_declined)
        return job_give_up(job, INJECT_BUSY, "or pyrec has got no CPU for it in time: try again",
                           NULL);
    if (!is_done)
        return wait_explain(job, &wait, "has not loaded the library within 10 s");
    return entry_explain(job, &now, error);
}

static enum inject_outcome letters_turn(struct job *job, const struct mailbox *now)
{
    size_t size = 0;
    char *bytes = NULL;
    enum inject_outcome outcome;
    job_step(job, INJECT_STEP_RAW);
    job->result->by_memory = !library_is_reachable(job->plan->pid);
    if (job->result->by_memory && now->files != 0)
        return job_give_up(job, INJECT_UNFIT, "needs Linux 5.9 for the library to go in as bytes",
                           NULL);
    if (job->result->by_memory && (bytes = library_read(job->plan->library, &size)) == NULL)
        return job_give_up(job, INJECT_FAILED, "cannot be given the library", job->plan->library);
    if (letters_write(job, now, (uint32_t)size))
        outcome = entry_run(job, bytes, size);
    else
        outcome = job_give_up(job, INJECT_FAILED, "cannot be written to", strerror(errno));
    free(bytes);
    return outcome;
}

enum inject_outcome raw_run(struct job *job)
{
    struct mailbox now;
    job->is_declined = false;
    job_step(job, INJECT_STEP_LET_GO);
    enum inject_outcome outcome = raw_await(job, &now);
    if (outcome == INJECT_DONE)
        outcome = letters_turn(job, &now);
    raw_release(job);
    job_step(job, INJECT_STEP_RELEASED);
    return outcome;
}
