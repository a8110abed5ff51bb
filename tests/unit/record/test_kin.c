/* SPDX-License-Identifier: MIT */
/* Who descends from whom, whatever ends meanwhile. */
#include "record/collect/kin.h"
#include "record/kernel/procfs.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kin kin;
static int says[2];

static void setup(void)
{
    kin = (struct kin){.list = NULL};
    ck_assert_int_eq(pipe(says), 0);
}

static void teardown(void)
{
    kin_clear(&kin);
    close(says[0]);
    close(says[1]);
}

static _Noreturn void stay(void)
{
    for (;;)
        pause();
}

static pid_t told(void)
{
    pid_t pid;
    ck_assert_int_eq(read(says[0], &pid, sizeof pid), sizeof pid);
    return pid;
}

/* A child, and `below` it others, each the child of the last; all stay. The last one's number. */
static pid_t line_make(unsigned below, pid_t *first)
{
    *first = fork();
    if (*first == 0) {
        while (below-- > 0 && fork() == 0)
            ;
        if (below == (unsigned)-1) {
            const pid_t self = getpid();
            (void)!write(says[1], &self, sizeof self);
        }
        stay();
    }
    return told();
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static void wait_for_parent(pid_t pid, pid_t not )
{
    struct procfs_stat is = {.parent = not };
    for (int i = 0; i < 5000 && is.parent == not ; i++, usleep(1000))
        ck_assert(procfs_stat_read(pid, &is));
    ck_assert_int_ne(is.parent, not );
}

START_TEST(test_lines)
{
    pid_t one, other;
    const pid_t deep = line_make(0, &one), far = line_make(3, &other);
    ck_assert(kin_has(&kin, getpid())); /* nobody was added */
    ck_assert(kin_add(&kin, other));
    ck_assert(kin_has(&kin, other));
    ck_assert(kin_has(&kin, far));
    ck_assert(!kin_has(&kin, one));
    ck_assert(!kin_has(&kin, deep));
    ck_assert(!kin_has(&kin, getpid()));
    ck_assert(!kin_has(&kin, getppid()));
    kin.list[0].start++; /* the number is another process's now */
    ck_assert(!kin_has(&kin, other));
    ck_assert(!kin_has(&kin, far));
    end(far);
    end(one);
    end(other);
}
END_TEST

/* Children that ended ones have left to others: to one that takes them in, or the first process. */
START_TEST(test_orphans)
{
    pid_t parent;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    const pid_t child = line_make(1, &parent);
    ck_assert(kin_add(&kin, parent));
    if (_i == 1)
        ck_assert(kin_add(&kin, child)); /* it came in before */
    end(parent);
    wait_for_parent(child, parent);
    ck_assert(kin_has(&kin, child) == (_i == 1));
    end(child);
    ck_assert(kin_has(&kin, child)); /* nobody knows any more */
}
END_TEST

START_TEST(test_left_to_the_first)
{
    pid_t parent;
    struct procfs_stat is;
    const pid_t child = line_make(1, &parent);
    ck_assert(kin_add(&kin, parent));
    end(parent);
    wait_for_parent(child, parent);
    ck_assert(procfs_stat_read(child, &is));
    if (is.parent == 1) {
        ck_assert(kin_has(&kin, child));
        kin.since = is.start + 1; /* it was there before */
        ck_assert(!kin_has(&kin, child));
    }
    kill(child, SIGKILL);
}
END_TEST

/* Gone before it was added: others are kept out all the same. */
START_TEST(test_gone)
{
    pid_t pid;
    (void)line_make(0, &pid);
    end(pid);
    ck_assert(!kin_add(&kin, pid));
    ck_assert(!kin_has(&kin, getpid()));
}
END_TEST

START_TEST(test_many)
{
    pid_t root, pid;
    (void)line_make(0, &root);
    ck_assert(kin_add(&kin, root));
    for (int i = 0; i < 1000; i++) {
        (void)line_make(0, &pid);
        ck_assert(kin_add(&kin, pid) && kin_add(&kin, pid));
        end(pid);
    }
    ck_assert_uint_le(kin.n, 256);
    ck_assert(kin_has(&kin, root));
    end(root);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kin");
    TCase *tc = tcase_create("kin");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_lines);
    tcase_add_loop_test(tc, test_orphans, 0, 2);
    tcase_add_test(tc, test_left_to_the_first);
    tcase_add_test(tc, test_gone);
    tcase_add_test(tc, test_many);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
