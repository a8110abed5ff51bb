/* SPDX-License-Identifier: MIT */
/*
 * Calls that a signal would cut short, with somebody who asks their thread as often as he can, in
 * the way in which the sampler does: none is cut short.
 */
#include "record/agent/interpose/nosignal.h"
#include "record/agent/interpose/signals.h"
#include "record/base/clocks.h"
#include "tests/unit/support/suite.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS  800
#define WAIT_US 60

/* ---- who asks ---- */

static pthread_t asked_thread;
static pid_t asked_tid;
static _Atomic bool is_over, is_under_way;
static _Atomic unsigned n_asked, n_answered, n_spared;
static char mark;

static bool answer(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)context;
    if (info->si_value.sival_ptr != &mark)
        return false;
    n_answered++;
    nosignal_ask_end((uint64_t)asked_thread);
    is_under_way = false;
    return true;
}

static bool no_fault(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)info;
    (void)context;
    return false;
}

static uint64_t word(void)
{
    uint64_t value;
    memcpy(&value, (const void *)nosignal_word((uint64_t)asked_thread), sizeof value);
    return value;
}

static bool ask(void)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_value.sival_ptr = &mark;
    is_under_way = true;
    nosignal_ask_begin((uint64_t)asked_thread);
    if ((word() & 1) == 0 &&
        syscall(SYS_rt_tgsigqueueinfo, getpid(), asked_tid, signals_number(), &info) == 0)
        return true;
    nosignal_ask_end((uint64_t)asked_thread);
    is_under_way = false;
    return false;
}

static void *asks(void *unused)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    while (!is_over) {
        if (is_under_way)
            continue;
        if (ask())
            n_asked++;
        else
            n_spared++;
    }
    return unused;
}

static pthread_t asker;

static void setup(void)
{
    asked_thread = pthread_self();
    asked_tid = (pid_t)syscall(SYS_gettid);
    ck_assert(signals_share_faults(no_fault));
    ck_assert(signals_take(answer));
}

static void asker_start(void)
{
    ck_assert_int_eq(pthread_create(&asker, NULL, asks, NULL), 0);
}

static void asker_stop(void)
{
    is_over = true;
    pthread_join(asker, NULL);
}

/* ---- the calls: each is to last WAIT_US at least, and to end as it would ---- */

static int ends[2], sockets[2], counters;
static sem_t never;

static int of_result(long result, int error)
{
    return result == -1 && errno == error ? 0 : 1;
}

static const struct timespec wait_time = {.tv_nsec = WAIT_US * 1000};

static struct timespec until(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    now.tv_nsec += WAIT_US * 1000;
    if (now.tv_nsec >= 1000000000) {
        now.tv_nsec -= 1000000000;
        now.tv_sec++;
    }
    return now;
}

static int by_nanosleep(void)
{
    return nanosleep(&wait_time, NULL);
}

static int by_clock_nanosleep(void)
{
    return clock_nanosleep(CLOCK_MONOTONIC, 0, &wait_time, NULL);
}

static int by_usleep(void)
{
    return usleep(WAIT_US);
}

static int by_poll(void)
{
    struct pollfd fd = {.fd = ends[0], .events = POLLIN};
    return poll(&fd, 1, 1);
}

static int by_ppoll(void)
{
    struct pollfd fd = {.fd = ends[0], .events = POLLIN};
    return ppoll(&fd, 1, &wait_time, NULL);
}

static int by_ppoll_masked(void)
{
    struct pollfd fd = {.fd = ends[0], .events = POLLIN};
    sigset_t none;
    sigemptyset(&none);
    return ppoll(&fd, 1, &wait_time, &none);
}

static int by_select(void)
{
    struct timeval time = {.tv_usec = WAIT_US};
    return select(0, NULL, NULL, NULL, &time);
}

static int by_pselect(void)
{
    sigset_t none;
    sigemptyset(&none);
    return pselect(0, NULL, NULL, NULL, &wait_time, &none);
}

static int by_epoll(void)
{
    static int fd = -1;
    struct epoll_event event;
    if (fd < 0)
        fd = epoll_create1(0);
    return epoll_wait(fd, &event, 1, 1);
}

static int by_recv(void)
{
    char byte;
    return of_result(recv(sockets[0], &byte, 1, 0), EAGAIN);
}

static int by_read(void)
{
    char byte;
    return of_result(read(sockets[0], &byte, 1), EAGAIN);
}

static int by_accept(void)
{
    static int fd = -1;
    if (fd < 0) {
        const struct timeval time = {.tv_usec = 4000};
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        const struct sockaddr address = {.sa_family = AF_UNIX};
        bind(fd, &address, sizeof address.sa_family);
        listen(fd, 1);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    }
    return of_result(accept(fd, NULL, NULL), EAGAIN);
}

static int by_semaphore(void)
{
    const struct timespec end = until(CLOCK_REALTIME);
    return of_result(sem_timedwait(&never, &end), ETIMEDOUT);
}

static int by_semop(void)
{
    struct sembuf wait = {.sem_op = -1};
    return of_result(semtimedop(counters, &wait, 1, &wait_time), EAGAIN);
}

/* What was sent lasts longer than the pipe is large, and is read slowly. */
static int by_write(void)
{
    static char bytes[200000];
    return write(ends[1], bytes, sizeof bytes) == sizeof bytes ? 0 : 1;
}

static int by_recv_all(void)
{
    char bytes[3000];
    return recv(sockets[1], bytes, sizeof bytes, MSG_WAITALL) == sizeof bytes ? 0 : 1;
}

static int by_sigtimedwait(void)
{
    sigset_t all;
    sigfillset(&all);
    return of_result(sigtimedwait(&all, NULL, &wait_time), EAGAIN);
}

static const struct {
    const char *name;
    int (*call)(void);
    int rounds;
    bool has_other; /* somebody at the other end */
} calls[] = {
    {"nanosleep", by_nanosleep, ROUNDS, false},
    {"clock_nanosleep", by_clock_nanosleep, ROUNDS, false},
    {"usleep", by_usleep, ROUNDS, false},
    {"poll", by_poll, ROUNDS / 5, false},
    {"ppoll", by_ppoll, ROUNDS, false},
    {"ppoll with a mask", by_ppoll_masked, ROUNDS, false},
    {"select", by_select, ROUNDS, false},
    {"pselect", by_pselect, ROUNDS, false},
    {"epoll_wait", by_epoll, ROUNDS / 5, false},
    {"recv", by_recv, ROUNDS / 10, false},
    {"read", by_read, ROUNDS / 10, false},
    {"accept", by_accept, ROUNDS / 10, false},
    {"sem_timedwait", by_semaphore, ROUNDS, false},
    {"semtimedop", by_semop, ROUNDS, false},
    {"sigtimedwait", by_sigtimedwait, ROUNDS, false},
    {"write", by_write, 100, true},
    {"recv of all", by_recv_all, 500, true},
};

#define N_CALLS (sizeof calls / sizeof calls[0])

static void *other_end(void *name)
{
    char bytes[4096];
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    while (strcmp(name, "write") == 0 ? read(ends[0], bytes, sizeof bytes) > 0
                                      : send(sockets[0], bytes, 700, MSG_NOSIGNAL) > 0)
        sched_yield();
    return NULL;
}

static void channels_make(void)
{
    const struct timeval time = {.tv_usec = 4000};
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    counters = semget(IPC_PRIVATE, 1, 0600);
    sem_init(&never, 0, 0);
}

static void channels_close(void)
{
    close(ends[0]);
    close(ends[1]);
    close(sockets[0]);
    close(sockets[1]);
    semctl(counters, 0, IPC_RMID);
}

START_TEST(nothing_is_cut_short)
{
    pthread_t other;
    channels_make();
    asker_start();
    if (calls[_i].has_other)
        ck_assert_int_eq(pthread_create(&other, NULL, other_end, (void *)(uintptr_t)calls[_i].name),
                         0);
    /* on one CPU the two may come to run in turns: until it has been tried at least once */
    for (int i = 0; i < calls[_i].rounds || n_answered == 0; i++) {
        const uint64_t begin = clocks_mono_ns();
        const int result = calls[_i].call();
        ck_assert_msg(result == 0, "%s: %d, errno %d, in round %d", calls[_i].name, result, errno,
                      i);
        if (!calls[_i].has_other)
            ck_assert_uint_ge(clocks_mono_ns() - begin, WAIT_US * 1000);
    }
    asker_stop();
    channels_close();
    if (calls[_i].has_other)
        pthread_join(other, NULL);
}
END_TEST

/* So that the test above is known to be able to fail: past us, they are cut short. */
START_TEST(what_goes_past_is_cut)
{
    asker_start();
    for (long result = 0; result == 0;)
        result = syscall(SYS_nanosleep, &wait_time, NULL);
    ck_assert_int_eq(errno, EINTR);
    asker_stop();
}
END_TEST

/* ---- the program's own signals ---- */

static _Atomic int n_program;

static void on_program(int signo)
{
    (void)signo;
    n_program++;
}

static void *kicks(void *unused)
{
    const struct timespec moment = {.tv_nsec = 300000};
    while (!is_over) {
        syscall(SYS_nanosleep, &moment, NULL);
        pthread_kill(asked_thread, SIGUSR1);
    }
    return unused;
}

/* They end a call, always, with somebody who asks or without: or it would last for ever. */
START_TEST(the_programs_signals_end_it)
{
    struct sigaction action = {.sa_handler = on_program};
    pthread_t kicker;
    sigset_t none;
    sigemptyset(&none);
    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    asker_start();
    ck_assert_int_eq(pthread_create(&kicker, NULL, kicks, NULL), 0);
    for (int i = 0; i < 300; i++) {
        const int before = n_program;
        const int result = i % 3 == 0   ? poll(NULL, 0, -1)
                           : i % 3 == 1 ? pause()
                                        : sigsuspend(&none);
        ck_assert_int_eq(result, -1);
        ck_assert_int_eq(errno, EINTR);
        ck_assert_msg(n_program > before, "it was not the program's: %d", i % 3);
    }
    is_over = true;
    pthread_join(kicker, NULL);
    asker_stop();
}
END_TEST

/* ---- the word ---- */

static _Atomic uint64_t in_handler;

static void on_nested(int signo)
{
    char byte;
    (void)signo;
    (void)!read(ends[0], &byte, 1);
    in_handler = word();
}

static sigjmp_buf away;

static void on_jump(int signo)
{
    (void)signo;
    siglongjmp(away, 1);
}

/* In a function of its own, as calls are. */
__attribute__((noinline)) static void nested(uint64_t first)
{
    struct nosignal inner;
    nosignal_begin(&inner);
    ck_assert_uint_eq(word() & 1, 1);
    ck_assert_uint_ne(word(), first);
    nosignal_end(&inner);
}

START_TEST(the_word_tells)
{
    struct nosignal outer;
    const uint64_t before = word();
    ck_assert_uint_eq(before & 1, 0);
    nosignal_begin(&outer);
    const uint64_t first = word();
    ck_assert_uint_eq(first & 1, 1);
    ck_assert_msg(!ask(), "not in there");
    nested(first);
    ck_assert_msg(word() & 1, "the outer one is not over");
    ck_assert_uint_ne(word(), first);
    nosignal_end(&outer);
    ck_assert_uint_eq(word() & 1, 0);
    ck_assert(ask());
    ck_assert_uint_eq(n_answered, 1);
    nosignal_begin(&outer);
    ck_assert_uint_ne(word(), first);
    nosignal_end(&outer);
}
END_TEST

START_TEST(within_a_handler)
{
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], "xy", 2), 2);
    signal(SIGALRM, on_nested);
    alarm(1);
    ck_assert_int_eq(poll(NULL, 0, -1), -1);
    ck_assert_msg(in_handler & 1, "poll() was not over");
    ck_assert_uint_eq(word() & 1, 0);
}
END_TEST

/* A call that was left by a jump is over as soon as there is another one. */
START_TEST(left_by_a_jump)
{
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], "xy", 2), 2);
    signal(SIGALRM, on_jump);
    alarm(1);
    if (sigsetjmp(away, 1) == 0)
        poll(NULL, 0, -1);
    char byte;
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    ck_assert_uint_eq(word() & 1, 0);
    ck_assert(ask());
}
END_TEST

/* What is under way comes when the stretch is over, or when it is waited for. */
START_TEST(blocked_for_the_length_of_it)
{
    struct nosignal stretch;
    nosignal_ask_begin((uint64_t)asked_thread); /* the sampler is about to send it .. */
    nosignal_begin(&stretch);
    const union sigval value = {.sival_ptr = &mark};
    ck_assert_int_eq(pthread_sigqueue(asked_thread, signals_number(), value), 0);
    ck_assert_msg(n_answered == 0, ".. and it does not come in there");
    nosignal_end(&stretch);
    ck_assert_uint_eq(n_answered, 1);
    nosignal_ask_begin((uint64_t)asked_thread);
    nosignal_begin(&stretch);
    ck_assert_int_eq(pthread_sigqueue(asked_thread, signals_number(), value), 0);
    nosignal_settle(&stretch);
    ck_assert_uint_eq(n_answered, 2);
    nosignal_end(&stretch);
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    ck_assert_int_eq(sigismember(&mask, signals_number()), 0);
}
END_TEST

/* One who never answers (another thread with the same place in the table) stops nobody. */
START_TEST(never_answered)
{
    struct nosignal stretch;
    nosignal_ask_begin((uint64_t)asked_thread);
    nosignal_begin(&stretch);
    nosignal_settle(&stretch);
    nosignal_end(&stretch);
    ck_assert_int_eq(usleep(1), 0);
    nosignal_reset(); /* as a child would */
    ck_assert(ask());
}
END_TEST

START_TEST(where_nobody_is_asked)
{
    const uint64_t before = word();
    signals_stop();
    ck_assert_int_eq(usleep(1), 0);
    ck_assert_uint_eq(word(), before);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("interpose_nosignal");
    TCase *const tests = tcase_create("interpose_nosignal");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, nothing_is_cut_short, 0, N_CALLS);
    tcase_add_test(tests, what_goes_past_is_cut);
    tcase_add_test(tests, the_programs_signals_end_it);
    tcase_add_test(tests, the_word_tells);
    tcase_add_test(tests, within_a_handler);
    tcase_add_test(tests, left_by_a_jump);
    tcase_add_test(tests, blocked_for_the_length_of_it);
    tcase_add_test(tests, never_answered);
    tcase_add_test(tests, where_nobody_is_asked);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
