/* SPDX-License-Identifier: MIT */
#include "inject.h"

#include "job.h"
#include "place.h"
#include "raw.h"
#include "record/base/clocks.h"
#include "record/kernel/procfs.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
#define BEAT_NS     200000000u /* so often the raw thread hears of us */
#define ENDING_MS   200        /* of a killed process, until it is a zombie */
#define REPEATS_MAX 5          /* our thread came too late (see stub.S), or an earlier one did */

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

/* ---- the thread that is held ---- */

static enum inject_outcome hold_one(struct job *job, struct victims *victims, int *error)
{
    enum inject_outcome odd = INJECT_DONE; /* of a thread unlike others: there may be another one */
    for (unsigned look = 0; look < LOOKS_MAX; look++) {
        if (!victims_look(victims, &job->regard.remote, &job->regard.images))
            return INJECT_GONE;
        const bool is_inside = place_look(job) == SIGHT_INSIDE;
        for (uint32_t i = 0; i < victims->n; i++) {
            const pid_t tid = victims->list[i].tid;
            if (job->last != 0 && (is_inside || tid != job->last))
                continue; /* of that one alone it shows, when it has stopped, where it is */
            const enum hold_result result = hold_thread(job->plan, &job->regard, &job->place, tid,
                                                        victims->n_threads == 1, &job->held, error);
            if (job->held.is_out && tid == job->last)
                job->last = 0;
            switch (result) {
            case HOLD_DONE:
                job->result->n_threads = victims->n_threads;
                job->result->stopped_ns = job->held.stopped_ns;
                return INJECT_DONE;
            case HOLD_LATER:
            case HOLD_GONE:
                continue;
            case HOLD_CHANGED:
                job->is_changed = true;
                return INJECT_BUSY;
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
        if (job->is_changed)
            return job_give_up(job, outcome, JOB_INSIDE, NULL);
        if (job->last != 0)
            return job_give_up(job, outcome, JOB_INSIDE, NULL);
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
    /* if somebody may be in there, that has to wait until it has stopped */
    job->place.is_clean = job->place.is_again && job->last == 0;
    if (job->place.is_clean && !hold_clean(&job->regard, &job->place))
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
    for (unsigned i = 0; i == 0 || (i <= REPEATS_MAX && (job->is_declined || job->is_changed));
         i++) {
        job->is_declined = job->is_changed = false;
        job->raw = 0;
        job->result->held_ns = 0;
        outcome = place_find(job);
        if (outcome == INJECT_DONE)
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
    const bool is_another = job_has_executed(job) || (job->raw != 0 && !job_letter_read(job, &now));
    if (is_another) { /* or it is about to end: its memory goes first */
        struct pollfd end = {.fd = job->regard.pidfd, .events = POLLIN};
        (void)poll(&end, 1, ENDING_MS);
    }
    if (!procfs_lives(job->plan->pid, job->regard.start))
        return job_give_up(job, INJECT_GONE, "has ended meanwhile", NULL);
    if (is_another)
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
