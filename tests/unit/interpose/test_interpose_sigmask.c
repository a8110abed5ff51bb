/* SPDX-License-Identifier: MIT */
/* Masks and sets of signals: our number is in none of them, and the program cannot tell. */
#include "record/agent/interpose/exec.h"
#include "record/agent/interpose/nosignal.h"
#include "record/agent/interpose/sigmask.h"
#include "record/agent/interpose/signals.h"
#include "record/agent/interpose/thread_ends.h"
#include "tests/unit/support/suite.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static _Atomic int n_ours, n_told;
static char mark;
static int number;

static bool ours(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)context;
    if (info->si_value.sival_ptr != &mark)
        return false;
    n_ours++;
    return true;
}

static void told(bool begins)
{
    n_told += begins ? 1 : 100;
}

static void setup(void)
{
    ck_assert(signals_share_faults(ours));
    ck_assert(signals_take(ours));
    exec_watch(getpid(), told);
    thread_ends_watch();
    number = signals_number();
}

static void ask(void)
{
    const union sigval value = {.sival_ptr = &mark};
    ck_assert_int_eq(pthread_sigqueue(pthread_self(), number, value), 0);
}

static bool really_blocked(int signo)
{
    uint64_t bits = 0;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &bits, sizeof bits);
    return (bits & SIGNALS_BIT(signo)) != 0;
}

static bool seen_blocked(int signo)
{
    sigset_t mask;
    sigemptyset(&mask);
    ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    return sigismember(&mask, signo) == 1;
}

static sigset_t set_of(int signo)
{
    sigset_t set;
    sigemptyset(&set);
    if (signo != 0)
        sigaddset(&set, signo);
    else
        sigfillset(&set);
    return set;
}

static const struct timespec at_once;

/* ---- masks ---- */

START_TEST(all_blocked)
{
    const sigset_t all = set_of(0), one = set_of(number), none = {0};
    sigset_t old = none;
    ck_assert_int_eq(
        _i ? sigprocmask(SIG_SETMASK, &all, &old) : pthread_sigmask(SIG_BLOCK, &all, &old), 0);
    ck_assert_int_eq(sigismember(&old, number), 0);
    ck_assert(seen_blocked(number) && seen_blocked(SIGUSR1));
    ck_assert(!really_blocked(number) && really_blocked(SIGUSR1));
    ask();
    ck_assert_msg(n_ours == 1, "it comes all the same");
    ck_assert_int_eq(sigprocmask(SIG_UNBLOCK, &one, &old), 0);
    ck_assert_int_eq(sigismember(&old, number), 1);
    ck_assert(!seen_blocked(number) && seen_blocked(SIGUSR1));
    ck_assert_int_eq(sigprocmask(SIG_SETMASK, &all, NULL), 0);
    ck_assert_int_eq(sigprocmask(SIG_SETMASK, &none, &old), 0);
    ck_assert_int_eq(sigismember(&old, number), 1);
    ck_assert(!seen_blocked(number) && !really_blocked(SIGUSR1));
    ck_assert_int_eq(sigprocmask(99, &all, NULL), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(pthread_sigmask(99, &all, NULL), EINVAL);
    ck_assert_int_eq(signals_number(), number);
}
END_TEST

/* A program that blocks this number and few others wants to use it. */
START_TEST(named)
{
    const sigset_t one = set_of(number);
    ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &one, NULL), 0);
    ck_assert_int_ne(signals_number(), number);
    ck_assert_int_ne(signals_number(), 0);
    ck_assert(really_blocked(number) && seen_blocked(number));
    kill(getpid(), number);
    ck_assert_int_eq(sigtimedwait(&one, NULL, &at_once), number);
}
END_TEST

/* What is under way when the number is given up does not come to who waits for it. */
static void *late(void *thread)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    syscall(SYS_nanosleep, &moment, NULL);
    const union sigval value = {.sival_ptr = &mark};
    pthread_sigqueue(*(pthread_t *)thread, number, value);
    nosignal_ask_end((uint64_t) * (pthread_t *)thread);
    return NULL;
}

START_TEST(given_up_with_one_under_way)
{
    pthread_t self = pthread_self(), other;
    const sigset_t all = set_of(0);
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &all, NULL), 0);
    nosignal_ask_begin((uint64_t)self);
    ck_assert_int_eq(pthread_create(&other, NULL, late, &self), 0);
    signals_yield(number);
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &all, NULL), 0);
    ck_assert_int_eq(n_ours, 1);
    ck_assert(really_blocked(number));
    ck_assert_int_eq(sigtimedwait(&all, NULL, &at_once), -1);
    pthread_join(other, NULL);
}
END_TEST

/* ---- waiting ---- */

START_TEST(waits_for_all)
{
    const sigset_t all = set_of(0);
    siginfo_t info;
    int signo = 0;
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &all, NULL), 0);
    ask();
    ck_assert_int_eq(sigtimedwait(&all, &info, &at_once), -1);
    ck_assert_int_eq(errno, EAGAIN);
    kill(getpid(), SIGUSR1);
    ck_assert_int_eq(sigwaitinfo(&all, &info), SIGUSR1);
    ck_assert_int_eq(info.si_pid, getpid());
    kill(getpid(), SIGUSR2);
    ck_assert_int_eq(sigwait(&all, &signo), 0);
    ck_assert_int_eq(signo, SIGUSR2);
}
END_TEST

/* Somebody sends the program the very number that we use: it finds it where it looks for it. */
START_TEST(waits_for_ours)
{
    const sigset_t all = set_of(0);
    siginfo_t info;
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &all, NULL), 0);
    if (_i == 0)
        kill(getpid(), number);
    else
        pthread_kill(pthread_self(), number);
    ck_assert_int_eq(sigtimedwait(&all, &info, &at_once), number);
    ck_assert_int_eq(info.si_code, SI_USER); /* glibc says that of pthread_kill(), too */
    ck_assert_int_eq(info.si_pid, getpid());
    /* until there is none left to give up */
    for (int next = number; next >= SIGRTMAX - 14; next--) {
        const union sigval value = {.sival_int = next};
        ck_assert_int_eq(sigqueue(getpid(), next, value), 0);
        ck_assert_int_eq(sigwaitinfo(&all, &info), next);
        ck_assert_int_eq(info.si_value.sival_int, next);
    }
    ck_assert_int_eq(signals_number(), 0);
    ck_assert_int_eq(sigtimedwait(&all, &info, &at_once), -1);
}
END_TEST

static void *sends(void *process)
{
    const struct timespec moment = {.tv_nsec = 50000000};
    const union sigval value = {.sival_int = 7};
    syscall(SYS_nanosleep, &moment, NULL);
    sigqueue(*(pid_t *)process, number, value);
    return NULL;
}

/* .. also when it comes while it waits, to a thread or to another one that blocks it as well. */
START_TEST(comes_while_waiting)
{
    const sigset_t all = set_of(0);
    const struct timespec long_time = {.tv_sec = 60};
    pid_t self = getpid();
    pthread_t other;
    siginfo_t info;
    int signo = 0;
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &all, NULL), 0);
    ck_assert_int_eq(pthread_create(&other, NULL, sends, &self), 0);
    if (_i == 0)
        ck_assert_int_eq(sigtimedwait(&all, &info, &long_time), number);
    else
        ck_assert(sigwait(&all, &signo) == 0 && signo == number);
    if (_i == 0)
        ck_assert_int_eq(info.si_value.sival_int, 7);
    pthread_join(other, NULL);
}
END_TEST

START_TEST(by_descriptor)
{
    const sigset_t all = set_of(0);
    struct signalfd_siginfo info;
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &all, NULL), 0);
    const int fd = signalfd(-1, &all, SFD_NONBLOCK);
    ck_assert_int_ge(fd, 0);
    ck_assert_msg(signals_number() == 0, "nobody is asked any more");
    ck_assert(read(fd, &info, sizeof info) == -1 && errno == EAGAIN);
    ask(); /* one that was under way */
    ck_assert(read(fd, &info, sizeof info) == -1 && errno == EAGAIN);
    ck_assert_int_eq(n_ours, 1);
    kill(getpid(), number);
    ck_assert_int_eq(read(fd, &info, sizeof info), sizeof info);
    ck_assert_int_eq((int)info.ssi_signo, number);
    close(fd);
    const sigset_t one = set_of(SIGUSR1);
    ck_assert_int_ge(signalfd(-1, &one, 0), 0);
}
END_TEST

/* ---- threads and processes ---- */

static void *look(void *unused)
{
    ck_assert(seen_blocked(number) && !really_blocked(number) && really_blocked(SIGUSR1));
    ask();
    ck_assert_int_eq(n_ours, 1);
    return unused;
}

START_TEST(thread_inherits)
{
    const sigset_t all = set_of(0);
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    if (_i == 0)
        ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &all, NULL), 0);
    else
        ck_assert_int_eq(pthread_attr_setsigmask_np(&attributes, &all), 0);
    ck_assert_int_eq(pthread_create(&thread, &attributes, look, NULL), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    ck_assert(seen_blocked(SIGUSR1) == (_i == 0));
}
END_TEST

START_TEST(process_inherits)
{
    uint64_t bits = SIGNALS_BIT(number);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &bits, NULL, sizeof bits); /* before we were there */
    (void)sigmask_begin();
    ck_assert(seen_blocked(number) && !really_blocked(number));
}
END_TEST

/* SigBlk and SigIgn of a program that is executed, as bits. */
static void statuses_read(int fd, uint64_t *blocked, uint64_t *ignored)
{
    char text[4096];
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    const char *const at = strstr(text, "SigBlk:");
    ck_assert_msg(at != NULL && sscanf(at, "SigBlk: %lx SigIgn: %lx", blocked, ignored) == 2, "%s",
                  text);
}

#define LOOK "exec cat /proc/self/status"

START_TEST(exec_inherits)
{
    const sigset_t all = set_of(0);
    uint64_t blocked, ignored;
    int ends[2], status;
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = _i == 2 ? vfork() : fork();
    if (child == 0) {
        if (_i == 0) { /* one that is recorded itself */
            signals_adopt();
            exec_watch(getpid(), told);
        }
        signal(SIGSEGV, SIG_IGN);
        signal(SIGUSR1, SIG_IGN);
        pthread_sigmask(SIG_SETMASK, &all, NULL);
        dup2(ends[1], 1);
        execl("/nowhere", "nowhere", (char *)NULL);
        execl("/bin/sh", "sh", "-c", LOOK, (char *)NULL);
        _exit(99);
    }
    close(ends[1]);
    statuses_read(ends[0], &blocked, &ignored);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_msg(blocked & SIGNALS_BIT(number), "the new program has it blocked: %lx", blocked);
    ck_assert_msg(ignored & SIGNALS_BIT(SIGSEGV) && ignored & SIGNALS_BIT(SIGUSR1), "%lx", ignored);
    ck_assert(!seen_blocked(number) && !seen_blocked(SIGUSR1));
}
END_TEST

/* The mask of a child of vfork is its own; what its parent has hidden is blocked there, until it
 * says something else. */
START_TEST(exec_after_vfork)
{
    const sigset_t all = set_of(0);
    uint64_t blocked, ignored;
    sigset_t before;
    int ends[2], status;
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &all, &before), 0);
    const pid_t child = vfork();
    if (child == 0) {
        dup2(ends[1], 1);
        if (_i == 1)
            pthread_sigmask(SIG_SETMASK, &before, NULL);
        execl("/bin/sh", "sh", "-c", LOOK, (char *)NULL);
        _exit(99);
    }
    close(ends[1]);
    statuses_read(ends[0], &blocked, &ignored);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq((blocked & SIGNALS_BIT(number)) != 0, _i == 0);
    ck_assert(seen_blocked(number) && !really_blocked(number));
}
END_TEST

/* An exec that fails leaves everything as it was, from a handler whose mask has all in it, too. */
static void on_exec(int signo)
{
    (void)signo;
    ck_assert_int_eq(execl("/nowhere", "nowhere", (char *)NULL), -1);
    ck_assert_int_eq(errno, ENOENT);
    ck_assert(really_blocked(number));
}

START_TEST(exec_fails)
{
    struct sigaction action = {.sa_handler = on_exec};
    sigfillset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    signal(SIGBUS, SIG_IGN);
    raise(SIGUSR1);
    ck_assert_int_eq(n_told, 101);
    ck_assert(!really_blocked(number) && !seen_blocked(number));
    ck_assert(signals_in_force());
    uint64_t word;
    memcpy(&word, (const void *)nosignal_word((uint64_t)pthread_self()), sizeof word);
    ck_assert_uint_eq(word & 1, 0);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("interpose_sigmask");
    TCase *const tests = tcase_create("interpose_sigmask");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, all_blocked, 0, 2);
    tcase_add_test(tests, named);
    tcase_add_test(tests, given_up_with_one_under_way);
    tcase_add_test(tests, waits_for_all);
    tcase_add_loop_test(tests, waits_for_ours, 0, 2);
    tcase_add_loop_test(tests, comes_while_waiting, 0, 2);
    tcase_add_test(tests, by_descriptor);
    tcase_add_loop_test(tests, thread_inherits, 0, 2);
    tcase_add_test(tests, process_inherits);
    tcase_add_loop_test(tests, exec_inherits, 0, 3);
    tcase_add_loop_test(tests, exec_after_vfork, 0, 2);
    tcase_add_test(tests, exec_fails);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
