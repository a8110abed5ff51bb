/* SPDX-License-Identifier: MIT */
/* syscall_of and gil_wait: what a thread that stands still does, asked in every way there is. */
#include "record/agent/interpose/gil_wait.h"
#include "record/agent/kernel/syscall_of.h"
#include "tests/unit/support/suite.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct gil {
    pthread_mutex_t mutex;
    pthread_cond_t dropped;
    pthread_cond_t other; /* of somebody else, behind its end */
} gil = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER};

#define GIL_LEN offsetof(struct gil, other)

static int pipes[2];
static _Atomic bool is_over;
static struct standing_tasks tasks;

struct sleeper {
    pthread_t thread;
    _Atomic int32_t tid;
};

static void wait_for(pthread_cond_t *condition)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&gil.mutex);
    while (!is_over)
        pthread_cond_timedwait(condition, &gil.mutex, &until);
    pthread_mutex_unlock(&gil.mutex);
}

static void *reads(void *closure)
{
    char byte;
    ((struct sleeper *)closure)->tid = (int32_t)syscall(SYS_gettid);
    return read(pipes[0], &byte, 1) == 1 ? closure : NULL;
}

static void *waits_gil(void *closure)
{
    ((struct sleeper *)closure)->tid = (int32_t)syscall(SYS_gettid);
    wait_for(&gil.dropped);
    return reads(closure);
}

static void *waits_other(void *closure)
{
    ((struct sleeper *)closure)->tid = (int32_t)syscall(SYS_gettid);
    wait_for(&gil.other);
    return closure;
}

static void start(struct sleeper *sleeper, void *(*what)(void *))
{
    ck_assert_int_eq(pthread_create(&sleeper->thread, NULL, what, sleeper), 0);
    while (sleeper->tid == 0)
        sched_yield();
}

/* Until it is blocked, then what it says. */
static struct standing look(const struct sleeper *sleeper, bool denied, int32_t call)
{
    struct standing standing;
    struct standing_files files = STANDING_NO_FILES;
    do {
        tasks.n_denied = denied;
        sched_yield();
        standing = standing_of_thread(&tasks, sleeper->tid, &files, true);
        ck_assert_int_ne(standing.kind, STANDING_UNKNOWN);
    } while (standing.kind == STANDING_READY ||
             (standing.kind == STANDING_CALL && standing.call != call) ||
             (standing.kind == STANDING_KERNEL && standing.function[0] == '\0'));
    standing_close_files(&files);
    return standing;
}

static void setup(void)
{
    ck_assert_int_eq(pipe(pipes), 0);
    standing_open(&tasks, true);
    ck_assert_int_ge(tasks.fd, 0);
}

START_TEST(by_call_and_without)
{
    struct sleeper sleeper = {0};
    start(&sleeper, reads);
    const struct standing open = look(&sleeper, false, SYS_read);
    ck_assert_int_eq(open.kind, STANDING_CALL);
    ck_assert_uint_eq(open.argument, (uint64_t)pipes[0]);
    const uint64_t away = open.sp - (uint64_t)sleeper.thread; /* its stack lies below that */
    ck_assert_uint_gt(away, UINT64_MAX - (8 << 20));
#if defined(__x86_64__)
    const uint8_t *const behind = (const uint8_t *)open.pc; /* the instruction `syscall` */
    ck_assert_uint_eq(behind[-2], 0x0f);
    ck_assert_uint_eq(behind[-1], 0x05);
#endif
    const struct standing denied = look(&sleeper, true, SYS_read);
    ck_assert_int_eq(denied.kind, STANDING_KERNEL);
    ck_assert_int_eq(denied.call, -1);
    ck_assert_uint_eq(denied.pc, 0);
    ck_assert_msg(strstr(denied.function, "pipe") != NULL, "%s", denied.function);
    ck_assert_int_eq(write(pipes[1], "x", 1), 1);
    pthread_join(sleeper.thread, NULL);
}
END_TEST

START_TEST(of_one_that_runs)
{
    const struct sleeper self = {.tid = (int32_t)syscall(SYS_gettid)};
    struct standing_files files = STANDING_NO_FILES;
    tasks.n_denied = 1;
    ck_assert_int_eq(standing_of_thread(&tasks, self.tid, &files, false).kind, STANDING_READY);
    ck_assert_int_eq(files.stat, -1);
    ck_assert_int_eq(files.wchan, -1);
}
END_TEST

START_TEST(of_nobody)
{
    struct standing_files files = STANDING_NO_FILES;
    const struct standing_tasks none = {.fd = -1};
    struct standing_tasks without = none;
    ck_assert_int_eq(standing_of_thread(&tasks, INT32_MAX, &files, false).kind, STANDING_UNKNOWN);
    ck_assert_int_eq(standing_of_thread(&without, getpid(), &files, false).kind, STANDING_UNKNOWN);
}
END_TEST

static enum gil_wait wait_of(pthread_t thread)
{
    uint64_t mark;
    memcpy(&mark, (const void *)gil_wait_mark((uint64_t)thread), sizeof mark);
    return gil_wait_of(mark, (uintptr_t)&gil, GIL_LEN);
}

START_TEST(who_waits_for_the_gil)
{
    struct sleeper waiting = {0}, elsewhere = {0};
    ck_assert_int_eq(wait_of(pthread_self()), GIL_WAIT_UNKNOWN);
    start(&waiting, waits_gil);
    start(&elsewhere, waits_other);
    ck_assert_int_eq(look(&waiting, true, SYS_futex).call, SYS_futex);
    ck_assert_int_eq(look(&elsewhere, true, SYS_futex).call, SYS_futex);
    ck_assert_int_eq(wait_of(waiting.thread), GIL_WAIT_YES);
    ck_assert_int_eq(wait_of(elsewhere.thread), GIL_WAIT_NO);
    pthread_mutex_lock(&gil.mutex);
    is_over = true;
    pthread_cond_broadcast(&gil.dropped);
    pthread_cond_broadcast(&gil.other);
    pthread_mutex_unlock(&gil.mutex);
    pthread_join(elsewhere.thread, NULL);
    (void)look(&waiting, false, SYS_read); /* it has it, and blocks elsewhere */
    ck_assert_int_eq(wait_of(waiting.thread), GIL_WAIT_NO);
    ck_assert_int_eq(gil_wait_of(0, (uintptr_t)&gil, GIL_LEN), GIL_WAIT_UNKNOWN);
    ck_assert_int_eq(write(pipes[1], "x", 1), 1);
    pthread_join(waiting.thread, NULL);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("standing");
    TCase *const tests = tcase_create("standing");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, by_call_and_without);
    tcase_add_test(tests, of_one_that_runs);
    tcase_add_test(tests, of_nobody);
    tcase_add_test(tests, who_waits_for_the_gil);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
