/* SPDX-License-Identifier: MIT */
/* session: the whole pyrec with fake programs; what it records, what it says, what it returns. */
#include "tests/unit/support/readback.h"
#include "tests/unit/support/run_pyrec.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct run run;
static struct readback back;

static void teardown(void)
{
    readback_free(&back);
}

static void check_says(const char *text)
{
    ck_assert_msg(strstr(run.errors, text) != NULL, "\"%s\" is not in \"%s\"", text, run.errors);
}

static void load(void)
{
    ck_assert_int_eq(readback_load(&back, run_path("TRACE")), STATUS_OK);
    ck_assert_str_eq(back.fault, "");
}

START_TEST(test_truth)
{
    ck_assert_int_eq(
        run_line(&run, "PYREC -r 1k -o TRACE -- FAKE ticks=1500 busy=9 truth=TRUTH exit=5"), 5);
    check_says("1 process, ");
    check_says(" samples, 0 ticks missed, ");
    check_says("% of a CPU");
    load();
    ck_assert(back.is_closed);
    ck_assert_int_eq(readback_compare(&back, 1, run_path("TRUTH"), false), 0);
    ck_assert_uint_eq(back.processes[1].exit_status, 5);
    ck_assert_str_eq(back.processes[1].reason, "exited");
    ck_assert_uint_eq(back.processes[0].exit_status, 5);
    ck_assert_uint_eq(back.processes[1].account_samples, back.n_rows);
}
END_TEST

START_TEST(test_quiet)
{
    ck_assert_int_eq(run_line(&run, "PYREC -qo TRACE FAKE ticks=3"), 0);
    ck_assert_str_eq(run.errors, "");
    load();
    ck_assert_uint_eq(back.n_processes, 1);
}
END_TEST

/* pyrec ends as the command did. */
START_TEST(test_signals_pass_through)
{
    ck_assert_int_eq(run_line(&run, "PYREC -o TRACE -- FAKE ticks=5 signal=15"), 1000 + SIGTERM);
    load();
    ck_assert_str_eq(back.processes[1].reason, "killed");
    ck_assert_uint_eq(back.processes[1].exit_signal, SIGTERM);
    ck_assert_int_eq(run_line(&run, "PYREC -o TRACE -- FAKE ticks=5 signal=11"), 1000 + SIGSEGV);
    ck_assert_int_eq(run_line(&run, "PYREC -o TRACE -- FAKE ticks=5 signal=9"), 1000 + SIGKILL);
}
END_TEST

/* ---- commands that cannot be recorded, or run ---- */

START_TEST(test_command_faults)
{
    ck_assert_int_eq(run_line(&run, "PYREC -o TRACE no-such-command"), 127);
    check_says("no-such-command: command not found");
    ck_assert_int_eq(run_line(&run, "PYREC -o TRACE /no/such/file"), 127);
    check_says("/no/such/file: No such file or directory");
    ck_assert_int_eq(run_line(&run, "PYREC -o TRACE /etc/passwd"), 126);
    check_says("/etc/passwd: Permission denied");
    ck_assert_int_eq(run_line(&run, "PYREC -o TRACE /etc"), 126);
    check_says("/etc: Is a directory");
    ck_assert_int_eq(run_line(&run, "PYREC --wrong"), 2);
    ck_assert_int_eq(run_line(&run, "PYREC"), 2);
    ck_assert_int_eq(access(run_path("TRACE"), F_OK), -1);
}
END_TEST

static void script_make(const char *name, const char *text)
{
    scratch_write(run_path(name), text, strlen(text));
    ck_assert_int_eq(chmod(run_path(name), 0755), 0);
}

START_TEST(test_nothing_recorded)
{
    ck_assert_int_eq(run_line(&run, "PYREC -o TRACE true"), 0);
    check_says("nothing was recorded: true is not Python, and none was seen in it");
    ck_assert_int_eq(run_line(&run, "PYREC -o TRACE false"), 1);
    ck_assert_int_eq(run_line(&run, "PYREC -o TRACE FAKE hello=no exit=3"), 3);
    script_make("TRUTH", "#!/usr/bin/env -S FOO=1 false\n");
    ck_assert_int_eq(run_line(&run, "PYREC -o TRACE TRUTH"), 1);
    check_says("nothing was recorded: false is not Python");
    script_make("TRUTH2", "exit 7\n"); /* no #!: a shell runs it */
    ck_assert_int_eq(run_line(&run, "PYREC -o TRACE TRUTH2"), 7);
    ck_assert_int_eq(run_line(&run, "PYREC -o TRACE FAKE refuse=too-old exit=4"), 4);
    check_says("nothing was recorded: fake_program: too-old");
    load();
    ck_assert_uint_eq(back.n_processes, 0);
}
END_TEST

START_TEST(test_not_loadable)
{
    char text[4096];
    struct bytes program = scratch_read("/bin/true");
    scratch_write(run_path("TRUTHsetgid"), program.at, program.len);
    ck_assert_int_eq(chown(run_path("TRUTHsetgid"), (uid_t)-1, 1) == 0 || errno == EPERM, 1);
    if (chmod(run_path("TRUTHsetgid"), 02755) == 0 && geteuid() == 0) {
        ck_assert_int_eq(run_line(&run, "PYREC -o TRACE TRUTHsetgid"), 0);
        check_says("runs with rights of its own");
    }
    /* without its PT_INTERP a program looks statically linked; that it cannot run is all the same
     */
    uint8_t *head = program.at + *(uint64_t *)(void *)(program.at + 32);
    for (int i = 0; i < program.at[56]; i++, head += 56)
        if (head[0] == 3)
            head[0] = 0;
    scratch_write(run_path("TRUTHstatic"), program.at, program.len);
    chmod(run_path("TRUTHstatic"), 0755);
    run_line(&run, "PYREC -o TRACE TRUTHstatic");
    check_says("is statically linked");
    snprintf(text, sizeof text, "%s", run_path("TRUTHother"));
    program.at[18] ^= 0x40; /* another machine: the kernel refuses it */
    scratch_write(text, program.at, program.len);
    chmod(text, 0755);
    ck_assert_int_eq(run_line(&run, "PYREC -o TRACE TRUTHother"), 126);
    bytes_free(&program);
}
END_TEST

/* ---- processes ---- */

START_TEST(test_tree)
{
    /* each is there until pyrec has seen it: how others die, is seen only then */
    ck_assert_int_eq(run_line(&run, "PYREC -r 1k -o TRACE -- FAKE child=50 ticks=30 read=yes"), 0);
    check_says("51 processes, ");
    load();
    ck_assert_uint_eq(back.n_processes, 51);
    for (uint32_t i = 1; i <= 51; i++) {
        ck_assert(back.processes[i].has_summary);
        ck_assert_uint_eq(back.processes[i].ticks, 30);
        ck_assert(back.processes[i].is_status_known);
    }
}
END_TEST

/* More processes than there are descriptors for: the others wait at the door. */
START_TEST(test_few_descriptors)
{
    const struct rlimit few = {48, 48};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    ck_assert_int_eq(run_line(&run, "PYREC -r 1k -o TRACE -- FAKE child=40 ticks=200"), 0);
    check_says("41 processes, ");
    load();
    for (uint32_t i = 1; i <= 41; i++)
        ck_assert_uint_eq(back.processes[i].ticks, 200);
}
END_TEST

/* One after the other,each gone before anybody has looked at it. */
START_TEST(test_short_lives)
{
    const char loop[] = "#!/bin/sh\nfor i in $(seq 300); do \"$1\" ticks=2; done\n";
    script_make("TRUTH", loop);
    ck_assert_int_eq(run_line(&run, "PYREC -r 10k -o TRACE -- TRUTH FAKE"), 0);
    check_says("300 processes, ");
    load();
    for (uint32_t i = 1; i <= 300; i++)
        ck_assert_uint_eq(back.processes[i].ticks, 2);
}
END_TEST

START_TEST(test_exec)
{
    char line[1024];
    snprintf(line, sizeof line,
             "PYREC -r 1k -o TRACE -- FAKE burn=200 ticks=20 then=%s ticks=30 exit=6",
             run_fake_path);
    ck_assert_int_eq(run_line(&run, line), 6);
    check_says("1 process, "); /* of two programs */
    load();
    ck_assert_uint_eq(back.processes[1].pid, back.processes[2].pid);
    ck_assert_uint_eq(back.processes[1].image, 0);
    ck_assert_uint_eq(back.processes[2].image, 1);
    ck_assert_str_eq(back.processes[1].reason, "exec");
    ck_assert_uint_ge(back.processes[1].ticks, 20);
    ck_assert_uint_eq(back.processes[2].ticks, 30);
    ck_assert_uint_ge(back.processes[1].process_cpu_ns, 200000000); /* the clock goes on, but .. */
    ck_assert_uint_lt(back.processes[2].process_cpu_ns, 150000000); /* .. exec begins a new book */
}
END_TEST

/* What follows is no Python: nobody says hello, but the file behind /proc/PID/exe is another. */
START_TEST(test_exec_away)
{
    /* it is read before it becomes another: else that is all that pyrec has ever seen there */
    run_start(&run, "PYREC -r 1k -o TRACE -- FAKE ticks=20 read=yes then=/bin/sleep 100",
              RUN_SAME_GROUP);
    pid_t pid = 0;
    while (pid == 0) { /* until it has been seen, however late that is */
        usleep(50000);
        readback_free(&back);
        if (readback_load(&back, run_path("TRACE")) == STATUS_OK && back.n_processes == 1 &&
            back.processes[1].has_summary && strcmp(back.processes[1].reason, "exec") == 0)
            pid = (pid_t)back.processes[1].pid;
    }
    ck_assert_int_eq(kill(pid, SIGTERM), 0);
    ck_assert(run_wait(&run));
    readback_free(&back);
    load();
    ck_assert_str_eq(back.processes[1].reason, "exec");
}
END_TEST

START_TEST(test_no_children)
{
    ck_assert_int_eq(run_line(&run, "PYREC --no-children -r 1k -o TRACE FAKE child=3 ticks=50"), 0);
    check_says("1 process, ");
}
END_TEST

START_TEST(test_linger)
{
    ck_assert_int_eq(run_line(&run, "PYREC -r 1k -o TRACE FAKE orphan=2 ticks=300"), 0);
    load();
    ck_assert_uint_eq(back.n_processes, 3);
    ck_assert_str_eq(back.processes[2].reason, "exited");
    readback_free(&back);
    const char late[] = "#!/bin/sh\n\"$1\" ticks=200 &\n";
    script_make("TRUTH", late); /* the shell ends before its child has said hello */
    ck_assert_int_eq(run_line(&run, "PYREC -r 1k -o TRACE TRUTH FAKE"), 0);
    load();
    ck_assert_uint_eq(back.n_processes, 1);
    ck_assert_str_eq(back.processes[1].reason, "exited");
    ck_assert_uint_eq(back.processes[1].ticks, 200);
    readback_free(&back);
    const char later[] = "#!/bin/sh\n{ \"$1\" ticks=60000 lines=read & } | head -n 1\n";
    script_make("TRUTH", later); /* the shell ends when it is being recorded */
    ck_assert_int_eq(run_line(&run, "PYREC --linger 0.2s -r 1k -o TRACE TRUTH FAKE"), 0);
    load();
    ck_assert_str_eq(back.processes[1].reason, "stopped");
    ck_assert_uint_lt(back.processes[1].ticks, 60000);
}
END_TEST

/* ---- a trace that cannot be written ---- */

START_TEST(test_unwritable)
{
    ck_assert_int_eq(run_line(&run, "PYREC -o /no/such/directory/x FAKE ticks=3 exit=8"), 8);
    check_says("cannot create /no/such/directory/x: ");
    check_says("the command runs unrecorded");
    ck_assert_int_eq(run_line(&run, "PYREC -o /proc/x FAKE ticks=3 exit=9"), 9);
}
END_TEST

START_TEST(test_disk_full)
{
    const struct rlimit small = {100000, RLIM_INFINITY};
    run_start(&run, "PYREC -r 1k -o TRACE FAKE busy=9 ticks=3000 exit=2 lines=yes", RUN_SAME_GROUP);
    run_wait_line(&run, "begun");
    ck_assert_int_eq(prlimit(run.pid, RLIMIT_FSIZE, &small, NULL), 0); /* of pyrec alone */
    ck_assert(run_wait(&run));
    ck_assert_int_eq(run_status(&run), 2);
    check_says("(no space left); recording stops, the command goes on");
    load();
    ck_assert(!back.is_closed);
    ck_assert_uint_gt(back.n_rows, 100);
}
END_TEST

START_TEST(test_file_removed)
{
    run_start(&run, "PYREC -r 1k -o TRACE FAKE ticks=2500 exit=2 lines=yes", RUN_SAME_GROUP);
    run_wait_line(&run, "begun");
    ck_assert_int_eq(unlink(run_path("TRACE")), 0);
    ck_assert(run_wait(&run));
    ck_assert_int_eq(run_status(&run), 2);
    check_says("the file was removed or replaced");
}
END_TEST

/* /dev/full takes nothing, /dev/null everything. */
START_TEST(test_devices)
{
    ck_assert_int_eq(run_line(&run, "PYREC -o /dev/full FAKE ticks=3 exit=3"), 3);
    check_says("cannot record to /dev/full");
    ck_assert_int_eq(run_line(&run, "PYREC -o /dev/null FAKE ticks=3 exit=3"), 3);
    check_says("/dev/null: ");
}
END_TEST

START_TEST(test_broken_ring)
{
    ck_assert_int_eq(run_line(&run, "PYREC -r 1k -o TRACE FAKE ticks=700 garbage=100 exit=1"), 1);
    check_says("1 recording ended early: ");
    load();
    ck_assert(strncmp(back.processes[1].reason, "broken: ", 8) == 0);
    ck_assert_uint_ge(back.processes[1].ticks, 99);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session");
    TCase *tc = tcase_create("session");
    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_test(tc, test_truth);
    tcase_add_test(tc, test_quiet);
    tcase_add_test(tc, test_signals_pass_through);
    tcase_add_test(tc, test_command_faults);
    tcase_add_test(tc, test_nothing_recorded);
    tcase_add_test(tc, test_not_loadable);
    tcase_add_test(tc, test_tree);
    tcase_add_test(tc, test_few_descriptors);
    tcase_add_test(tc, test_short_lives);
    tcase_add_test(tc, test_exec);
    tcase_add_test(tc, test_exec_away);
    tcase_add_test(tc, test_no_children);
    tcase_add_test(tc, test_linger);
    tcase_add_test(tc, test_unwritable);
    tcase_add_test(tc, test_disk_full);
    tcase_add_test(tc, test_file_removed);
    tcase_add_test(tc, test_devices);
    tcase_add_test(tc, test_broken_ring);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
