/* SPDX-License-Identifier: MIT */
#include "inject.h"

#include "hold.h"
#include "library.h"
#include "mailbox.h"
#include "record/base/clocks.h"
#include "record/kernel/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOKS_MAX    2000 /* for a moment at which a thread can be held */
#define LOOKS_SOON   50
#define SOON_US      30
#define LATER_US     1000
#define RAW_MAX_NS   10000000000u
#define RAW_SLOW_NS  2000000u
#define BACK_MAX_NS  1000000u /* to see that the thread that was held is back */
#define BYTES_MAX_NS 1000000000u
#define ENTRY_MAX_NS 10000000000u
#define LEAVE_MAX_NS 2000000000u
#define POLL_US      20
#define GAP_MIN      (1ull << 27)
#define GAP_LOW      0x100000000u
#define GAP_HIGH     0x7fffffffffffu
#define BY_MEMORY    "/proc/thread-self/fd/0"

struct job {
    const struct inject_plan *plan;
    struct regard regard;
    struct hold_place place;
    struct held held;
    struct inject_result *result;
    struct problem *why;
    uint64_t functions[FUNCTION_COUNT];
    const char *objection; /* of a thread's filters, see hold.h; NULL = none */
    pid_t raw;             /* the raw thread, as we count */
};

static enum inject_outcome give_up(struct job *job, enum inject_outcome outcome, const char *what,
                                   const char *more)
{
    (void)problem_set(job->why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET, "%s%s%s", what,
                      more != NULL ? ": " : "", more != NULL ? more : "");
    return outcome;
}

static void step(const struct job *job, unsigned n)
{
    if (job->plan->on_step != NULL)
        job->plan->on_step(n);
}

static bool letter_read(const struct job *job, struct mailbox *to)
{
    if (!remote_read(&job->regard.remote, job->place.mailbox, to, sizeof *to))
        return false;
    if (to->is_back != 0 && job->result->held_ns == 0)
        job->result->held_ns = clocks_mono_ns() - job->held.begin_ns;
    return true;
}

static bool mailbox_write(const struct job *job, uint64_t at, const void *from, size_t n)
{
    struct iovec here = {(void *)(uintptr_t)from, n};
    struct iovec there = {(void *)(uintptr_t)at, n};
    return process_vm_writev(job->regard.remote.tid, &here, 1, &there, 1, 0) == (ssize_t)n;
}

static bool field_write(const struct job *job, unsigned offset, const void *from, size_t n)
{
    return mailbox_write(job, job->place.mailbox + offset, from, n);
}

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

/* A thread of the process by the number it has for itself. */
static pid_t thread_find(pid_t pid, pid_t inner)
{
    struct search search = {pid, inner, 0};
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    (void)procfs_each_number(path, number_match, &search);
    return search.found;
}

/* ---- what is needed of libc ---- */

static enum inject_outcome functions_find(struct job *job)
{
    static const char *const names[FUNCTION_COUNT] = {"pthread_attr_init",
                                                      "pthread_attr_setstacksize",
                                                      "pthread_create",
                                                      "pthread_join",
                                                      "dlopen",
                                                      "dlsym",
                                                      "dlerror",
                                                      "_dl_allocate_tls_init"};
    for (size_t i = 0; i < FUNCTION_COUNT; i++)
        if (remote_images_find(&job->regard.images, &job->regard.remote, names[i],
                               &job->functions[i]) == NULL)
            return give_up(job, INJECT_UNFIT, "has a C library that pyrec does not know, without",
                           names[i]);
    if (job->regard.python.tid_offset == 0)
        return give_up(job, INJECT_UNFIT, "has a C library that does not describe its threads",
                       NULL);
    job->place.tid_offset = job->regard.python.tid_offset;
    return INJECT_DONE;
}

/* ---- where ---- */

/* The end of a page of code that nobody uses: zero, or code of ours that was left there. */
static bool code_fits(const struct job *job, uint64_t at)
{
    uint8_t is[STUB_MAX];
    if (!remote_read(&job->regard.remote, at, is, STUB_LEN))
        return false;
    if (memcmp(is, stub_begin, (size_t)(stub_table - stub_begin)) == 0)
        return true;
    for (size_t i = 0; i < STUB_LEN; i++)
        if (is[i] != 0)
            return false;
    return true;
}

static bool code_find(struct job *job)
{
    for (uint32_t i = 0; i < job->regard.images.n; i++) {
        const struct remote_image *const image = &job->regard.images.list[i];
        for (uint32_t s = 0; s < image->n_segments; s++) {
            const struct remote_segment *const segment = &image->segments[s];
            const uint64_t at = (segment->to + 15) & ~15ull;
            const uint64_t end = (segment->to + 4095) & ~4095ull;
            if (segment->rights != (REMOTE_READ | REMOTE_EXECUTE) || at + STUB_LEN > end ||
                !code_fits(job, at))
                continue;
            job->place.code = at;
            return true;
        }
    }
    return false;
}

static bool mailbox_read(const struct job *job, const struct remote_map *map, struct mailbox *is)
{
    return map->to - map->from == MAILBOX_LEN && map->inode == 0 && map->path[0] == '\0' &&
           remote_read(&job->regard.remote, map->from, is, sizeof *is) && is->self == map->from;
}

/* The thread of a pyrec that was killed, or of one that has not done: it gives up by itself. */
static bool is_under_way(const struct job *job, const struct mailbox *is)
{
    return is->is_parked == 0 && is->clone > 0 && thread_find(job->plan->pid, is->clone) != 0;
}

static bool gap_find(struct job *job)
{
    const struct remote_maps *const maps = &job->regard.maps;
    for (uint32_t i = maps->n - (maps->n > 0); i > 0; i--) {
        const uint64_t low = maps->list[i - 1].to, high = maps->list[i].from;
        if (high > GAP_HIGH || high - low < GAP_MIN || low < GAP_LOW)
            continue;
        job->place.mailbox = (low + (high - low) / 2) & ~0xfffull;
        return true;
    }
    return false;
}

static enum inject_outcome mailbox_find(struct job *job)
{
    const struct remote_maps *const maps = &job->regard.maps;
    for (uint32_t i = 0; i < maps->n; i++) {
        struct mailbox is;
        if (!mailbox_read(job, &maps->list[i], &is))
            continue;
        if (is_under_way(job, &is))
            return give_up(job, INJECT_BUSY,
                           "was being attached to by a pyrec that is gone: try again in 10 s",
                           NULL);
        if (is.is_parked == 1) {
            job->place.mailbox = maps->list[i].from;
            job->place.is_again = true;
        }
    }
    if (job->place.is_again || gap_find(job))
        return INJECT_DONE;
    return give_up(job, INJECT_UNFIT, "has no room for a mapping of 4 MiB", NULL);
}

/* What an earlier attaching wrote, but for the storage of its thread. */
static bool mailbox_clean(const struct job *job)
{
    static const char zero[MB_SETTINGS];
    return field_write(job, MB_CLONE, zero, MB_TLS_READY - MB_CLONE) &&
           field_write(job, MB_PARKED, zero, 4) &&
           field_write(job, MB_ERROR, zero, MAILBOX_ERROR_MAX);
}

/* ---- the thread that is held ---- */

static bool is_anybody_inside(const struct job *job, const struct victims *victims)
{
    for (uint32_t i = 0; i < victims->n; i++)
        if (!hold_is_out(job->plan->pid, victims->list[i].tid, job->place.code))
            return true;
    return false;
}

static enum inject_outcome hold_one(struct job *job, struct victims *victims, int *error)
{
    bool was_there = false;
    uint8_t first = 0;
    (void)remote_read(&job->regard.remote, job->place.code, &first, 1);
    was_there = first != 0;
    for (unsigned look = 0; look < LOOKS_MAX; look++) {
        if (!victims_look(victims, &job->regard.remote, &job->regard.images))
            return INJECT_GONE;
        if (was_there && is_anybody_inside(job, victims))
            return INJECT_BUSY;
        was_there = false;
        for (uint32_t i = 0; i < victims->n; i++) {
            switch (hold_thread(&job->regard, &job->place, victims->list[i].tid,
                                victims->n_threads == 1, job->plan->on_step, &job->held, error)) {
            case HOLD_DONE:
                job->result->n_threads = victims->n_threads;
                job->result->stopped_ns = job->held.stopped_ns;
                return INJECT_DONE;
            case HOLD_LATER:
            case HOLD_GONE:
                continue;
            case HOLD_STUCK:
                *error = ETIMEDOUT;
                return INJECT_FAILED;
            case HOLD_FILTERED: /* another thread may have other filters */
                job->objection = job->held.objection;
                continue;
            case HOLD_UNKNOWN:
                return INJECT_UNFIT;
            case HOLD_FAILED:
                return INJECT_RIGHTS;
            }
        }
        if (job->objection != NULL)
            return INJECT_UNFIT;
        usleep(look < LOOKS_SOON ? SOON_US : LATER_US);
    }
    *error = EAGAIN;
    return INJECT_BUSY;
}

static enum inject_outcome unfit_explain(struct job *job)
{
    if (job->objection == NULL)
        return give_up(job, INJECT_UNFIT, "has a C library that pyrec does not know", NULL);
    if (job->objection[0] == '\0')
        return give_up(
            job, INJECT_UNFIT,
            "has a filter of system calls (seccomp) that the kernel does not show: start "
            "it with pyrec -- instead",
            NULL);
    return give_up(job, INJECT_UNFIT,
                   "has a filter of system calls (seccomp) that forbids one which the recorder "
                   "needs: start it with pyrec -- instead. It is",
                   job->objection);
}

static enum inject_outcome threads_try(struct job *job)
{
    struct victims victims = {.never = -1};
    int error = 0;
    const enum inject_outcome outcome = hold_one(job, &victims, &error);
    victims_clear(&victims);
    switch (outcome) {
    case INJECT_DONE:
        return INJECT_DONE;
    case INJECT_GONE:
        return give_up(job, outcome, "has ended meanwhile", NULL);
    case INJECT_UNFIT:
        return unfit_explain(job);
    case INJECT_BUSY:
        return give_up(job, outcome,
                       "had no moment at which a thread of it could be held without cutting a "
                       "system call short: try again",
                       NULL);
    default:
        return give_up(job, outcome, "cannot be held", strerror(error));
    }
}

/* ---- the raw thread ---- */

/* It has inherited the place and the priority of the thread that was held. */
static void scheduling_reset(pid_t tid)
{
    const struct sched_param usual = {0};
    cpu_set_t all;
    memset(&all, 0xff, sizeof all);
    (void)sched_setscheduler(tid, SCHED_OTHER, &usual);
    (void)sched_setaffinity(tid, sizeof all, &all);
}

static enum inject_outcome raw_await(struct job *job, struct mailbox *now)
{
    const uint64_t begin = clocks_mono_ns();
    bool is_reset = false;
    *now = (struct mailbox){.self = 0};
    for (uint64_t since = 0; since < RAW_MAX_NS; since = clocks_mono_ns() - begin) {
        if (letter_read(job, now) &&
            (now->clone < 0 || (now->raw_tid != 0 && (now->is_back != 0 || since > BACK_MAX_NS ||
                                                      job->result->n_threads == 1))))
            break;
        if (now->clone > 0 && !is_reset && since > RAW_SLOW_NS) {
            scheduling_reset(thread_find(job->plan->pid, now->clone));
            is_reset = true;
        }
        usleep(POLL_US);
    }
    if (now->self != job->place.mailbox)
        return give_up(job, INJECT_FAILED, "has no memory for it, or did not come to it", NULL);
    if (now->clone < 0)
        return give_up(job, INJECT_FAILED, "can have no more threads", strerror(-now->clone));
    job->raw = now->raw_tid != 0 ? thread_find(job->plan->pid, now->raw_tid) : 0;
    if (job->raw == 0)
        return give_up(job, INJECT_FAILED, "has not come to it within 10 s", NULL);
    const int policy = sched_getscheduler(job->raw);
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
    uint64_t head[7];
    if (!remote_read(&job->regard.remote, job->held.thread_pointer, head, sizeof head))
        return false;
    head[0] = head[2] = tcb; /* what follows: the guards of stacks and pointers, as everywhere */
    head[1] = dtv + sizeof room;
    head[3] = 1; /* more than one thread */
    if (now->is_tls_ready == 0 && (!mailbox_write(job, dtv, room, sizeof room) ||
                                   !mailbox_write(job, tcb, head, sizeof head)))
        return false;
    return mailbox_write(job, tcb + job->place.tid_offset, &now->raw_tid, sizeof now->raw_tid);
}

static bool text_write(const struct job *job, unsigned offset, const char *text, size_t room)
{
    const size_t n = strlen(text) + 1;
    return n <= room && field_write(job, offset, text, n);
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
    step(job, INJECT_STEP_STORAGE);
    return field_write(job, MB_LIB_LEN, &lib_len, sizeof lib_len) &&
           text_write(job, MB_SYMBOL, job->plan->entry, 64) &&
           text_write(job, MB_PATH, lib_len > 0 ? BY_MEMORY : job->plan->library,
                      MB_SETTINGS - MB_PATH) &&
           text_write(job, MB_SETTINGS, settings_of(job), MAILBOX_STACK - MB_SETTINGS) &&
           field_write(job, MB_FUNCTIONS, job->functions, sizeof job->functions);
}

static bool bytes_give(const struct job *job, const char *bytes, size_t size)
{
    const uint32_t full = 1;
    const uint64_t begin = clocks_mono_ns();
    struct mailbox now = {.lib_at = 0};
    while (now.lib_at == 0 && clocks_mono_ns() - begin < BYTES_MAX_NS) {
        usleep(POLL_US);
        if (!letter_read(job, &now))
            return false;
    }
    if (now.lib_at == 0 || now.lib_at >= GAP_HIGH || !mailbox_write(job, now.lib_at, bytes, size))
        return false;
    step(job, INJECT_STEP_BYTES);
    return field_write(job, MB_LIB_FULL, &full, sizeof full);
}

/* ---- the real thread ---- */

static bool entry_await(const struct job *job, struct mailbox *now)
{
    const uint64_t begin = clocks_mono_ns();
    while (clocks_mono_ns() - begin < ENTRY_MAX_NS) {
        if (!letter_read(job, now))
            return false;
        if (now->phase == PHASE_JOINED || now->create != 0)
            return true;
        usleep(POLL_US);
    }
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
    (void)field_write(job, MB_GO, &leave, sizeof leave);
    snprintf(path, sizeof path, "/proc/%d/task/%d", job->plan->pid, job->raw);
    const uint64_t begin = clocks_mono_ns();
    while (access(path, F_OK) == 0 && clocks_mono_ns() - begin < LEAVE_MAX_NS)
        usleep(POLL_US);
}

static enum inject_outcome entry_run(struct job *job, const char *bytes, size_t size)
{
    const uint32_t go = GO_BEGIN;
    char error[MAILBOX_ERROR_MAX] = "";
    struct mailbox now;
    step(job, INJECT_STEP_LETTERS);
    const bool is_told = field_write(job, MB_GO, &go, sizeof go);
    step(job, INJECT_STEP_BEGUN);
    if (!is_told || (bytes != NULL && !bytes_give(job, bytes, size)))
        return give_up(job, INJECT_FAILED, "has no memory for the library", NULL);
    step(job, INJECT_STEP_LOADING);
    const bool is_done = entry_await(job, &now);
    (void)remote_read(&job->regard.remote, job->place.mailbox + MB_ERROR, error, sizeof error - 1);
    step(job, INJECT_STEP_ENTERED);
    raw_release(job);
    step(job, INJECT_STEP_RELEASED);
    if (!is_done)
        return give_up(job, INJECT_FAILED, "has not loaded the library within 10 s", NULL);
    if (now.create != 0)
        return give_up(job, INJECT_FAILED, "can have no more threads", strerror(now.create));
    if (now.entry == 0)
        return give_up(job, INJECT_FAILED, "could not load the library", error);
    job->result->entry = (int)now.result;
    if (job->result->entry == 0)
        return INJECT_DONE;
    snprintf(error, sizeof error, "%d", job->result->entry);
    return give_up(job, INJECT_FAILED, "was told by the library", error);
}

static enum inject_outcome mailbox_turn(struct job *job)
{
    struct mailbox now;
    size_t size = 0;
    char *bytes = NULL;
    step(job, INJECT_STEP_LET_GO);
    enum inject_outcome outcome = raw_await(job, &now);
    if (outcome != INJECT_DONE)
        return outcome;
    step(job, INJECT_STEP_RAW);
    job->result->by_memory = !library_is_reachable(job->plan->pid);
    if (job->result->by_memory && now.files != 0)
        return give_up(job, INJECT_UNFIT, "needs Linux 5.9 for the library to go in as bytes",
                       NULL);
    if (job->result->by_memory && (bytes = library_read(job->plan->library, &size)) == NULL)
        return give_up(job, INJECT_FAILED, "cannot be given the library", job->plan->library);
    if (letters_write(job, &now, (uint32_t)size))
        outcome = entry_run(job, bytes, size);
    else
        outcome = give_up(job, INJECT_FAILED, "cannot be written to", strerror(errno));
    free(bytes);
    return outcome;
}

/* ---- all of it ---- */

/* What was found out before, as an outcome. */
static enum inject_outcome looked(const struct regard *regard, struct problem *why)
{
    char clause[sizeof why->detail];
    reason_clause(regard->not_to_attach, &regard->facts, clause, sizeof clause);
    (void)problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET, "%s", clause);
    return (enum inject_outcome)reason_kind(regard->not_to_attach);
}

static enum inject_outcome job_run(struct job *job)
{
    regard_open(&job->regard, job->plan->pid, true);
    enum inject_outcome outcome = looked(&job->regard, job->why);
    if (outcome == INJECT_DONE)
        outcome = functions_find(job);
    if (outcome != INJECT_DONE)
        return outcome;
    step(job, INJECT_STEP_LOOKED);
    if (!code_find(job))
        return give_up(job, INJECT_UNFIT, "has no room for a thousand bytes of code", NULL);
    outcome = mailbox_find(job);
    if (outcome != INJECT_DONE)
        return outcome;
    if (job->place.is_again && !mailbox_clean(job))
        return give_up(job, INJECT_FAILED, "cannot be written to", strerror(errno));
    step(job, INJECT_STEP_CLEANED);
    outcome = threads_try(job);
    return outcome == INJECT_DONE ? mailbox_turn(job) : outcome;
}

enum inject_outcome inject_look(pid_t pid, struct problem *why)
{
    struct regard regard;
    regard_open(&regard, pid, true);
    const enum inject_outcome outcome = looked(&regard, why);
    regard_close(&regard);
    return outcome;
}

/* What the child says. */
struct report {
    enum inject_outcome outcome;
    struct inject_result result;
    struct problem why;
};

/* It may be that nothing went wrong, but that the program is not there any more. */
static enum inject_outcome job_settle(struct job *job, enum inject_outcome outcome)
{
    struct mailbox now;
    if (outcome == INJECT_DONE || outcome == INJECT_GONE)
        return outcome;
    if (!procfs_lives(job->plan->pid, job->regard.start))
        return give_up(job, INJECT_GONE, "has ended meanwhile", NULL);
    if (job->raw != 0 && !letter_read(job, &now))
        return give_up(job, INJECT_BUSY, "has executed another program meanwhile: try again", NULL);
    return outcome;
}

static void child_run(const struct inject_plan *plan, int to)
{
    struct report report = {.outcome = INJECT_FAILED};
    struct job job = {.plan = plan, .result = &report.result, .why = &report.why};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    report.outcome = job_settle(&job, job_run(&job));
    regard_close(&job.regard);
    _exit(write(to, &report, sizeof report) == (ssize_t)sizeof report ? 0 : 1);
}

enum inject_outcome inject(const struct inject_plan *plan, struct inject_result *result,
                           struct problem *why)
{
    struct report report = {.outcome = INJECT_FAILED};
    int ends[2];
    *result = (struct inject_result){.entry = 0};
    (void)problem_set(&report.why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET, "was not attached to");
    const pid_t child = pipe2(ends, O_CLOEXEC) == 0 ? fork() : -1;
    if (child == 0)
        child_run(plan, ends[1]);
    if (child > 0) {
        struct report said;
        close(ends[1]);
        if (read(ends[0], &said, sizeof said) == (ssize_t)sizeof said)
            report = said;
        close(ends[0]);
        (void)waitpid(child, NULL, 0);
    }
    *result = report.result;
    *why = report.why;
    return report.outcome;
}
