/* SPDX-License-Identifier: MIT */
/* What the program finds of its signals, with ours among them. Each test is a process of its own.
 */
#include "record/agent/interpose/signals.h"
#include "tests/unit/support/suite.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef void handler_fn(int);

/* As the kernel has it; its mask is 8 bytes. */
struct kernel_action {
    handler_fn *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

static struct kernel_action kernel_has(int signo)
{
    struct kernel_action action;
    ck_assert_int_eq(syscall(SYS_rt_sigaction, signo, NULL, &action, 8), 0);
    return action;
}

static _Atomic int n_ours, n_program, last_signo;
static char our_value;

static bool ours(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)context;
    if (info->si_value.sival_ptr != &our_value)
        return false;
    n_ours++;
    return true;
}

/* A load that faults at this address is ours: go on elsewhere. */
static char *our_hole;
static sigjmp_buf behind;

static bool fault_ours(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)context;
    if (our_hole == NULL || info->si_addr != our_hole)
        return false;
    n_ours++;
    siglongjmp(behind, 1);
}

static void on_program(int signo)
{
    last_signo = signo;
    n_program++;
}

static void on_program_info(int signo, siginfo_t *info, void *context)
{
    ck_assert_int_eq(info->si_signo, signo);
    ck_assert_ptr_nonnull(context);
    on_program(signo);
}

static void ask(int signo)
{
    const union sigval value = {.sival_ptr = &our_value};
    ck_assert_int_eq(pthread_sigqueue(pthread_self(), signo, value), 0);
}

static int started(void)
{
    ck_assert(signals_share_faults(fault_ours));
    ck_assert(signals_take(ours));
    return signals_number();
}

static char *volatile holes = (char *)8;

static void load_hole(void)
{
    our_hole = holes;
    if (sigsetjmp(behind, 1) == 0)
        (void)*(volatile char *)our_hole;
    our_hole = NULL;
}

START_TEST(takes_what_nobody_has)
{
    signal(SIGRTMAX - 3, on_program);
    signal(SIGRTMAX - 4, SIG_IGN);
    const int signo = started();
    ck_assert_int_eq(signo, SIGRTMAX - 5);
    ask(signo);
    ck_assert_int_eq(n_ours, 1);
    raise(SIGRTMAX - 3);
    ck_assert_int_eq(n_program, 1);
    struct sigaction told;
    ck_assert_int_eq(sigaction(signo, NULL, &told), 0);
    ck_assert_msg(told.sa_handler == SIG_DFL && told.sa_flags == 0, "the program finds nothing");
}
END_TEST

/* What the program sets for our number is in force as it said; what we had sent is still ours. */
START_TEST(claimed)
{
    const int signo = started();
    struct sigaction action = {.sa_sigaction = on_program_info, .sa_flags = SA_SIGINFO}, told;
    sigaddset(&action.sa_mask, SIGUSR1);
    ck_assert_int_eq(sigaction(signo, &action, &told), 0);
    ck_assert(told.sa_handler == SIG_DFL);
    ck_assert_int_ne(signals_number(), signo);
    ck_assert_int_ne(signals_number(), 0);
    const struct kernel_action has = kernel_has(signo);
    ck_assert_msg((has.flags & SA_RESTART) == 0, "it interrupts system calls");
    ck_assert_msg(has.mask == UINT64_C(1) << (SIGUSR1 - 1), "its own mask: %lx", (long)has.mask);
    raise(signo);
    ck_assert_int_eq(n_program, 1);
    ask(signo);
    ck_assert_int_eq(n_ours, 1);
    ck_assert_int_eq(n_program, 1);
    ask(signals_number());
    ck_assert_int_eq(n_ours, 2);
    ck_assert_int_eq(sigaction(signo, NULL, &told), 0);
    ck_assert(told.sa_sigaction == on_program_info && told.sa_flags == SA_SIGINFO);
    ck_assert(sigismember(&told.sa_mask, SIGUSR1) == 1 && sigismember(&told.sa_mask, SIGINT) == 0);
    signal(signo, SIG_DFL);
    ask(signo); /* late, but no reason to die */
    ck_assert_int_eq(n_ours, 3);
}
END_TEST

static void *interrupt_later(void *thread)
{
    const struct timespec moment = {.tv_nsec = 50000000};
    for (int i = 0; i < 100 && n_program == 0; i++) {
        nanosleep(&moment, NULL);
        pthread_kill(*(pthread_t *)thread, SIGRTMAX - 3);
    }
    return NULL;
}

START_TEST(claimed_interrupts)
{
    struct sigaction action = {.sa_handler = on_program};
    pthread_t self = pthread_self(), other;
    int ends[2];
    char byte;
    ck_assert_int_eq(started(), SIGRTMAX - 3);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(sigaction(SIGRTMAX - 3, &action, NULL), 0);
    ck_assert_int_eq(pthread_create(&other, NULL, interrupt_later, &self), 0);
    ck_assert_int_eq(read(ends[0], &byte, 1), -1);
    ck_assert_int_eq(errno, EINTR);
    pthread_join(other, NULL);
}
END_TEST

START_TEST(claimed_once)
{
    const int signo = started();
    struct sigaction action = {.sa_handler = on_program, .sa_flags = (int)SA_RESETHAND}, told;
    ck_assert_int_eq(sigaction(signo, &action, NULL), 0);
    ask(signo); /* does not use it up */
    raise(signo);
    ck_assert_int_eq(n_program, 1);
    ck_assert_int_eq(n_ours, 1);
    ck_assert_int_eq(sigaction(signo, NULL, &told), 0);
    ck_assert(told.sa_handler == SIG_DFL);
}
END_TEST

START_TEST(ignored)
{
    const int signo = started();
    signal(signo, SIG_IGN);
    ck_assert_int_ne(signals_number(), signo);
    ck_assert_msg(kernel_has(signo).handler == SIG_IGN, "for who is executed, too");
    raise(signo);
    ask(signals_number());
    ck_assert_int_eq(n_ours, 1);
}
END_TEST

/* A program that sets them all: then there is none to ask with, and all are the program's. */
START_TEST(all_are_claimed)
{
    started();
    for (int signo = SIGRTMAX; signo >= SIGRTMIN; signo--)
        ck_assert(signal(signo, on_program) != SIG_ERR);
    ck_assert_int_eq(signals_number(), 0);
    for (int signo = SIGRTMIN; signo <= SIGRTMAX; signo++) {
        raise(signo);
        ck_assert_int_eq(last_signo, signo);
    }
    ck_assert_int_eq(n_program, SIGRTMAX - SIGRTMIN + 1);
    ck_assert(signals_in_force());
}
END_TEST

START_TEST(none_is_free)
{
    for (int signo = SIGRTMIN; signo <= SIGRTMAX; signo++)
        signal(signo, SIG_IGN);
    ck_assert(signals_share_faults(fault_ours));
    ck_assert(!signals_take(ours));
    ck_assert_int_eq(signals_number(), 0);
}
END_TEST

/* One that is sent by somebody and has no handler ends the program, as it would. */
START_TEST(strangers_kill)
{
    const int signo = started();
    const pid_t child = fork();
    if (child == 0) {
        signals_adopt();
        raise(signo);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == signo);
}
END_TEST

/* Somebody has gone past libc: what he set stays, and we ask with another one. */
START_TEST(past_libc)
{
    const int signo = started();
    struct kernel_action action = kernel_has(SIGUSR1);
    action.handler = SIG_IGN;
    ck_assert_int_eq(syscall(SYS_rt_sigaction, signo, &action, NULL, 8), 0);
    ck_assert(signals_in_force());
    ck_assert_int_ne(signals_number(), signo);
    ck_assert(kernel_has(signo).handler == SIG_IGN);
    ask(signals_number());
    ck_assert_int_eq(n_ours, 1);
    ck_assert_int_eq(syscall(SYS_rt_sigaction, SIGSEGV, &action, NULL, 8), 0);
    ck_assert_msg(!signals_in_force(), "without SIGSEGV there is no recording");
}
END_TEST

/* ---- faults ---- */

static void on_fault(int signo, siginfo_t *info, void *context)
{
    (void)context;
    on_program(signo);
    siglongjmp(behind, info->si_addr != NULL);
}

START_TEST(faults_of_both)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, told;
    started();
    load_hole();
    ck_assert_int_eq(n_ours, 1);
    ck_assert_int_eq(sigaction(SIGSEGV, &action, NULL), 0);
    load_hole();
    ck_assert_int_eq(n_ours, 2);
    ck_assert_int_eq(n_program, 0);
    if (sigsetjmp(behind, 1) == 0)
        (void)*(volatile char *)holes;
    ck_assert_int_eq(n_program, 1);
    ck_assert_int_eq(sigaction(SIGSEGV, NULL, &told), 0);
    ck_assert(told.sa_sigaction == on_fault);
    ck_assert_msg((kernel_has(SIGSEGV).flags & SA_RESTART) == 0, "kill -SEGV interrupts");
    ck_assert(signal(SIGSEGV, SIG_IGN) == (handler_fn *)(uintptr_t)on_fault);
    raise(SIGSEGV);
    load_hole();
    ck_assert_int_eq(n_ours, 3);
}
END_TEST

/* A child of vfork shares our memory, but not the dispositions. */
START_TEST(vfork_child)
{
    struct sigaction told;
    const int signo = started();
    signal(SIGSEGV, on_program);
    const pid_t child = vfork();
    if (child == 0) {
        for (int i = 1; i <= SIGRTMAX; i++)
            signal(i, SIG_DFL);
        if (sigaction(SIGSEGV, NULL, &told) != 0 || told.sa_handler != SIG_DFL)
            _exit(1);
        signal(signo, on_program);
        if (sigaction(signo, NULL, &told) != 0 || told.sa_handler != on_program)
            _exit(2);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(sigaction(SIGSEGV, NULL, &told), 0);
    ck_assert(told.sa_handler == on_program);
    ck_assert_int_eq(signals_number(), signo);
    raise(SIGSEGV);
    ck_assert_int_eq(n_program, 1);
    ask(signo);
    ck_assert_int_eq(n_ours, 1);
}
END_TEST

START_TEST(given_back)
{
    const struct kernel_action before = kernel_has(SIGSEGV); /* a sanitizer has one of its own */
    signal(SIGBUS, on_program);
    const int signo = started();
    ck_assert(kernel_has(SIGSEGV).handler != before.handler);
    signals_give_back();
    ck_assert(kernel_has(SIGSEGV).handler == before.handler);
    ck_assert(kernel_has(SIGBUS).handler == on_program);
    ck_assert(kernel_has(signo).handler == SIG_DFL);
    signal(SIGBUS, SIG_IGN);
    ck_assert(signals_share_faults(fault_ours)); /* a Python came later */
    ck_assert(signal(SIGBUS, SIG_DFL) == SIG_IGN);
    load_hole();
    ck_assert_int_eq(n_ours, 1);
}
END_TEST

/* Before anything is shared, and for what is not, libc's own functions are called. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
START_TEST(others_are_libcs)
{
    ck_assert(signal(SIGUSR1, on_program) == SIG_DFL);
    started();
    siginterrupt(SIGUSR1, 1); /* libc remembers it for signal() */
    ck_assert(signal(SIGUSR1, on_program) == on_program);
    ck_assert((kernel_has(SIGUSR1).flags & SA_RESTART) == 0);
    ck_assert_int_eq(sigaction(0, NULL, NULL), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert(signal(SIGKILL, SIG_IGN) == SIG_ERR);
    ck_assert(signal(SIGSEGV, SIG_ERR) == SIG_ERR);
}
END_TEST

/* Old ways to say it, in which libc does not call sigaction(). */
START_TEST(old_ways)
{
    const int signo = started();
    if (_i == 0)
        sigset(signo, on_program);
    else if (_i == 1)
        sigignore(signo);
    else if (_i == 2)
        sighold(signo);
    else
        siginterrupt(signo, 1);
    ck_assert_int_ne(signals_number(), signo);
    if (_i < 3)
        raise(signo);
    ck_assert_int_eq(n_program, _i == 0);
    ck_assert(signals_in_force());
    ask(signals_number());
    ck_assert_int_eq(n_ours, 1);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("interpose_signals");
    TCase *const tests = tcase_create("interpose_signals");
    tcase_add_test(tests, takes_what_nobody_has);
    tcase_add_test(tests, claimed);
    tcase_add_test(tests, claimed_interrupts);
    tcase_add_test(tests, claimed_once);
    tcase_add_test(tests, ignored);
    tcase_add_test(tests, all_are_claimed);
    tcase_add_test(tests, none_is_free);
    tcase_add_test(tests, strangers_kill);
    tcase_add_test(tests, past_libc);
    tcase_add_test(tests, faults_of_both);
    tcase_add_test(tests, vfork_child);
    tcase_add_test(tests, given_back);
    tcase_add_test(tests, others_are_libcs);
    tcase_add_loop_test(tests, old_ways, 0, 4);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
