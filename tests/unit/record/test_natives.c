/* SPDX-License-Identifier: MIT */
/* natives, procfs, exit_status: real threads and children, seen through /proc. */
#include "record/base/clocks.h"
#include "record/kernel/exit_status.h"
#include "record/kernel/natives.h"
#include "tests/unit/support/suite.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct natives natives;
static struct roster roster;

static void teardown(void)
{
    natives_clear(&natives);
    roster_clear(&roster);
}

/* A thread that burns so much CPU and then waits to be let go. */
struct worker {
    pthread_t thread;
    const char *name;
    uint64_t burn_ns;
    _Atomic int tid;
    pthread_mutex_t gate;
};

static void *work(void *closure)
{
    struct worker *worker = closure;
    pthread_setname_np(pthread_self(), worker->name);
    while (clocks_ns(CLOCK_THREAD_CPUTIME_ID) < worker->burn_ns)
        ;
    worker->tid = gettid();
    pthread_mutex_lock(&worker->gate);
    pthread_mutex_unlock(&worker->gate);
    return NULL;
}

/* Whether a thread of ours is there, and blocked. */
static bool is_asleep(int tid)
{
    char text[512];
    const ssize_t len =
        tid == 0 ? -1 : procfs_read(text, sizeof text, "/proc/self/task/%d/stat", tid);
    return len > 0 && strstr(text, ") S ") != NULL;
}

static void worker_start(struct worker *worker, const char *name, uint64_t burn_ns)
{
    *worker = (struct worker){.name = name, .burn_ns = burn_ns};
    pthread_mutex_init(&worker->gate, NULL);
    pthread_mutex_lock(&worker->gate);
    ck_assert_int_eq(pthread_create(&worker->thread, NULL, work, worker), 0);
    while (!is_asleep(worker->tid)) /* at the gate */
        usleep(1000);
}

static void worker_end(struct worker *worker)
{
    char path[64];
    pthread_mutex_unlock(&worker->gate);
    pthread_join(worker->thread, NULL);
    pthread_mutex_destroy(&worker->gate);
    snprintf(path, sizeof path, "/proc/self/task/%d", worker->tid);
    while (access(path, F_OK) == 0) /* joined is not yet gone from /proc */
        usleep(1000);
}

/* As beside an agent: there is a sampler. */
static void look(void)
{
    struct worker sampler;
    worker_start(&sampler, "pyrec-sampler", 0);
    natives_look(&natives, getpid(), &roster, 0, clocks_mono_ns(), NATIVES_NOW);
    worker_end(&sampler);
}

static const struct native *row_of(int tid)
{
    for (uint32_t i = 0; i < natives.n; i++)
        if (natives.rows[i].tid == tid)
            return &natives.rows[i];
    return NULL;
}

/* What counts for a thread, in all its native lives. (Sanitizers have threads of their own.) */
static uint64_t counted_ns(int tid)
{
    uint64_t sum_ns = 0, total_ns = 0;
    for (uint32_t i = 0; i < natives.n; i++) {
        sum_ns += natives.rows[i].tid == tid ? natives.rows[i].cpu_ns : 0;
        total_ns += natives.rows[i].cpu_ns;
    }
    ck_assert_uint_eq(total_ns, natives.total_ns);
    return sum_ns;
}

static void python_add(uint32_t id, int tid)
{
    roster_add(&roster, id)->os_tid = (uint32_t)tid;
}

START_TEST(test_names_and_cpu)
{
    struct worker pool, python;
    worker_start(&pool, "blas-worker", 60000000);
    worker_start(&python, "python", 20000000);
    python_add(1, getpid());
    python_add(2, python.tid);
    look();
    const struct native *row = row_of(pool.tid);
    ck_assert_ptr_nonnull(row);
    ck_assert_str_eq(row->name, "blas-worker");
    ck_assert_uint_ge(row->cpu_ns, 60000000);
    ck_assert_uint_lt(row->cpu_ns, 80000000);
    ck_assert(row->is_changed);
    for (uint32_t i = 0; i < natives.n; i++)
        ck_assert_str_ne(natives.rows[i].name, "pyrec-sampler");
    ck_assert_ptr_null(row_of(python.tid));
    ck_assert_ptr_null(row_of(getpid()));
    const uint64_t total_ns = natives.total_ns;
    worker_end(&pool);
    look();
    row = row_of(pool.tid); /* dead, but what it used still counts */
    ck_assert_ptr_nonnull(row);
    ck_assert(!row->is_alive);
    ck_assert_uint_ge(natives.total_ns, total_ns);
    worker_end(&python);
}
END_TEST

/* First seen as native, then it turns out to run Python: its time is Python's, from its birth on.
 */
START_TEST(test_adopted)
{
    struct worker worker;
    worker_start(&worker, "late", 30000000);
    python_add(1, getpid());
    look();
    ck_assert_uint_ge(counted_ns(worker.tid), 30000000);
    natives_adopt(&natives, worker.tid, 0);
    ck_assert_uint_eq(counted_ns(worker.tid), 0);
    python_add(2, worker.tid);
    look();
    ck_assert_uint_eq(counted_ns(worker.tid), 0);
    ck_assert_ptr_null(row_of(worker.tid));
    worker_end(&worker);
}
END_TEST

/* Told of before any look has met it: what it had used by then is native, and once. The total also has
   what a sanitizer's own thread uses meanwhile. */
START_TEST(test_found)
{
    struct worker worker;
    worker_start(&worker, "found", 30000000);
    python_add(1, getpid());
    natives_adopt_found(&natives, getpid(), worker.tid, 20000000);
    ck_assert_uint_eq(counted_ns(worker.tid), 20000000);
    ck_assert_str_eq(natives.rows[0].name, "found");
    ck_assert(natives_is_due(&natives.rows[0]));
    python_add(2, worker.tid);
    look();
    ck_assert_uint_eq(counted_ns(worker.tid), 20000000);
    natives_clear(&natives);
    natives.is_late = true; /* attached: what was before does not count */
    natives_adopt_found(&natives, getpid(), worker.tid, 20000000);
    ck_assert_uint_eq(counted_ns(worker.tid), 0);
    worker_end(&worker);
}
END_TEST

/* It enters Python with 20 ms on its clock: those stay native. And when it leaves, what follows. */
START_TEST(test_enters_and_leaves)
{
    struct worker worker;
    worker_start(&worker, "callback", 50000000);
    python_add(1, getpid());
    look();
    natives_adopt(&natives, worker.tid, 20000000);
    ck_assert_uint_eq(counted_ns(worker.tid), 20000000);
    natives_release(&natives, worker.tid, 40000000);
    look();
    ck_assert_uint_ge(counted_ns(worker.tid), 20000000 + 10000000);
    ck_assert_uint_lt(counted_ns(worker.tid), 20000000 + 20000000);
    worker_end(&worker);
}
END_TEST

/* Nobody but Python threads and the sampler: they are counted, not listed. */
START_TEST(test_nothing_to_see)
{
    struct worker hidden;
    worker_start(&hidden, "hidden", 1000000);
    python_add(1, getpid());
    natives_look(&natives, getpid(), &roster, 0, clocks_mono_ns(), NATIVES_NOW);
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__ /* have threads of their own */
    ck_assert_ptr_null(row_of(hidden.tid));                       /* taken for the sampler */
#endif
    look(); /* one more than that */
    ck_assert_ptr_nonnull(row_of(hidden.tid));
    worker_end(&hidden);
}
END_TEST

START_TEST(test_schedule)
{
    python_add(1, getpid());
    natives_look(&natives, getpid(), &roster, 60 * 1000000000ull, 1000, NATIVES_IF_DUE);
    ck_assert_uint_ge(natives.next_look_ns, 1000 + 250000000u);
    const uint64_t next_ns = natives.next_look_ns;
    natives_look(&natives, getpid(), &roster, 1000000000, next_ns - 1, NATIVES_IF_DUE);
    ck_assert_uint_eq(natives.next_look_ns, next_ns);
    natives_look(&natives, getpid(), &roster, 1000000, next_ns, NATIVES_IF_DUE); /* too young */
    ck_assert_uint_eq(natives.next_look_ns, next_ns);
    natives_look(&natives, 99999999, &roster, 1000000000, next_ns, NATIVES_IF_DUE); /* nobody */
    ck_assert_uint_gt(natives.next_look_ns, next_ns);
}
END_TEST

/* ---- processes ---- */

static pid_t zombie_make(int status, int signal, int *pidfd)
{
    const pid_t pid = fork();
    if (pid == 0) {
        if (signal != 0)
            raise(signal);
        while (clocks_ns(CLOCK_PROCESS_CPUTIME_ID) < 30000000)
            ;
        _exit(status);
    }
    *pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd end = {*pidfd, POLLIN, 0};
    ck_assert_int_eq(poll(&end, 1, 10000), 1);
    return pid;
}

START_TEST(test_exit_status)
{
    struct exit_status end;
    struct procfs_stat is;
    uint64_t cpu_ns = 0;
    int pidfd;
    pid_t pid = zombie_make(7, 0, &pidfd);
    exit_status_find(pid, pidfd, &end);
    ck_assert(end.is_known);
    ck_assert_uint_eq(end.status, 7);
    ck_assert_uint_eq(end.signal, 0);
    ck_assert(procfs_process_cpu(pid, &cpu_ns)); /* its clock outlives it until it is buried */
    ck_assert_uint_ge(cpu_ns, 30000000);
    ck_assert(procfs_stat_read(pid, &is));
    ck_assert_int_eq(is.state, 'Z');
    ck_assert_int_eq(is.parent, getpid());
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid); /* was only looked at */
    close(pidfd);
    pid = zombie_make(0, SIGKILL, &pidfd);
    exit_status_find(pid, pidfd, &end);
    ck_assert_uint_eq(end.signal, SIGKILL);
    waitpid(pid, NULL, 0);
    close(pidfd);
    exit_status_find(pid, -1, &end);
    ck_assert(!end.is_known);
    ck_assert(!procfs_stat_read(pid, &is));
}
END_TEST

/* Not our child but a child's: its zombie tells, or its pidfd. */
START_TEST(test_exit_status_of_others)
{
    struct exit_status end;
    int ends[2];
    pid_t other = 0;
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        const pid_t grandchild = fork();
        if (grandchild == 0)
            _exit(5);
        siginfo_t info;
        waitid(P_PID, (id_t)grandchild, &info, WEXITED | WNOWAIT);
        const ssize_t n = write(ends[1], &grandchild, sizeof grandchild);
        pause();
        _exit((int)n);
    }
    ck_assert_int_eq(read(ends[0], &other, sizeof other), sizeof other);
    exit_status_find(other, -1, &end);
    ck_assert(end.is_known);
    ck_assert_uint_eq(end.status, 5);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}
END_TEST

static void number_take(void *closure, pid_t number)
{
    if (number == getpid())
        *(bool *)closure = true;
}

START_TEST(test_procfs)
{
    struct procfs_stat is;
    char comm[PROCFS_COMM_MAX], text[8];
    bool has_us = false;
    pthread_setname_np(pthread_self(), "a) R 1 (b");
    ck_assert(procfs_stat_read(getpid(), &is));
    ck_assert_int_eq(is.parent, getppid());
    ck_assert_int_eq(is.state, 'R');
    ck_assert_uint_gt(is.start, 0);
    ck_assert(procfs_comm(getpid(), getpid(), comm));
    ck_assert_str_eq(comm, "a) R 1 (b");
    ck_assert(procfs_each_number("/proc", number_take, &has_us));
    ck_assert(has_us);
    ck_assert(!procfs_each_number("/no/such", number_take, &has_us));
    ck_assert_int_eq(procfs_read(text, sizeof text, "/proc/%d/stat", getpid()), 7); /* cut */
    ck_assert_int_eq(text[7], '\0');
    ck_assert_int_eq(procfs_read(text, sizeof text, "/no/such"), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("natives");
    TCase *tc = tcase_create("natives");
    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_test(tc, test_names_and_cpu);
    tcase_add_test(tc, test_adopted);
    tcase_add_test(tc, test_found);
    tcase_add_test(tc, test_enters_and_leaves);
    tcase_add_test(tc, test_nothing_to_see);
    tcase_add_test(tc, test_schedule);
    tcase_add_test(tc, test_exit_status);
    tcase_add_test(tc, test_exit_status_of_others);
    tcase_add_test(tc, test_procfs);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
