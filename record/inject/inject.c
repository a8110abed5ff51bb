/* SPDX-License-Identifier: MIT */
#include "inject.h"

#include "job.h"
#include "raw.h"
#include "record/base/clocks.h"
#include "record/kernel/procfs.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOKS_MAX   2000 /* for a moment at which a thread can be held */
#define LOOKS_SOON  50
#define SOON_US     30
#define LATER_US    1000
#define BEAT_NS     200000000u   /* so often the raw thread hears of us */
#define REPEATS_MAX 5            /* when our thread came too late, see stub.S */
#define GAP_MIN     (1ull << 27) /* the middle of such a gap is far from all that grows .. */
#define GAP_LOW     0x100000000u /* .. and not where somebody wants addresses of 32 bits */

/* ---- the job ---- */

enum inject_outcome job_give_up(struct job *job, enum inject_outcome outcome, const char *what,
                                const char *more)
{
    (void)problem_set(job->why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET, "%s%s%s", what,
                      more != NULL ? ": " : "", more != NULL ? more : "");
    return outcome;
}

void job_step(const struct job *job, unsigned n)
{
    if (job->plan->on_step != NULL)
        job->plan->on_step(n);
}

/* The file is of the memory that was there when it was opened. */
static void job_memory_open(struct job *job)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/mem", job->plan->pid);
    job->memory = open(path, O_RDONLY | O_CLOEXEC);
}

bool job_has_executed(const struct job *job)
{
    uint8_t byte;
    return job->memory >= 0 && pread(job->memory, &byte, 1, (off_t)job->place.code) == 0;
}

bool job_letter_read(const struct job *job, struct mailbox *to)
{
    if (!remote_read(&job->regard.remote, job->place.mailbox, to, sizeof *to))
        return false;
    const uint32_t beat = (uint32_t)(clocks_mono_ns() / BEAT_NS);
    if (to->beat != beat && !job_field_write(job, MB_BEAT, &beat, sizeof beat))
        return false;
    if (to->is_back != 0 && job->result->held_ns == 0)
        job->result->held_ns = clocks_mono_ns() - job->held.begin_ns;
    return true;
}

bool job_field_write(const struct job *job, unsigned offset, const void *from, size_t n)
{
    return remote_write(&job->regard.remote, job->place.mailbox + offset, from, n);
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
            return job_give_up(job, INJECT_UNFIT,
                               "has a C library that pyrec does not know, without", names[i]);
    if (job->regard.python.tid_offset == 0)
        return job_give_up(job, INJECT_UNFIT, "has a C library that does not describe its threads",
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
    return is->is_parked == 0 && is->clone > 0 && raw_thread_find(job->plan->pid, is->clone) != 0;
}

static bool gap_find(struct job *job)
{
    const struct remote_maps *const maps = &job->regard.maps;
    for (uint32_t i = maps->n - (maps->n > 0); i > 0; i--) {
        const uint64_t low = maps->list[i - 1].to, high = maps->list[i].from;
        const uint64_t middle = (low + (high - low) / 2) & ~0xfffull;
        if (high > JOB_ADDRESS_MAX || high - low < GAP_MIN || middle < GAP_LOW)
            continue;
        job->place.mailbox = middle;
        return true;
    }
    return false;
}

/* Nobody is in it; or nobody has come: pyrec was killed before, or there could be no thread. Who
 * may still be on the way is looked for before anybody else is sent, see is_free_still(). */
static bool is_free(const struct mailbox *is)
{
    return is->is_parked == 1 || is->clone <= 0;
}

static enum inject_outcome mailbox_find(struct job *job)
{
    const struct remote_maps *const maps = &job->regard.maps;
    for (uint32_t i = 0; i < maps->n; i++) {
        struct mailbox is;
        if (!mailbox_read(job, &maps->list[i], &is))
            continue;
        if (is_under_way(job, &is))
            return job_give_up(job, INJECT_BUSY,
                               "was being attached to by a pyrec that is gone: try again in 10 s",
                               NULL);
        if (is_free(&is)) {
            job->place.mailbox = maps->list[i].from;
            job->place.is_again = true;
        }
    }
    if (job->place.is_again || gap_find(job))
        return INJECT_DONE;
    return job_give_up(job, INJECT_UNFIT, "has no room for a mapping of 4 MiB", NULL);
}

/* What an earlier attaching wrote, but for the storage of its thread. */
static bool mailbox_clean(const struct job *job)
{
    static const char zero[MB_SETTINGS];
    return job_field_write(job, MB_CLONE, zero, MB_TLS_READY - MB_CLONE) &&
           job_field_write(job, MB_PARKED, zero, 4) &&
           job_field_write(job, MB_ERROR, zero, MAILBOX_ERROR_MAX);
}

/* ---- the thread that is held ---- */

struct inside {
    const struct job *job;
    bool is_anybody;
};

static void inside_look(void *closure, pid_t tid)
{
    struct inside *const inside = closure;
    const struct job *const job = inside->job;
    if (!inside->is_anybody)
        inside->is_anybody = !hold_is_out(job->plan->pid, tid, job->place.code);
}

/* Of all threads, also of those that would not be held now. */
static bool is_anybody_inside(const struct job *job)
{
    struct inside inside = {.job = job};
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/task", job->plan->pid);
    (void)procfs_each_number(path, inside_look, &inside);
    return inside.is_anybody;
}

/* It was cleaned; nobody has come into it since whom a pyrec that was killed had sent. */
static bool is_free_still(const struct job *job)
{
    struct mailbox is;
    return !job->place.is_again ||
           (remote_read(&job->regard.remote, job->place.mailbox, &is, sizeof is) && is.clone == 0);
}

static enum inject_outcome hold_one(struct job *job, struct victims *victims, int *error)
{
    enum inject_outcome odd = INJECT_DONE; /* of a thread unlike others: there may be another one */
    bool was_there = false;
    uint8_t first = 0;
    (void)remote_read(&job->regard.remote, job->place.code, &first, 1);
    was_there = first != 0;
    for (unsigned look = 0; look < LOOKS_MAX; look++) {
        if (!victims_look(victims, &job->regard.remote, &job->regard.images))
            return INJECT_GONE;
        if (was_there && (is_anybody_inside(job) || !is_free_still(job)))
            return INJECT_BUSY;
        was_there = false;
        for (uint32_t i = 0; i < victims->n; i++) {
            switch (hold_thread(job->plan, &job->regard, &job->place, victims->list[i].tid,
                                victims->n_threads == 1, &job->held, error)) {
            case HOLD_DONE:
                job->result->n_threads = victims->n_threads;
                job->result->stopped_ns = job->held.stopped_ns;
                return INJECT_DONE;
            case HOLD_LATER:
            case HOLD_GONE:
                continue;
            case HOLD_STUCK:
                return INJECT_FAILED;
            case HOLD_FILTERED: /* another thread may have other filters */
                job->objection = job->held.objection;
                continue;
            case HOLD_UNKNOWN:
                odd = INJECT_UNFIT;
                continue;
            case HOLD_FAILED:
                odd = INJECT_RIGHTS;
                continue;
            }
        }
        if (job->objection != NULL)
            return INJECT_UNFIT;
        if (odd != INJECT_DONE)
            return odd;
        usleep(look < LOOKS_SOON ? SOON_US : LATER_US);
    }
    *error = EAGAIN;
    return INJECT_BUSY;
}

static enum inject_outcome unfit_explain(struct job *job)
{
    if (job->objection == NULL)
        return job_give_up(job, INJECT_UNFIT, "has a C library that pyrec does not know", NULL);
    if (job->objection[0] == '\0')
        return job_give_up(
            job, INJECT_UNFIT,
            "has a filter of system calls (seccomp) that the kernel does not show: start "
            "it with pyrec -- instead",
            NULL);
    return job_give_up(job, INJECT_UNFIT,
                       "has a filter of system calls (seccomp) that forbids one which the recorder "
                       "needs: start it with pyrec -- instead. It is",
                       job->objection);
}

static enum inject_outcome threads_try(struct job *job)
{
    struct victims victims = {.never = -1};
    int error = 0;
    const enum inject_outcome outcome = hold_one(job, &victims, &error);
    const char *const standstill = wait_standstill(job->plan->pid);
    victims_clear(&victims);
    switch (outcome) {
    case INJECT_DONE:
        return INJECT_DONE;
    case INJECT_GONE:
        return job_give_up(job, outcome, "has ended meanwhile", NULL);
    case INJECT_UNFIT:
        return unfit_explain(job);
    case INJECT_BUSY:
        if (standstill != NULL)
            return job_give_up(job, outcome, standstill, NULL);
        return job_give_up(job, outcome,
                           "had no moment at which a thread of it could be held without cutting a "
                           "system call short: try again",
                           NULL);
    case INJECT_FAILED:
        return job->held.hindrance != NULL
                   ? job_give_up(job, INJECT_BUSY, job->held.hindrance, NULL)
                   : job_give_up(job, INJECT_BUSY,
                                 "has a thread that does not stop for us: try again", NULL);
    default:
        return job_give_up(job, outcome, "cannot be held", strerror(error));
    }
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

/* Once. Nothing of the program's is touched before a thread of it is held. */
static enum inject_outcome job_try(struct job *job)
{
    if (job->place.is_again && !mailbox_clean(job))
        return job_give_up(job, INJECT_FAILED, "cannot be written to", strerror(errno));
    job_step(job, INJECT_STEP_CLEANED);
    const enum inject_outcome outcome = threads_try(job);
    return outcome == INJECT_DONE ? raw_run(job) : outcome;
}

static enum inject_outcome job_run(struct job *job)
{
    regard_open(&job->regard, job->plan->pid,
                REGARD_LOCK | (job->plan->is_awaited ? REGARD_AWAIT : 0u));
    enum inject_outcome outcome = looked(&job->regard, job->why);
    if (outcome == INJECT_DONE) {
        job_memory_open(job);
        outcome = functions_find(job);
    }
    if (outcome != INJECT_DONE)
        return outcome;
    job_step(job, INJECT_STEP_LOOKED);
    if (!code_find(job))
        return job_give_up(job, INJECT_UNFIT, "has no room for a thousand bytes of code", NULL);
    outcome = mailbox_find(job);
    if (outcome == INJECT_DONE)
        outcome = job_try(job);
    for (unsigned i = 0; job->is_declined && i < REPEATS_MAX; i++) {
        job->is_declined = false;
        job->place.is_again = true;
        job->raw = 0;
        job->result->held_ns = 0;
        outcome = job_try(job);
    }
    return outcome;
}

enum inject_outcome inject_look(pid_t pid, struct problem *why)
{
    struct regard regard;
    regard_open(&regard, pid, REGARD_LOCK | REGARD_AWAIT);
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
        return job_give_up(job, INJECT_GONE, "has ended meanwhile", NULL);
    if (job_has_executed(job) || (job->raw != 0 && !job_letter_read(job, &now)))
        return job_give_up(job, INJECT_BUSY, "has executed another program meanwhile: try again",
                           NULL);
    return outcome;
}

static void child_run(const struct inject_plan *plan, int to)
{
    struct report report = {.outcome = INJECT_FAILED};
    struct job job = {.plan = plan, .result = &report.result, .why = &report.why, .memory = -1};
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
