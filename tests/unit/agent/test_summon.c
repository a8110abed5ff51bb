/* SPDX-License-Identifier: MIT */
/* A program that is started and is nobody's child. */
#include "record/agent/summon.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t n_signals;

static void count(int signal)
{
    (void)signal;
    n_signals++;
}

/* What the program said until it closed the channel. */
static void hear(int fd, char *text, size_t size)
{
    size_t len = 0;
    for (ssize_t n; len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0;)
        len += (size_t)n;
    text[len] = '\0';
    close(fd);
}

/* Run this line of the shell's, its output in *from; what pyrec_summon() says. */
static int shell_summon(const char *line, int *from, int channel)
{
    char script[1024];
    char *const argv[] = {"sh", "-c", script, NULL};
    char *const envp[] = {"PATH=/usr/bin:/bin", "MARK=7", NULL};
    int pipe_fds[2];
    snprintf(script, sizeof script, "%s", line);
    ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
    if (channel >= 0)
        ck_assert_int_eq(dup2(pipe_fds[1], channel), channel);
    const int pid = pyrec_summon("/bin/sh", argv, envp, channel >= 0 ? channel : pipe_fds[1]);
    close(pipe_fds[1]);
    if (channel >= 0)
        close(channel);
    *from = pipe_fds[0];
    return pid;
}

static void check_no_child(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
    ck_assert_int_eq(n_signals, 0);
}

/* No SIGCHLD, no child, and of ours it has nothing but the channel and the environment given. */
START_TEST(test_nobodys_child)
{
    char text[2048], expected[64];
    sigset_t mask, after;
    int from;
    signal(SIGCHLD, count);
    signal(SIGUSR1, SIG_IGN);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    ck_assert_int_eq(dup2(2, 77), 77); /* not to be closed by an exec */
    /* by the shell itself: it blocks signals for as long as it starts another program */
    const int pid =
        shell_summon("echo $$ $MARK; pwd; cut -d' ' -f6 /proc/$$/stat; ls /proc/$$/fd; "
                     "while IFS= read -r l; do case $l in SigBlk*|SigIgn*) echo \"$l\";; esac; "
                     "done </proc/$$/status; readlink /proc/$$/fd/0; "
                     "echo error >&2",
                     &from, -1);
    check_no_child();
    ck_assert_int_gt(pid, 0);
    hear(from, text, sizeof text);
    check_no_child();
    snprintf(expected, sizeof expected, "%d 7\n/\n%d\n0\n1\n2\n", pid, pid);
    ck_assert_msg(strncmp(text, expected, strlen(expected)) == 0, "%s", text);
    ck_assert_msg(strstr(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
                               "/dev/null\nerror\n") != NULL,
                  "%s", text);
    sigprocmask(SIG_SETMASK, NULL, &after);
    ck_assert_int_eq(sigismember(&after, SIGUSR2), 1);
    ck_assert_int_eq(sigismember(&after, SIGUSR1), 0);
    ck_assert_int_eq(sigismember(&after, SIGTERM), 0);
    ck_assert_int_eq(fcntl(77, F_GETFD), 0);
}
END_TEST

/* The channel may be one of the first three, or lie where another one goes. */
START_TEST(test_channels)
{
    char text[64];
    int from;
    for (int i = 0; i < 3; i++)
        if (i != _i)
            fcntl(i, F_SETFD, FD_CLOEXEC);
    const int kept = fcntl(_i, F_DUPFD_CLOEXEC, 100);
    const int pid = shell_summon("echo out; echo error >&2; cat", &from, _i);
    dup2(kept, _i);
    ck_assert_int_gt(pid, 0);
    hear(from, text, sizeof text);
    ck_assert_str_eq(text, "out\nerror\n");
}
END_TEST

START_TEST(test_not_started)
{
    char *const argv[] = {"x", NULL};
    signal(SIGCHLD, count);
    errno = 77;
    ck_assert_int_eq(pyrec_summon("/nowhere/x", argv, argv + 1, 1), -ENOENT);
    ck_assert_int_eq(pyrec_summon("/etc/passwd", argv, argv + 1, 1), -EACCES);
    ck_assert_int_eq(pyrec_summon("/bin/sh", argv, argv + 1, 999), -EBADF);
    ck_assert_int_eq(errno, 77);
    check_no_child();
}
END_TEST

/* Who gets all orphans gets this one as well, and may reap it. */
START_TEST(test_orphans)
{
    char text[64];
    int from, status = 0;
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    const int pid = shell_summon("exit 3", &from, -1);
    hear(from, text, sizeof text);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(WEXITSTATUS(status), 3);
    check_no_child();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("summon");
    TCase *tc = tcase_create("summon");
    tcase_add_test(tc, test_nobodys_child);
    tcase_add_loop_test(tc, test_channels, 0, 3);
    tcase_add_test(tc, test_not_started);
    tcase_add_test(tc, test_orphans);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
