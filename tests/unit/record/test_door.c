/* SPDX-License-Identifier: MIT */
/* door, reach, notice, missing: how agents find pyrec, whom they do not talk to, what they leave. */
#include "record/agent/channel/notice.h"
#include "record/agent/channel/reach.h"
#include "record/collect/door.h"
#include "record/decode/missing.h"
#include "record/kernel/procfs.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RANDOM "0123456789abcdef0123456789abcdef"
#define NOBODY 65534

static struct door door;
static struct link_settings settings;
static struct missing missing;
static char base[256];

/* What an agent of this very process would be told. */
static void settings_fill(void)
{
    struct procfs_stat self;
    ck_assert(procfs_stat_read(getpid(), &self));
    settings = (struct link_settings){.pyrec_pid = getpid(), .pyrec_start = self.start};
    snprintf(settings.socket_name, sizeof settings.socket_name, "%s", door.name);
    snprintf(settings.directory, sizeof settings.directory, "%s", door.directory);
    memcpy(settings.cookie, RANDOM, sizeof settings.cookie);
}

static void setup(void)
{
    struct problem why;
    char random[33];
    snprintf(base, sizeof base, "%s", scratch_path("."));
    base[strlen(base) - 2] = '\0';
    ck_assert_int_eq(chmod(base, 0755), 0);
    snprintf(random, sizeof random, "%032d", (int)getpid());
    ck_assert_int_eq(door_open(&door, random, base, &why), STATUS_OK);
    settings_fill();
    missing_init(&missing);
}

static void teardown(void)
{
    door_close(&door);
    missing_clear(&missing);
}

static mode_t mode_of(const char *path)
{
    struct stat is;
    ck_assert_int_eq(lstat(path, &is), 0);
    ck_assert_uint_eq(is.st_uid, geteuid());
    return is.st_mode;
}

static const char *inside(const char *name)
{
    static char path[WIRE_DIRECTORY_MAX + 16];
    snprintf(path, sizeof path, "%s/%s", settings.directory, name);
    return path;
}

/* ---- door ---- */

START_TEST(files_and_their_modes)
{
    ck_assert_uint_eq(mode_of(door.directory), S_IFDIR | 0711);
    ck_assert_uint_eq(mode_of(inside(WIRE_SOCKET)), S_IFSOCK | 0666);
    ck_assert_uint_eq(mode_of(inside(WIRE_BOARD)), S_IFIFO | 0622);
    door_close(&door);
    ck_assert_int_eq(access(settings.directory, F_OK), -1);
    ck_assert_int_eq(rmdir(base), 0); /* nothing is left in it */
}
END_TEST

/* Where somebody else could put another directory in the place of ours, there is none. */
START_TEST(places_that_are_not_safe)
{
    char comma[400], far[400];
    struct problem why;
    const struct {
        const char *path;
        mode_t mode;
        bool is_good;
    } places[] = {{base, 0777, false}, {base, 01777, true},    {base, 0775, false},
                  {base, 0755, true},  {"no/root", 0, false},  {"/no/such/place", 0, false},
                  {comma, 0, false},   {"/dev/null", 0, false}, {far, 0, false}};
    snprintf(comma, sizeof comma, "%s/a,b", base);
    snprintf(far, sizeof far, "%s/%060d", base, 0);
    mkdir(comma, 0700);
    mkdir(far, 0700);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct door other;
        if (places[i].mode != 0)
            ck_assert_int_eq(chmod(base, places[i].mode), 0);
        ck_assert_int_eq(door_open(&other, &RANDOM[i], places[i].path, &why), STATUS_OK);
        ck_assert_msg((other.directory[0] != '\0') == places[i].is_good, "%s", places[i].path);
        ck_assert_int_ge(other.listening[DOOR_ABSTRACT], 0);
        ck_assert_int_eq(other.board >= 0, places[i].is_good);
        door_close(&other);
    }
    rmdir(comma);
    rmdir(far);
}
END_TEST

/* A pyrec that was killed: its directory's name. */
static void leave_behind(char directory[WIRE_DIRECTORY_MAX], int age_s)
{
    int ends[2], status;
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        struct door other;
        struct problem why;
        if (door_open(&other, RANDOM, base, &why) != STATUS_OK ||
            write(ends[1], other.directory, sizeof other.directory) < 0)
            _exit(1);
        raise(SIGKILL);
    }
    ck_assert_int_eq(read(ends[0], directory, WIRE_DIRECTORY_MAX), WIRE_DIRECTORY_MAX);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    close(ends[0]);
    close(ends[1]);
    const struct timespec old[2] = {{time(NULL) - age_s, 0}, {time(NULL) - age_s, 0}};
    ck_assert_int_eq(utimensat(AT_FDCWD, directory, old, 0), 0);
}

START_TEST(left_behind_by_the_killed)
{
    char stale[WIRE_DIRECTORY_MAX], young[WIRE_DIRECTORY_MAX];
    struct door other;
    struct problem why;
    const struct timespec old[2] = {{time(NULL) - 1000, 0}, {time(NULL) - 1000, 0}};
    leave_behind(young, 0);
    leave_behind(stale, 1000);
    ck_assert_int_eq(access(stale, F_OK), 0);
    ck_assert_int_eq(utimensat(AT_FDCWD, door.directory, old, 0), 0); /* old, but it listens */
    ck_assert_int_eq(door_open(&other, RANDOM, base, &why), STATUS_OK);
    ck_assert_int_eq(access(stale, F_OK), -1);
    ck_assert_int_eq(access(young, F_OK), 0);
    ck_assert_int_eq(access(door.directory, F_OK), 0);
    door_close(&other);
}
END_TEST

/* ---- reach ---- */

static enum wire_missing reach(int *error)
{
    struct reach_failure failure;
    int32_t peer = -1;
    const int fd = reach_connect(&settings, &peer, &failure);
    ck_assert_int_eq(fd >= 0, failure.reason == WIRE_MISSING_NONE);
    if (fd >= 0) {
        ck_assert_int_eq(peer, settings.pyrec_pid);
        close(fd);
    }
    if (error != NULL)
        *error = failure.error;
    return failure.reason;
}

START_TEST(every_way)
{
    int error;
    ck_assert_int_eq(reach(NULL), WIRE_MISSING_NONE);
    settings.socket_name[0] = '\0'; /* by the path alone .. */
    ck_assert_int_eq(reach(NULL), WIRE_MISSING_NONE);
    settings_fill();
    settings.directory[0] = '\0'; /* .. or by the abstract name alone */
    ck_assert_int_eq(reach(NULL), WIRE_MISSING_NONE);
    settings.socket_name[0] = '\0';
    ck_assert_int_eq(reach(NULL), WIRE_MISSING_DOOR);
    settings_fill();
    door_close(&door);
    ck_assert_int_eq(reach(&error), WIRE_MISSING_DOOR);
    ck_assert_int_eq(error, ENOENT);
}
END_TEST

/* How a child with other namespaces or another user fares; 99: it may not have them. */
static int reach_elsewhere(int namespaces, uid_t user)
{
    int status;
    const pid_t pid = fork();
    if (pid == 0) {
        struct reach_failure failure;
        int32_t peer;
        if ((namespaces != 0 && unshare(namespaces) != 0) ||
            (user != 0 && setresuid(user, user, user) != 0))
            _exit(99);
        (void)reach_connect(&settings, &peer, &failure);
        notice_leave(&settings, NOTICE_PYTHON, WIRE_MISSING_MEMFD, EPERM, "/somewhere/python3");
        _exit((int)failure.reason);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(from_elsewhere)
{
    const int namespaces[] = {0, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWUSER,
                              CLONE_NEWUSER | CLONE_NEWNET};
    uint32_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
        const int found = reach_elsewhere(namespaces[i], 0);
        if (found == 99)
            continue;
        ck_assert_int_eq(found, WIRE_MISSING_NONE);
        n++;
    }
    if (geteuid() == 0) { /* a program of root's may become anybody */
        ck_assert_int_eq(reach_elsewhere(0, NOBODY), WIRE_MISSING_NONE);
        ck_assert_int_eq(reach_elsewhere(CLONE_NEWNET, NOBODY), WIRE_MISSING_NONE);
        n += 2;
    }
    missing_take_notices(&missing, door.board, RANDOM);
    /* who is nobody in a user namespace does not see whose the board is, and says nothing */
    ck_assert_uint_ge(missing.n[MISSING_PYTHON], 1);
    ck_assert_uint_le(missing.n[MISSING_PYTHON], n);
    ck_assert_uint_eq(missing.n_strangers, 0);
    ck_assert_str_eq(missing.rows[0].name, "python3");
    ck_assert_str_eq(missing.rows[0].reason, "memfd_create() failed: Operation not permitted");
}
END_TEST

/*
 * pyrec is dead, and another user has taken its socket's name, which everybody could see. The
 * squatter's exit status: how many bytes it was given.
 */
static pid_t squat(const char *name)
{
    int ends[2];
    char byte = 0;
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char heard[256];
        memcpy(address.sun_path + 1, name, strlen(name));
        const socklen_t len =
            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
        const int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        if ((geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0) ||
            bind(fd, (const struct sockaddr *)&address, len) != 0 || listen(fd, 9) != 0 ||
            write(ends[1], &byte, 1) != 1)
            _exit(255);
        const ssize_t n = recv(accept(fd, NULL, NULL), heard, sizeof heard, 0);
        _exit(n > 0 ? (int)n : 0);
    }
    close(ends[1]);
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return pid;
}

START_TEST(somebody_else_listens)
{
    int status;
    door_close(&door);
    const pid_t squatter = squat(settings.socket_name);
    ck_assert_int_eq(reach(NULL), WIRE_MISSING_STRANGER);
    ck_assert_int_eq(waitpid(squatter, &status, 0), squatter);
    ck_assert_int_eq(status, 0); /* it was told nothing */
}
END_TEST

/* The kernel's word for who listens, against what the agent was told. */
START_TEST(who_is_pyrec)
{
    const uid_t other = geteuid() + 1;
    const struct ucred self = {getpid(), geteuid(), 0}, outside = {0, geteuid(), 0};
    const struct ucred unmapped = {0, NOBODY, 0}, stranger = {0, other, 0};
    const struct ucred parent = {getppid(), geteuid(), 0}, disguised = {getpid(), other, 0};
    ck_assert(reach_is_pyrec(&settings, &self));
    ck_assert(reach_is_pyrec(&settings, &outside));
    ck_assert(!reach_is_pyrec(&settings, &unmapped));
    ck_assert(!reach_is_pyrec(&settings, &stranger));
    ck_assert(!reach_is_pyrec(&settings, &parent));
    ck_assert(!reach_is_pyrec(&settings, &disguised));
    settings.pyrec_start++; /* the number was given to another process */
    ck_assert(!reach_is_pyrec(&settings, &self));
    settings.pyrec_start = 0;
    ck_assert(reach_is_pyrec(&settings, &self));
    ck_assert(!reach_is_pyrec(&settings, &disguised));
}
END_TEST

/* ---- the board ---- */

START_TEST(notices)
{
    char text[400];
    const char *const noise[] = {"x", "pyrec", WIRE_MAGIC, WIRE_MAGIC "and so on"};
    const int board = reach_board(&settings);
    ck_assert_int_ge(board, 0);
    notice_leave(&settings, NOTICE_PYTHON, WIRE_MISSING_THREAD, EAGAIN, NULL);
    notice_leave(&settings, NOTICE_PYTHON, WIRE_MISSING_DOOR, ENOENT, NULL); /* the same process */
    for (size_t i = 0; i < ARRAY_LEN(noise); i++) {
        ck_assert_int_gt(write(board, noise[i], strlen(noise[i])), 0);
        notice_leave(&settings, NOTICE_PROGRAM, WIRE_MISSING_DOOR, 0, "/bin/x");
        missing_take_notices(&missing, door.board, RANDOM);
        ck_assert_uint_eq(missing.n[MISSING_PROGRAM], i + 1);
    }
    ck_assert_uint_eq(missing.n[MISSING_PYTHON], 1);
    settings.cookie[31] ^= 1;
    notice_leave(&settings, NOTICE_PROGRAM, WIRE_MISSING_DOOR, 0, "x");
    missing_take_notices(&missing, door.board, RANDOM);
    ck_assert_uint_eq(missing.n[MISSING_PROGRAM], ARRAY_LEN(noise));
    ck_assert_uint_ge(missing.n_strangers, ARRAY_LEN(noise) + 1);
    missing_write(&missing, text, sizeof text);
    ck_assert_str_eq(text, "1 Python process not recorded: no thread for the recorder: Resource "
                           "temporarily unavailable (1); 4 programs not recorded, not known "
                           "whether Python: pyrec cannot be reached (4)");
    close(board);
}
END_TEST

/* More than the board holds is lost, and nobody waits. */
START_TEST(full_board)
{
    for (int i = 0; i < 3000; i++)
        notice_leave(&settings, NOTICE_PROGRAM, WIRE_MISSING_DOOR, 0, "x");
    missing_take_notices(&missing, door.board, RANDOM);
    ck_assert_uint_gt(missing.n[MISSING_PROGRAM], 100);
    ck_assert_uint_lt(missing.n[MISSING_PROGRAM], 3000);
    ck_assert_uint_eq(missing.n_strangers, 0);
}
END_TEST

/* A board that somebody else has put there is not written to. */
START_TEST(board_of_another)
{
    if (geteuid() != 0)
        return; /* only root can make a file another's */
    ck_assert_int_eq(chown(inside(WIRE_BOARD), NOBODY, 0), 0);
    ck_assert_int_eq(reach_board(&settings), -1);
    ck_assert_int_eq(unlink(inside(WIRE_BOARD)), 0);
    ck_assert_int_eq(symlink("/dev/null", inside(WIRE_BOARD)), 0);
    ck_assert_int_eq(reach_board(&settings), -1);
}
END_TEST

static _Atomic bool is_over;

static void *reader_run(void *opaque)
{
    while (!is_over) {
        const int fd = open(opaque, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        sched_yield();
        close(fd);
    }
    return NULL;
}

/* pyrec dies while notices are written: nobody hears of a broken pipe, by signal or by errno. */
START_TEST(broken_pipe)
{
    char path[WIRE_DIRECTORY_MAX + 16];
    pthread_t reader;
    sigset_t pending;
    snprintf(path, sizeof path, "%s", inside(WIRE_BOARD));
    close(door.board);
    door.board = -1;
    ck_assert_int_eq(pthread_create(&reader, NULL, reader_run, path), 0);
    for (int i = 0; i < 20000; i++) {
        errno = E2BIG;
        notice_leave(&settings, NOTICE_PROGRAM, WIRE_MISSING_DOOR, 0, "x");
        require(errno == E2BIG);
    }
    is_over = true;
    pthread_join(reader, NULL);
    sigpending(&pending);
    ck_assert(!sigismember(&pending, SIGPIPE));
}
END_TEST

/* ---- missing ---- */

START_TEST(more_reasons_than_rows)
{
    char text[100], long_reason[400];
    memset(long_reason, 'x', sizeof long_reason - 1);
    long_reason[sizeof long_reason - 1] = '\0';
    missing_write(&missing, text, sizeof text);
    ck_assert_str_eq(text, "");
    for (int i = 0; i < 100; i++) {
        char reason[20];
        snprintf(reason, sizeof reason, "reason %d", i);
        const struct missing_who who = {i + 1, 7};
        missing_add(&missing, i % 2 ? MISSING_PYTHON : MISSING_PROGRAM, who, reason, long_reason);
        missing_add(&missing, MISSING_PYTHON, who, reason, "x");
        ck_assert(missing_knows(&missing, who));
    }
    missing_add(&missing, MISSING_PYTHON, (struct missing_who){1, 8}, long_reason, "");
    missing_add(&missing, MISSING_PYTHON, (struct missing_who){0, 0}, long_reason, "");
    missing_add(&missing, MISSING_PYTHON, (struct missing_who){0, 0}, long_reason, "");
    uint32_t n = 0;
    for (uint32_t i = 0; i < missing.n_rows; i++)
        n += missing.rows[i].n;
    ck_assert_uint_eq(n, 103);
    ck_assert_uint_eq(missing.n[MISSING_PYTHON] + missing.n[MISSING_PROGRAM], 103);
    ck_assert_uint_le(missing.n_rows, MISSING_ROWS);
    missing_write(&missing, text, sizeof text);
    ck_assert_uint_eq(strlen(text), sizeof text - 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("door");
    TCase *tc = tcase_create("door");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, files_and_their_modes);
    tcase_add_test(tc, places_that_are_not_safe);
    tcase_add_test(tc, left_behind_by_the_killed);
    tcase_add_test(tc, every_way);
    tcase_add_test(tc, from_elsewhere);
    tcase_add_test(tc, somebody_else_listens);
    tcase_add_test(tc, who_is_pyrec);
    tcase_add_test(tc, notices);
    tcase_add_test(tc, full_board);
    tcase_add_test(tc, board_of_another);
    tcase_add_test(tc, broken_pipe);
    tcase_add_test(tc, more_reasons_than_rows);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
