/* SPDX-License-Identifier: MIT */
/*
 * The proof that a thread stood still, against a process that counts while it runs: whenever the
 * proof says that it did, its number must not have moved.
 */
#include "record/dump/still.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOOKS = 600, PATIENCE = 20000 };

static _Atomic uint64_t *number;

/* What the other process does; it counts as often as it can. */
static void busy(void)
{
    for (;;)
        ++*number;
}

static void blinks(void)
{
    const struct timespec nap = {.tv_nsec = 300000};
    for (;;) {
        ++*number;
        nanosleep(&nap, NULL);
    }
}

static void sleeps(void)
{
    ++*number;
    for (;;)
        pause();
}

/* With the kernel's count of arrivals, and without, as on a kernel that has none. */
static const struct {
    void (*work)(void);
    bool has_schedstat, moves;
} cases[] = {{busy, true, true},    {busy, false, true},   {blinks, true, true},
             {blinks, false, true}, {sleeps, true, false}, {sleeps, false, false}};

static pid_t start(void (*work)(void))
{
    number = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const pid_t child = fork();
    if (child == 0)
        work();
    while (*number == 0)
        usleep(1000);
    return child;
}

static void finish(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    munmap((void *)(uintptr_t)number, 4096);
}

static bool thread_open(struct still *still, struct still_thread *thread, pid_t child,
                        bool has_schedstat)
{
    if (!still_open(still, thread, child))
        return false;
    if (!has_schedstat && thread->schedstat >= 0) {
        close(thread->schedstat);
        thread->schedstat = -1;
    }
    return true;
}

START_TEST(never_believes_one_that_ran)
{
    struct still still;
    struct still_thread thread;
    cpu_set_t before, after;
    unsigned n_held = 0, n_moved = 0;
    ck_assert_int_eq(sched_getaffinity(0, sizeof before, &before), 0);
    const pid_t child = start(cases[_i].work);
    still_init(&still, child);
    ck_assert(thread_open(&still, &thread, child, cases[_i].has_schedstat));
    for (unsigned i = 0;
         i < PATIENCE && (i < LOOKS || n_held == 0 || (cases[_i].moves && !n_moved)); i++) {
        if (still_look(&still, &thread) != STILL_OFF)
            continue;
        const uint64_t was = *number;
        if (i % 3 == 1)
            usleep(i % 100 * 10); /* it may run now */
        const uint64_t is = *number;
        if (still_holds(&still, &thread)) {
            n_held++;
            ck_assert_msg(was == is, "it counted from %llu to %llu in look %u", (long long)was,
                          (long long)is, i);
        }
        n_moved += was != is;
    }
    ck_assert_uint_gt(n_held, 0);
    ck_assert(!cases[_i].moves || n_moved > 0);
    still_close(&thread);
    still_release(&still);
    ck_assert_int_eq(sched_getaffinity(0, sizeof after, &after), 0);
    ck_assert(CPU_EQUAL(&before, &after));
    finish(child);
}
END_TEST

START_TEST(what_it_does)
{
    struct still still;
    struct still_thread thread;
    const pid_t child = start(sleeps);
    still_init(&still, child);
    ck_assert(still_open(&still, &thread, child));
    enum still_seen seen = STILL_ON;
    for (unsigned i = 0; i < PATIENCE && (seen != STILL_OFF || thread.call.is_runnable); i++) {
        seen = still_look(&still, &thread);
        usleep(100);
    }
    ck_assert(thread.call.is_known && thread.call.number >= 0 && thread.state == 'S');
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ck_assert_int_eq(still_look(&still, &thread), STILL_GONE);
    ck_assert(!still_holds(&still, &thread));
    still_close(&thread);
    ck_assert(!still_open(&still, &thread, child));
    still_release(&still);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("still");
    TCase *const tcase = tcase_create("all");
    tcase_add_loop_test(tcase, never_believes_one_that_ran, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tcase, what_it_does);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
