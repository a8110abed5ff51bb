/* SPDX-License-Identifier: MIT */
/* Who is ours is told as soon as it can be told. */
#include "record/collect/patrol.h"
#include "record/collect/suspect.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct collect collect;
static struct patrol patrol;
static pid_t child;
static enum procfs_has answers[4]; /* in order; the last one again and again */
static unsigned n_asked;

/* In the place of the kernel's: what is within execve() is there for too short a time. */
enum procfs_has __wrap_procfs_environment_has(pid_t pid, const char *text);
void __wrap_suspect_look(struct suspect *suspect, pid_t pid, const char *library);

enum procfs_has __wrap_procfs_environment_has(pid_t pid, const char *text)
{
    require(strcmp(text, "cookie") == 0); /* asked of every process of the machine */
    return pid == child ? answers[n_asked < 3 ? n_asked++ : 3] : PROCFS_HAS_NOT;
}

void __wrap_suspect_look(struct suspect *suspect, pid_t pid, const char *library)
{
    require(strcmp(library, "library") == 0 && pid == child);
    *suspect = (struct suspect){.is_suspect = true, .is_python = true, .reason = "reason"};
}

static void setup(void)
{
    collect = (struct collect){.emit = NULL};
    missing_init(&collect.missing);
    n_asked = 0;
    patrol_init(&patrol, &collect, "cookie", "library");
    child = fork();
    if (child == 0) { /* no ck_assert here: it writes where Check's parent reads */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    ck_assert_int_gt(child, 0);
}

static void teardown(void)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    missing_clear(&collect.missing);
}

/* How many are missing after so many looks, each after the time that it waits for. */
static uint32_t missing_after(unsigned n_looks)
{
    uint64_t now_ns = 1;
    for (unsigned i = 0; i < n_looks; i++, now_ns += PATROL_QUIET_NS)
        patrol_look(&patrol, 0, now_ns);
    patrol_close(&patrol);
    return collect.missing.n[MISSING_PYTHON];
}

START_TEST(adopted_with_our_environment)
{
    answers[0] = answers[1] = answers[2] = answers[3] = PROCFS_HAS;
    ck_assert_uint_eq(missing_after(2), 1);
}
END_TEST

START_TEST(somebody_elses)
{
    answers[0] = answers[1] = answers[2] = answers[3] = PROCFS_HAS_NOT;
    ck_assert_uint_eq(missing_after(4), 0);
    ck_assert_uint_eq(n_asked, 1);
}
END_TEST

/* Seen first within execve(), where nothing can be read: no process has begun since, but it is
 * asked again. */
START_TEST(within_execve)
{
    answers[0] = answers[1] = answers[2] = PROCFS_IN_EXEC;
    answers[3] = _i == 0 ? PROCFS_HAS : PROCFS_HAS_NOT;
    ck_assert_uint_eq(missing_after(6), _i == 0);
}
END_TEST

/* One that never has words or environment looks the same, and is left alone after a while. */
START_TEST(within_execve_for_ever)
{
    answers[0] = answers[1] = answers[2] = answers[3] = PROCFS_IN_EXEC;
    ck_assert_uint_eq(missing_after(20), 0);
    ck_assert_uint_eq(patrol.n_open, 0);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("patrol");
    TCase *const tests = tcase_create("patrol");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, adopted_with_our_environment);
    tcase_add_test(tests, somebody_elses);
    tcase_add_loop_test(tests, within_execve, 0, 2);
    tcase_add_test(tests, within_execve_for_ever);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
