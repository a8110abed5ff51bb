/* SPDX-License-Identifier: MIT */
/* Why a process is not looked into, or attached to: of real processes. */
#include "record/base/clocks.h"
#include "record/kernel/below.h"
#include "record/kernel/procfs.h"
#include "record/regard/regard.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534u

/* ---- of processes ---- */

/* Attaching is for x86-64: elsewhere that is said of what could be attached to, and before all that
 * would be wrong with it. */
#if defined(__x86_64__)
#define HERE(reason) (reason)
#else
#define HERE(reason) REASON_MACHINE
#endif

struct program {
    pid_t pid;
    int in, out;
};

/* Runs `path` until program_end; returns when it says "up". `user`: whose it becomes. */
static struct program program_start(const char *path, const char *how, uid_t user)
{
    struct program program;
    int in[2], out[2];
    char up[3];
    ck_assert(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    program.pid = fork();
    if (program.pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        if (user != 0 && (setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0))
            _exit(1);
        execl(path, path, how, NULL);
        _exit(1);
    }
    close(in[0]);
    close(out[1]);
    program.in = in[1];
    program.out = out[0];
    if (how != NULL)
        ck_assert_int_eq(read(program.out, up, 3), 3);
    return program;
}

static void program_end(const struct program *program)
{
    kill(program->pid, SIGKILL);
    waitpid(program->pid, NULL, 0);
    close(program->in);
    close(program->out);
}

static enum reason reason_of(pid_t pid, unsigned how)
{
    struct regard regard;
    regard_open(&regard, pid, how);
    const enum reason reason = regard.not_to_attach;
    regard_close(&regard);
    return reason;
}

static enum reason reason_like(const char *path, const char *how)
{
    const struct program program = program_start(path, how, 0);
    const enum reason reason = reason_of(program.pid, REGARD_LOCK);
    program_end(&program);
    return reason;
}

static void copy_make(const char *to, mode_t mode)
{
    const struct bytes bytes = scratch_read(LIKE_PYTHON);
    scratch_write(to, bytes.at, bytes.len);
    ck_assert_int_eq(chmod(to, mode), 0);
    struct bytes mine = bytes;
    bytes_free(&mine);
}

START_TEST(test_a_python)
{
    struct regard regard;
    char version[32];
    const struct program program = program_start(LIKE_PYTHON, "", 0);
    regard_open(&regard, program.pid, REGARD_LOCK);
    ck_assert_int_eq(regard.not_to_look, REASON_NONE);
    ck_assert_int_eq(regard.not_to_attach, HERE(REASON_NONE));
    ck_assert_int_eq(regard.facts.libc, LIBC_GLIBC);
    ck_assert_uint_eq(regard.facts.user, getuid());
    ck_assert_uint_ne(regard.start, 0);
    ck_assert(regard_is_same(&regard));
    python_version_text(regard.python.interp.hexversion, version, sizeof version);
    ck_assert_str_eq(version, "3.11.2");
    ck_assert_int_eq(reason_of(program.pid, REGARD_LOCK), HERE(REASON_LOCKED));
    ck_assert_int_eq(reason_of(program.pid, 0), HERE(REASON_NONE));
    regard_close(&regard);
    ck_assert_int_eq(reason_of(program.pid, REGARD_LOCK), HERE(REASON_NONE));
    kill(program.pid, SIGSTOP);
    waitpid(program.pid, NULL, WUNTRACED);
    ck_assert_int_eq(reason_of(program.pid, 0), HERE(REASON_STOPPED));
    kill(program.pid, SIGCONT);
    ck_assert_int_eq(ptrace(PTRACE_SEIZE, program.pid, NULL, NULL), 0);
    ck_assert_int_eq(reason_of(program.pid, 0), HERE(REASON_TRACED));
    program_end(&program);
    ck_assert_int_eq(reason_of(program.pid, 0), REASON_ABSENT);
}
END_TEST

START_TEST(test_kinds)
{
    ck_assert_int_eq(reason_like(LIKE_PYTHON, "quiet"), REASON_UNSAID);
    ck_assert_int_eq(reason_like(LIKE_PYTHON, "old"), REASON_UNKNOWN);
    ck_assert_int_eq(reason_like(LIKE_PYTHON, "new"), REASON_UNKNOWN);
    const enum reason filtered = reason_like(LIKE_PYTHON, "filter");
    ck_assert(filtered == HERE(REASON_FILTERED) ||
              (geteuid() == 0 && filtered == HERE(REASON_NONE)));
    ck_assert_int_eq(reason_like(LIKE_PYTHON, "record"), HERE(REASON_RECORDED));
#ifdef LIKE_PYTHON_MUSL
    ck_assert_int_eq(reason_like(LIKE_PYTHON_MUSL, ""), HERE(REASON_MUSL));
#endif
#ifdef LIKE_PYTHON_STATIC
    ck_assert_int_eq(reason_like(LIKE_PYTHON_STATIC, ""), REASON_STATIC_UNSEEN);
#endif
}
END_TEST

/* What is no Python, but for its name. */
static void wait_for_exec(pid_t pid, const char *name)
{
    char comm[PROCFS_COMM_MAX] = "";
    for (int i = 0; i < 5000 && strcmp(comm, name) != 0; i++, usleep(1000))
        (void)procfs_comm(pid, pid, comm);
    ck_assert_str_eq(comm, name);
}

START_TEST(test_no_python)
{
    static const char *const names[] = {"sleeper", "python3.11", "pypy3"};
    static const enum reason reasons[] = {REASON_NO_PYTHON, REASON_NAMELESS, REASON_PYPY};
    const struct bytes cat = scratch_read("/bin/cat");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *const path = scratch_path(names[i]);
        scratch_write(path, cat.at, cat.len);
        ck_assert_int_eq(chmod(path, 0755), 0);
        const struct program program = program_start(path, NULL, 0);
        wait_for_exec(program.pid, names[i]);
        ck_assert_int_eq(reason_of(program.pid, 0), reasons[i]);
        program_end(&program);
    }
    struct bytes mine = cat;
    bytes_free(&mine);
}
END_TEST

/* What posix_spawn() has started is in the middle of exec(): its loader is not mapped yet. */
START_TEST(test_just_executed)
{
    static char *const argv[] = {"sleep", "60", NULL};
    for (int i = 0; i < 300; i++) {
        struct regard regard;
        pid_t pid;
        ck_assert_int_eq(posix_spawnp(&pid, "sleep", NULL, NULL, argv, NULL), 0);
        regard_open(&regard, pid, 0);
        const enum reason why = regard.not_to_look;
        regard_close(&regard);
        kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        ck_assert_str_eq(reason_mark(why), "no Python");
    }
}
END_TEST

/* The loader is there, and what it has yet to map, or to set right, is the Python. Where the
 * machine is so slow that it is not waited for to the end, nothing is said. */
START_TEST(test_just_loading)
{
    static char *const argv[] = {LIKE_PYTHON_SHARED, NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_eq(posix_spawn_file_actions_init(&actions), 0);
    ck_assert_int_eq(posix_spawn_file_actions_adddup2(&actions, ends[0], 0), 0);
    ck_assert_int_eq(posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0), 0);
    for (int i = 0; i < 300; i++) {
        struct regard regard;
        pid_t pid;
        ck_assert_int_eq(posix_spawn(&pid, argv[0], &actions, NULL, argv, NULL), 0);
        usleep((useconds_t)(i % 30) * 20);
        const uint64_t begin_ns = clocks_mono_ns();
        regard_open(&regard, pid, 0);
        const bool was_waited_for = clocks_mono_ns() - begin_ns < REGARD_LOADING_NS;
        const enum reason why = regard.not_to_look;
        regard_close(&regard);
        kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        ck_assert(!was_waited_for || strcmp(reason_mark(why), "yes") == 0);
    }
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static pid_t napping_child(useconds_t us)
{
    const pid_t pid = fork();
    if (pid == 0)
        _exit(usleep(us));
    return pid;
}

/* A shell's child, say, before it executes a Python: who asks about it by its number has that. */
START_TEST(test_not_yet_executed)
{
    struct regard regard;
    int ends[2]; /* it reads, and its "up" stays in it */
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        dup2(ends[0], 0);
        close(1);
        usleep(100000); /* in which it is seen as it is */
        execl(LIKE_PYTHON, LIKE_PYTHON, "", NULL);
        _exit(1);
    }
    ck_assert_int_eq(reason_of(pid, 0), REASON_NO_PYTHON);
    regard_open(&regard, pid, REGARD_LOCK | REGARD_AWAIT);
    ck_assert_str_eq(reason_mark(regard.not_to_attach), reason_mark(HERE(REASON_NONE)));
    regard_close(&regard);
    close(ends[0]);
    close(ends[1]);
    waitpid(pid, NULL, 0);
}
END_TEST

/* What does not become one is said to be none; but not what ends meanwhile. */
START_TEST(test_never_executed)
{
    const uint64_t begin = below_now();
    const pid_t lasts = napping_child(60000000), ends = napping_child(100000);
    ck_assert_int_eq(reason_of(ends, REGARD_AWAIT), REASON_ZOMBIE);
    ck_assert_int_eq(reason_of(lasts, REGARD_AWAIT), REASON_NO_PYTHON);
    ck_assert_uint_ge(below_now() - begin, REGARD_AWAIT_S * (uint64_t)sysconf(_SC_CLK_TCK));
    kill(lasts, SIGKILL);
    waitpid(lasts, NULL, 0);
    waitpid(ends, NULL, 0);
}
END_TEST

START_TEST(test_a_vfork_child)
{
    char children[32] = "";
    const struct program program = program_start(LIKE_PYTHON, "vfork", 0);
    ck_assert_int_gt(procfs_read(children, sizeof children, "/proc/%d/task/%d/children",
                                 program.pid, program.pid),
                     0);
    const pid_t child = atoi(children);
    ck_assert_int_eq(reason_of(child, 0), HERE(REASON_VFORK));
    ck_assert_int_eq(reason_of(program.pid, 0), HERE(REASON_NONE));
    kill(child, SIGKILL);
    program_end(&program);
}
END_TEST

START_TEST(test_what_is_none)
{
    char comm[PROCFS_COMM_MAX] = "";
    ck_assert_int_eq(reason_of(4194304, REGARD_LOCK),
                     REASON_ABSENT); /* the kernel gives no such number */
    ck_assert_int_eq(reason_of(scratch_named_thread("a thread"), REGARD_LOCK), REASON_THREAD);
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    siginfo_t ended;
    ck_assert_int_eq(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0);
    ck_assert_int_eq(reason_of(child, REGARD_LOCK), REASON_ZOMBIE);
    waitpid(child, NULL, 0);
    if (procfs_comm(2, 2, comm) && strcmp(comm, "kthreadd") == 0)
        ck_assert_int_eq(reason_of(2, REGARD_LOCK), REASON_KERNEL);
}
END_TEST

#ifdef __x86_64__
/* pause() for ever */
START_TEST(test_a_32_bit_program)
{
    static const unsigned char code[] = {0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7};
    struct {
        unsigned char ident[16];
        uint16_t type, machine;
        uint32_t version, entry, headers, sections, flags;
        uint16_t size, header_size, n_headers, section_size, n_sections, names;
        uint32_t kind, offset, at, physical, in_file, in_memory, rights, align;
        unsigned char code[sizeof code];
    } __attribute__((packed)) file = {.ident = {0x7f, 'E', 'L', 'F', 1, 1, 1},
                                      .type = 2,
                                      .machine = 3,
                                      .version = 1,
                                      .entry = 0x08048000 + 84,
                                      .headers = 52,
                                      .size = 52,
                                      .header_size = 32,
                                      .n_headers = 1,
                                      .section_size = 40,
                                      .kind = 1,
                                      .at = 0x08048000,
                                      .physical = 0x08048000,
                                      .in_file = 84 + sizeof code,
                                      .in_memory = 84 + sizeof code,
                                      .rights = 5,
                                      .align = 4096};
    memcpy(file.code, code, sizeof code);
    const char *const path = scratch_path("small");
    scratch_write(path, &file, sizeof file);
    ck_assert_int_eq(chmod(path, 0755), 0);
    const struct program program = program_start(path, NULL, 0);
    char comm[PROCFS_COMM_MAX] = "";
    for (int i = 0; i < 5000 && strcmp(comm, "small") != 0 && kill(program.pid, 0) == 0 &&
                    waitpid(program.pid, NULL, WNOHANG) == 0;
         i++, usleep(1000))
        (void)procfs_comm(program.pid, program.pid, comm);
    if (strcmp(comm, "small") == 0) /* else none runs here */
        ck_assert_int_eq(reason_of(program.pid, 0), REASON_FOREIGN);
    program_end(&program);
}
END_TEST
#endif

/* ---- of others ---- */

enum way { AS_NOBODY, IN_NAMESPACE, UNDER_FILTER };

static bool become(enum way way)
{
    struct sock_filter none[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {ARRAY_LEN(none), none};
    switch (way) {
    case AS_NOBODY:
        return setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0;
    case IN_NAMESPACE:
        return unshare(CLONE_NEWUSER) == 0;
    case UNDER_FILTER:
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
               prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
    }
    return false;
}

/* What somebody else finds; -1: nobody can become that here. */
static int reason_seen(enum way way, pid_t pid)
{
    int status;
    const pid_t child = fork();
    if (child == 0)
        _exit(become(way) ? (int)reason_of(pid, REGARD_LOCK) : 255);
    waitpid(child, &status, 0);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status) == 255 ? -1 : WEXITSTATUS(status);
}

START_TEST(test_rights)
{
    const struct program ours = program_start(LIKE_PYTHON, "", 0);
    const int filtered = reason_seen(UNDER_FILTER, ours.pid);
    const int inside = reason_seen(IN_NAMESPACE, ours.pid);
    ck_assert(filtered == -1 || filtered == REASON_OUR_FILTER);
    ck_assert(inside == -1 || inside == REASON_OUR_NAMESPACE);
    if (geteuid() == 0 && procfs_yama_scope() == 0) {
        const struct program theirs = program_start(LIKE_PYTHON, "", NOBODY);
        ck_assert_int_eq(reason_seen(AS_NOBODY, ours.pid), REASON_OTHER_USER);
        ck_assert_int_eq(reason_seen(AS_NOBODY, theirs.pid), HERE(REASON_NONE));
        ck_assert_int_eq(reason_of(theirs.pid, REGARD_LOCK), HERE(REASON_NONE));
        program_end(&theirs);
    }
    program_end(&ours);
}
END_TEST

static void wait_for_user(pid_t pid)
{
    uid_t user = 0;
    for (int i = 0; i < 5000 && user != NOBODY; i++, usleep(1000))
        ck_assert(procfs_user(pid, &user));
}

START_TEST(test_rights_of_its_own)
{
    if (geteuid() != 0)
        return;
    const pid_t changed = fork(); /* of another user since it runs: not dumpable */
    if (changed == 0) {
        (void)become(AS_NOBODY);
        for (;;)
            pause();
    }
    wait_for_user(changed);
    ck_assert_int_eq(reason_seen(AS_NOBODY, changed), REASON_CHANGED);
    kill(changed, SIGKILL);
    waitpid(changed, NULL, 0);
    char path[256], folder[256];
    snprintf(path, sizeof path, "%s", scratch_path("root's"));
    snprintf(folder, sizeof folder, "%s", path);
    copy_make(path, 04755);
    *strrchr(folder, '/') = '\0';
    ck_assert_int_eq(chmod(folder, 0711), 0);
    const struct program secure = program_start(path, "", NOBODY);
    ck_assert_int_eq(reason_of(secure.pid, REGARD_LOCK), HERE(REASON_SECURE));
    program_end(&secure);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("regard");
    TCase *tc = tcase_create("regard");
    signal(SIGPIPE, SIG_IGN);
    tcase_add_test(tc, test_a_python);
    tcase_add_test(tc, test_kinds);
    tcase_add_test(tc, test_no_python);
    tcase_add_test(tc, test_just_executed);
    tcase_add_test(tc, test_just_loading);
    tcase_add_test(tc, test_not_yet_executed);
    tcase_add_test(tc, test_never_executed);
    tcase_add_test(tc, test_a_vfork_child);
    tcase_add_test(tc, test_what_is_none);
#ifdef __x86_64__
    tcase_add_test(tc, test_a_32_bit_program);
#endif
    tcase_add_test(tc, test_rights);
    tcase_add_test(tc, test_rights_of_its_own);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
