/* SPDX-License-Identifier: MIT */
/*
 * session under fire: signals to everybody, kill -9 at random moments, job control, and that the
 * command finds its surroundings as they were.
 */
#include "record/base/clocks.h"
#include "tests/unit/support/readback.h"
#include "tests/unit/support/run_pyrec.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct run run;
static struct readback back;
static uint64_t seed = 99;

static void teardown(void)
{
    readback_free(&back);
}

static void sleep_ms(uint64_t ms)
{
    const struct timespec time = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

static void load(void)
{
    ck_assert_int_eq(readback_load(&back, run_path("TRACE")), STATUS_OK);
    ck_assert_str_eq(back.fault, "");
}

/* The command pyrec has started; 0 when there is none (any more). */
static pid_t child_of(pid_t parent)
{
    char path[64];
    int child = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
    FILE *file = fopen(path, "r");
    if (file != NULL && fscanf(file, "%d", &child) != 1)
        child = 0;
    if (file != NULL)
        fclose(file);
    return child;
}

/* '?' when there is no such process. */
static char state_of(pid_t pid)
{
    char text[256] = "", path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    return n > 0 && strrchr(text, ')') != NULL ? strrchr(text, ')')[2] : '?';
}

static bool wait_state(pid_t pid, const char *states)
{
    for (int i = 0; i < 6000; i++) {
        if (strchr(states, state_of(pid)) != NULL)
            return true;
        sleep_ms(10);
    }
    return false;
}

static uint64_t trace_bytes(void)
{
    struct stat file;
    return stat(run_path("TRACE"), &file) == 0 ? (uint64_t)file.st_size : 0;
}

static uint64_t last_of_truth(void)
{
    char line[4096];
    unsigned long long number = 0;
    FILE *file = fopen(run_path("TRUTH"), "r");
    while (fgets(line, sizeof line, file) != NULL)
        sscanf(line, "%llu", &number);
    fclose(file);
    return number;
}

/* ---- kill -9 ---- */

START_TEST(test_kill_command)
{
    for (int round = 0; round < 25; round++) {
        run_start(&run, "PYREC -r 2k -o TRACE FAKE ticks=100000 truth=TRUTH lines=yes",
                  RUN_SAME_GROUP);
        run_wait_line(&run, "begun");
        sleep_ms(scratch_random(&seed) % 200);
        ck_assert_int_eq(kill(child_of(run.pid), SIGKILL), 0);
        ck_assert(run_wait(&run));
        ck_assert_int_eq(run_status(&run), 1000 + SIGKILL);
        load();
        ck_assert(back.is_closed);
        ck_assert_str_eq(back.processes[1].reason, "killed");
        ck_assert_int_eq(readback_compare(&back, 1, run_path("TRUTH"), true), 0);
        const uint64_t have = back.n_rows == 0 ? 0 : back.rows[back.n_rows - 1].number;
        ck_assert_uint_ge(have + 1, last_of_truth()); /* at most the tick in flight */
        readback_free(&back);
    }
}
END_TEST

/* What it has flushed is there, whenever it is killed after that. */
START_TEST(test_kill_pyrec)
{
    for (int round = 0; round < 8; round++) {
        run_start(&run, "PYREC -r 1k -o TRACE FAKE ticks=100000 truth=TRUTH lines=yes",
                  RUN_SAME_GROUP);
        run_wait_line(&run, "begun");
        const pid_t command = child_of(run.pid);
        const uint64_t before = trace_bytes();
        while (round % 2 == 0 && trace_bytes() == before)
            sleep_ms(5);
        sleep_ms(scratch_random(&seed) % 300);
        ck_assert_int_eq(kill(run.pid, SIGKILL), 0);
        ck_assert(run_wait(&run));
        /* The command never notices: it goes on with its ticks. */
        const uint64_t ticks = last_of_truth();
        while (last_of_truth() < ticks + 500)
            sleep_ms(20);
        ck_assert_int_eq(kill(command, SIGKILL), 0);
        ck_assert(wait_state(command, "?Z")); /* so that the truth is whole */
        load();
        ck_assert(!back.is_closed);
        ck_assert_int_eq(readback_compare(&back, 1, run_path("TRUTH"), true), 0);
        if (round % 2 == 0)
            ck_assert_uint_gt(back.n_rows, 0);
        readback_free(&back);
    }
}
END_TEST

/* ---- signals that are meant ---- */

static int signal_and_wait(const char *line, int signal, bool to_group)
{
    run_start(&run, line, RUN_OWN_GROUP);
    run_wait_line(&run, "begun");
    ck_assert_int_eq(kill(to_group ? -run.pid : run.pid, signal), 0);
    ck_assert(run_wait(&run));
    load();
    ck_assert(back.is_closed);
    return run_status(&run);
}

START_TEST(test_interrupt_group)
{
    static const char line[] = "PYREC -r 1k -o TRACE FAKE ticks=50000 lines=yes";
    ck_assert_int_eq(signal_and_wait(line, SIGINT, true), 1000 + SIGINT);
    ck_assert_uint_eq(back.processes[1].exit_signal, SIGINT);
    readback_free(&back);
    ck_assert_int_eq(signal_and_wait(line, SIGQUIT, true), 1000 + SIGQUIT);
}
END_TEST

/* Sent to pyrec alone: passed on. */
START_TEST(test_terminate)
{
    static const char line[] = "PYREC -r 1k -o TRACE FAKE ticks=50000 lines=yes";
    ck_assert_int_eq(signal_and_wait(line, SIGTERM, false), 1000 + SIGTERM);
    ck_assert_str_eq(back.processes[1].reason, "killed");
    readback_free(&back);
    ck_assert_int_eq(signal_and_wait(line, SIGHUP, false), 1000 + SIGHUP);
}
END_TEST

/* The command has ended, what it left behind goes on: now an interrupt is for pyrec. */
START_TEST(test_interrupt_lingering)
{
    static const char line[] = "PYREC -r 1k -o TRACE FAKE orphan=1 ticks=10000 lines=yes";
    run_start(&run, line, RUN_SAME_GROUP);
    run_wait_line(&run, "begun\nbegun\n");
    const pid_t command = child_of(run.pid);
    kill(command, SIGKILL);
    ck_assert(wait_state(command, "?")); /* buried */
    ck_assert_int_eq(kill(run.pid, SIGINT), 0);
    ck_assert(run_wait(&run));
    ck_assert_int_eq(run_status(&run), 1000 + SIGKILL);
    load();
    ck_assert_str_eq(back.processes[0].reason, "stopped");
    ck_assert_uint_eq(back.n_processes, 2);
    ck_assert_str_eq(back.processes[2].reason[0] == 's' ? back.processes[2].reason
                                                        : back.processes[1].reason,
                     "stopped");
}
END_TEST

START_TEST(test_pyrec_stopped)
{
    run_start(&run, "PYREC -r 1k -o TRACE FAKE ticks=1500 truth=TRUTH lines=yes", RUN_SAME_GROUP);
    run_wait_line(&run, "begun");
    const pid_t command = child_of(run.pid);
    kill(run.pid, SIGSTOP);
    ck_assert(wait_state(command, "Z")); /* to its end without anybody who reads */
    kill(run.pid, SIGCONT);
    ck_assert(run_wait(&run));
    load();
    ck_assert_int_eq(readback_compare(&back, 1, run_path("TRUTH"), false), 0);
}
END_TEST

/* ---- job control ---- */

/* A shell with one job, pyrec; says on `to` which process that is. */
static void shell_run(int to, const char *out)
{
    signal(SIGTTOU, SIG_IGN);
    const pid_t job = fork();
    if (job == 0) {
        setpgid(0, 0);
        tcsetpgrp(STDIN_FILENO, getpid());
        signal(SIGTTOU, SIG_DFL);
        execl(run_pyrec_path, "pyrec", "-qr", "1k", "-o", out, run_fake_path, "ticks=100000",
              "lines=yes", NULL);
        _exit(98);
    }
    const ssize_t n = write(to, &job, sizeof job);
    int status;
    while (waitpid(job, &status, 0) != job)
        ;
    _exit(n > 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

/* The terminal, the shell and the job; the job's command is up. */
static pid_t shell_start(int *terminal, pid_t *job)
{
    int ends[2];
    const char *out = run_path("TRACE"); /* the test's own, not the shell's */
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    const pid_t shell = forkpty(terminal, NULL, NULL, NULL);
    ck_assert_int_ge(shell, 0);
    if (shell == 0)
        shell_run(ends[1], out);
    ck_assert_int_eq(read(ends[0], job, sizeof *job), sizeof *job);
    char said[256] = "";
    for (size_t len = 0; strstr(said, "begun") == NULL && len < sizeof said - 1;) {
        const ssize_t n = read(*terminal, said + len, sizeof said - 1 - len);
        ck_assert_int_gt(n, 0);
        len += (size_t)n;
    }
    return shell;
}

static void shell_end(pid_t shell, pid_t job, int terminal)
{
    int status;
    kill(-job, SIGCONT);
    ck_assert_int_eq(write(terminal, "\003", 1), 1); /* Ctrl-C */
    ck_assert_int_eq(waitpid(shell, &status, 0), shell);
    ck_assert_int_eq(WEXITSTATUS(status), SIGINT);
    close(terminal);
    load();
    ck_assert(back.is_closed);
    ck_assert_uint_eq(back.n_processes, 1);
}

/* Ctrl-Z, fg, Ctrl-C. */
START_TEST(test_terminal_stop)
{
    int terminal;
    pid_t job;
    const pid_t shell = shell_start(&terminal, &job);
    ck_assert_int_eq(write(terminal, "\032", 1), 1);
    ck_assert(wait_state(job, "T"));
    ck_assert(wait_state(child_of(job), "T"));
    kill(-job, SIGCONT);
    ck_assert(wait_state(job, "SR"));
    ck_assert(wait_state(child_of(job), "SR"));
    shell_end(shell, job, terminal);
}
END_TEST

/* The command stops itself: its shell must notice, so pyrec stops; and goes on when it does. */
START_TEST(test_command_stops)
{
    int terminal;
    pid_t job;
    const pid_t shell = shell_start(&terminal, &job);
    const pid_t command = child_of(job);
    kill(command, SIGSTOP);
    ck_assert(wait_state(job, "T"));
    kill(command, SIGCONT);
    ck_assert(wait_state(job, "SR"));
    kill(command, SIGSTOP);
    ck_assert(wait_state(job, "T"));
    kill(job, SIGCONT); /* only pyrec is told: it passes it on */
    ck_assert(wait_state(command, "SR"));
    ck_assert(wait_state(job, "SR"));
    shell_end(shell, job, terminal);
}
END_TEST

/* Whether there are signals that it has not taken yet. */
static bool has_pending(pid_t pid)
{
    char path[64], line[128];
    unsigned long long pending = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "ShdPnd: %llx", &pending) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return pending != 0;
}

/* Without a shell that could wake it, pyrec does not stop. */
START_TEST(test_no_shell)
{
    run_start(&run, "PYREC -r 1k -o TRACE FAKE ticks=300 lines=yes", RUN_SAME_GROUP);
    run_wait_line(&run, "begun");
    const pid_t command = child_of(run.pid);
    kill(command, SIGSTOP);
    ck_assert(wait_state(command, "T"));
    for (int i = 0; i < 2; i++) { /* it takes what it gets, so it has looked at its child, too */
        kill(run.pid, SIGUSR1);
        while (has_pending(run.pid))
            sleep_ms(5);
    }
    ck_assert_int_ne(state_of(run.pid), 'T');
    kill(command, SIGCONT);
    ck_assert(run_wait(&run));
    load();
    ck_assert_uint_eq(back.processes[1].ticks, 300);
}
END_TEST

/* ---- surroundings ---- */

START_TEST(test_surroundings)
{
    static const char script[] = "#!/bin/sh\n"
                                 "grep -E '^(Sig[BIC]|Umask|NoNewPrivs)' /proc/self/status\n"
                                 "cut -d' ' -f5-7 /proc/self/stat\n" /* group, session, terminal */
                                 "ls /proc/self/fd\nulimit -n\nulimit -c\npwd\n"
                                 "env | grep -vE '^(LD_PRELOAD|PYREC_AGENT|_)='\n";
    struct run plain;
    sigset_t mask;
    scratch_write(run_path("TRUTH"), script, sizeof script - 1);
    ck_assert_int_eq(chmod(run_path("TRUTH"), 0755), 0);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    run_start(&plain, "TRUTH", RUN_SAME_GROUP);
    run_start(&run, "PYREC -o TRACE TRUTH", RUN_SAME_GROUP);
    signal(SIGCHLD, SIG_DFL);
    ck_assert(run_wait(&plain));
    ck_assert(run_wait(&run));
    ck_assert_uint_gt(strlen(plain.output), 300);
    ck_assert_str_eq(run.output, plain.output);
    ck_assert_int_eq(run_status(&run), 0);
}
END_TEST

/* LD_PRELOAD is cut at spaces: the library goes by a link, which is gone afterwards. */
START_TEST(test_path_with_space)
{
    char line[2048], directory[256];
    snprintf(directory, sizeof directory, "%s", run_path("TRUTH :dir"));
    ck_assert_int_eq(mkdir(directory, 0755), 0);
    snprintf(line, sizeof line, "cp '%s' '%s' '%s'", run_pyrec_path, run_library_path, directory);
    ck_assert_int_eq(system(line), 0);
    snprintf(line, sizeof line,
             "'%s/pyrec' -qo '%s' sh -c 'echo $LD_PRELOAD; cat \"$LD_PRELOAD\" >/dev/null' >'%s'",
             directory, run_path("TRACE"), run_path("TRUTH"));
    ck_assert_int_eq(system(line), 0);
    struct bytes said = scratch_read(run_path("TRUTH"));
    ck_assert_ptr_nonnull(memmem(said.at, said.len, "/pyrec-", 7));
    ck_assert_ptr_null(memchr(said.at, ' ', said.len));
    ck_assert_ptr_null(memchr(said.at, ':', said.len));
    said.at[said.len - 1] = '\0';
    ck_assert_int_eq(access((const char *)said.at, F_OK), -1);
    bytes_free(&said);
    snprintf(line, sizeof line, "rm -r '%s'", directory);
    ck_assert_int_eq(system(line), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("signals");
    TCase *tc = tcase_create("signals");
    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_test(tc, test_kill_command);
    tcase_add_test(tc, test_kill_pyrec);
    tcase_add_test(tc, test_interrupt_group);
    tcase_add_test(tc, test_terminate);
    tcase_add_test(tc, test_interrupt_lingering);
    tcase_add_test(tc, test_pyrec_stopped);
    tcase_add_test(tc, test_terminal_stop);
    tcase_add_test(tc, test_command_stops);
    tcase_add_test(tc, test_no_shell);
    tcase_add_test(tc, test_surroundings);
    tcase_add_test(tc, test_path_with_space);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
