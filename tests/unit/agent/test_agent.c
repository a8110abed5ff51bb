/* SPDX-License-Identifier: MIT */
/* The agent as a whole, in a process without Python: its sampler thread waits for its time. */
#include "record/agent/agent.h"
#include "record/agent/base/clock.h"
#include "record/agent/interpose/thread_ends.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HOUR_NS 3600000000000u
#define MS_NS   1000000u

static int threads_count(void)
{
    DIR *const tasks = opendir("/proc/self/task");
    int n = 0;
    ck_assert_ptr_nonnull(tasks);
    for (const struct dirent *entry; (entry = readdir(tasks)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(tasks);
    return n;
}

/* A thread that has been joined is seen for a moment more. */
static void threads_become(int n)
{
    for (int i = 0; i < 10000 && threads_count() != n; i++)
        usleep(1000);
    ck_assert_int_eq(threads_count(), n);
}

/* Whoever starts it while it is there starts nothing; after a pause it comes back, once. */
START_TEST(started_twice)
{
    struct agent *const agent = agent_get();
    const int before = threads_count();
    agent->settings.begin_ns = clock_now() + HOUR_NS; /* it has nothing to record until then */
    for (int round = 0; round < 3; round++) {
        ck_assert(agent_start(agent));
        const pthread_t first = agent->thread;
        ck_assert_int_eq(threads_count(), before + 1);
        ck_assert(agent_start(agent));
        ck_assert(agent_start(agent));
        ck_assert_int_eq(threads_count(), before + 1);
        ck_assert(pthread_equal(agent->thread, first));
        agent_pause(agent);
        threads_become(before);
        agent_pause(agent); /* there is nothing left to end */
    }
}
END_TEST

/* ---- the ends of threads; this program's pthread_create is the agent's ---- */

enum way { RETURN, EXIT, CANCEL, WAYS };

struct job {
    enum way way;
    uint64_t burn_ns;
    _Atomic int32_t tid;
    uint64_t measured_ns; /* its own clock, as late as it can look */
};

static void *job_run(void *opaque)
{
    struct job *const job = opaque;
    atomic_store(&job->tid, (int32_t)syscall(SYS_gettid));
    while ((job->measured_ns = clock_read(CLOCK_THREAD_CPUTIME_ID)) < job->burn_ns)
        ;
    if (job->way == EXIT)
        pthread_exit(job);
    while (job->way == CANCEL)
        pause();
    return job;
}

/* The end of a thread, and of no other. */
static void end_check(const struct job *job)
{
    int32_t tid = 0;
    uint64_t cpu_ns = 0;
    ck_assert(thread_ends_next(&tid, &cpu_ns));
    ck_assert_int_eq(tid, atomic_load(&job->tid));
    ck_assert_uint_ge(cpu_ns, job->measured_ns);
    ck_assert_uint_lt(cpu_ns, job->measured_ns + 100 * MS_NS);
    ck_assert(!thread_ends_next(&tid, &cpu_ns));
}

/* However it ends and whatever it was made with: result and attributes are the program's. */
START_TEST(ends_of_every_kind)
{
    const size_t stacks[] = {PTHREAD_STACK_MIN, PTHREAD_STACK_MIN + 65536, 1048576};
    thread_ends_watch();
    for (unsigned i = 0; i < WAYS * 3; i++) {
        struct job job = {.way = (enum way)(i % WAYS), .burn_ns = i * MS_NS};
        pthread_attr_t attributes, actual;
        pthread_t thread;
        size_t stack = 0;
        void *result;
        pthread_attr_init(&attributes);
        ck_assert_int_eq(pthread_attr_setstacksize(&attributes, stacks[i / WAYS]), 0);
        ck_assert_int_eq(pthread_create(&thread, &attributes, job_run, &job), 0);
        ck_assert_int_eq(pthread_getattr_np(thread, &actual), 0);
        pthread_attr_getstacksize(&actual, &stack);
        ck_assert_uint_eq(stack, stacks[i / WAYS]);
        if (job.way == CANCEL) {
            while (atomic_load(&job.tid) == 0)
                sched_yield();
            pthread_cancel(thread);
        }
        ck_assert_int_eq(pthread_join(thread, &result), 0);
        ck_assert_ptr_eq(result, job.way == CANCEL ? PTHREAD_CANCELED : &job);
        end_check(&job);
        pthread_attr_destroy(&attributes);
        pthread_attr_destroy(&actual);
    }
}
END_TEST

struct lingerer {
    _Atomic int32_t tid;
    _Atomic bool is_over;
};

static void *lingers(void *closure)
{
    struct lingerer *const own = closure;
    atomic_store(&own->tid, (int32_t)syscall(SYS_gettid));
    while (!atomic_load(&own->is_over))
        sched_yield();
    return NULL;
}

/* Whose number is whose, while it lives and where that is asked for. */
START_TEST(known_by_number)
{
    int32_t tid;
    uint64_t cpu_ns;
    thread_ends_watch();
    for (int noted = 0; noted < 2; noted++) {
        struct lingerer lingerer = {0};
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, lingers, &lingerer), 0);
        while (atomic_load(&lingerer.tid) == 0)
            sched_yield();
        tid = atomic_load(&lingerer.tid);
        ck_assert_uint_eq(thread_ends_ident(tid), noted ? (uint64_t)thread : 0);
        ck_assert_uint_eq(thread_ends_ident(tid + (int32_t)BIRTHS_MAX), 0);
        atomic_store(&lingerer.is_over, true);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        ck_assert_uint_eq(thread_ends_ident(tid), 0);
        thread_ends_note_births();
        while (thread_ends_next(&tid, &cpu_ns))
            continue;
    }
}
END_TEST

/* A thread that could not be made is an error for the program, and costs us nothing. */
START_TEST(threads_that_cannot_be_made)
{
    struct job job = {.burn_ns = MS_NS};
    pthread_attr_t attributes;
    pthread_t thread;
    thread_ends_watch();
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)1 << 46);
    for (unsigned i = 0; i < 3 * STARTS_MAX; i++)
        ck_assert_int_eq(pthread_create(&thread, &attributes, job_run, &job), EAGAIN);
    ck_assert_int_eq(pthread_create(&thread, NULL, job_run, &job), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    end_check(&job);
    pthread_attr_destroy(&attributes);
}
END_TEST

static void *maker_run(void *opaque)
{
    struct job jobs[400];
    pthread_t thread;
    for (unsigned i = 0; i < 400; i++) {
        jobs[i] = (struct job){.way = RETURN};
        ck_assert_int_eq(pthread_create(&thread, NULL, job_run, &jobs[i]), 0);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
    }
    return opaque;
}

/* More ends than there is room for, from several sides at once: the newest stay, each once. */
START_TEST(more_ends_than_room)
{
    pthread_t makers[4];
    int32_t tid;
    uint64_t cpu_ns;
    unsigned n = 0;
    thread_ends_watch();
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&makers[i], NULL, maker_run, NULL), 0);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_join(makers[i], NULL), 0);
    while (thread_ends_next(&tid, &cpu_ns))
        n++;
    ck_assert_uint_eq(n, ENDS_MAX);
    thread_ends_reset();
    ck_assert(!thread_ends_next(&tid, &cpu_ns));
}
END_TEST

/* ---- whose signal it is ---- */

/* A timer that was set while there was recording may go off when there is none any more. */
START_TEST(late_signals_are_ours)
{
    struct agent *const agent = agent_get();
    ck_assert(capture_init(&agent->capture, &agent->interp, &agent->codes, 16));
    agent->capture.pid = getpid();
    const int codes[] = {SI_QUEUE, SI_TIMER};
    const enum agent_state states[] = {AGENT_OFF, AGENT_RUNNING, AGENT_PAUSED, AGENT_STOPPED};
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < 4; k++) {
            siginfo_t info = {.si_code = codes[i]};
            atomic_store(&agent->state, states[k]);
            info.si_value.sival_ptr = &agent->capture.slots[3];
            if (codes[i] == SI_QUEUE)
                info.si_pid = getpid();
            ck_assert_msg(agent_answer(SIGRTMAX, &info, NULL), "%u %u", i, k);
            info.si_value.sival_ptr = &agent->capture.slots[3].tid;
            ck_assert_msg(!agent_answer(SIGRTMAX, &info, NULL), "the program's: %u %u", i, k);
        }
    }
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("agent");
    TCase *const tests = tcase_create("agent");
    tcase_add_test(tests, started_twice);
    tcase_add_test(tests, ends_of_every_kind);
    tcase_add_test(tests, known_by_number);
    tcase_add_test(tests, threads_that_cannot_be_made);
    tcase_add_test(tests, more_ends_than_room);
    tcase_add_test(tests, late_signals_are_ours);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
