/* SPDX-License-Identifier: MIT */
/* hello, lobby, collect: who is let in, who is sent away, and that no descriptor is lost. */
#include "format/trace.pb-c.h"
#include "record/base/clocks.h"
#include "record/collect/lobby.h"
#include "record/run/linger.h"
#include "tests/unit/support/fake_agent.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct emit emit;
static struct hello hello;
static struct collect collect;
static struct lobby lobby;
static struct fake fake;
static int epoll_fd, fds_before;

/*
 * In the place of libc's: as the kernel answers whom the message and the end reach together,
 * between its look for the one and its look for the other. It does so once in a thousand times.
 */
static unsigned n_early_ends;

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    if (n_early_ends == 0)
        return syscall(SYS_recvmsg, fd, message, flags);
    n_early_ends--;
    message->msg_controllen = 0;
    message->msg_flags = 0;
    return 0;
}

static int fds_count(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static void setup(void)
{
    struct problem why;
    char environment[256];
    fake_open(&fake, 1, 1000000, WIRE_RING_LEN);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    ck_assert_int_eq(emit_open(&emit,
                               &(struct emit_plan){.path = scratch_path("run.trace"),
                                                   .interval_ns = 1000000,
                                                   .max_depth = 10},
                               &why),
                     STATUS_OK);
    fake.head->start_ns = fake.head->origin_ns = clocks_mono_ns();
    ck_assert_int_eq(hello_open(&hello, &why), STATUS_OK);
    collect_init(&collect, &emit, epoll_fd, false);
    ck_assert_int_eq(lobby_open(&lobby, &hello, &collect, epoll_fd, 1000, &why), STATUS_OK);
    snprintf(environment, sizeof environment, "%u,%s,%s,%d,0,%s,1000000,10,0,0,0", WIRE_VERSION,
             hello.door.name, hello.door.directory, (int)getpid(), hello.cookie);
    setenv(WIRE_ENV, environment, 1);
    fds_before = fds_count();
}

static void teardown(void)
{
    collect_clear(&collect);
    lobby_close(&lobby);
    emit_abandon(&emit);
    fake_close(&fake);
    close(epoll_fd);
}

/* A connection of our own, made by hand. */
static int connect_raw(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, hello.door.name, strlen(hello.door.name));
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    const socklen_t len =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(hello.door.name));
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, len), 0);
    return fd;
}

static void say(int fd, const void *bytes, size_t len, int n_fds)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {0};
    struct iovec iov = {(void *)(uintptr_t)bytes, len};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (n_fds > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE((size_t)n_fds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN((size_t)n_fds * sizeof(int));
        for (int i = 0; i < n_fds; i++)
            memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &fake.memfd, sizeof(int));
    }
    ck_assert_int_eq(sendmsg(fd, &message, 0), (ssize_t)len);
}

static struct wire_hello hello_good(void)
{
    struct wire_hello good = {.version = WIRE_VERSION, .pid = getpid()};
    memcpy(good.magic, WIRE_MAGIC, sizeof good.magic);
    memcpy(good.cookie, hello.cookie, sizeof good.cookie);
    return good;
}

START_TEST(test_welcome)
{
    ck_assert(fake_hello(&fake));
    lobby_let_in(&lobby, clocks_mono_ns());
    ck_assert_uint_eq(collect.n, 1);
    ck_assert_int_eq(collect.processes[0]->pid, getpid());
    ck_assert(collect_knows(&collect, getpid()));
    ck_assert_uint_eq(lobby.n, 0);
    ck_assert_int_eq(fds_count(), fds_before + 2); /* its pidfd and its connection */
    fake_step(&fake, clocks_mono_ns(), 1);
    ck_assert(collect_visit(&collect, clocks_mono_ns()));
    ck_assert_uint_eq(collect.processes[0]->stream.roster.n, 1);
    ck_assert_uint_ne(atomic_load(&fake.head->collector_beat), 0);
    collect_stop(&collect, "stopped");
    ck_assert_uint_eq(atomic_load(&fake.head->stop), 1);
    ck_assert_uint_eq(collect.total.samples, 1);
    ck_assert_uint_eq(collect.n_threads, 1);
    ck_assert_int_eq(fds_count(), fds_before);
}
END_TEST

/* Who it was turned away as: one of ours that is missing, or a stranger. */
static void check_turned_away(const void *bytes, size_t len, int n_fds, const char *says)
{
    char text[400];
    const int fd = connect_raw();
    const uint32_t n_missing = collect.missing.n[MISSING_PYTHON];
    const uint32_t n_strangers = collect.missing.n_strangers;
    say(fd, bytes, len, n_fds);
    lobby_let_in(&lobby, clocks_mono_ns());
    ck_assert_uint_eq(collect.n, 0);
    ck_assert_uint_eq(collect.missing.n[MISSING_PYTHON], n_missing + (says != NULL));
    ck_assert_uint_eq(collect.missing.n_strangers, n_strangers + (says == NULL));
    missing_write(&collect.missing, text, sizeof text);
    ck_assert_msg(says == NULL || strstr(text, says) != NULL, "%s", text);
    missing_clear(&collect.missing); /* the next one has the same number and is somebody else */
    close(fd);
    ck_assert_int_eq(fds_count(), fds_before);
}

#define STRANGER NULL

START_TEST(test_turned_away)
{
    struct wire_hello bad = hello_good();
    check_turned_away("x", 1, 0, STRANGER);
    check_turned_away("x", 1, 5, STRANGER);
    check_turned_away(&bad, sizeof bad - 1, 1, STRANGER);
    check_turned_away(&bad, sizeof bad, 0, "not one descriptor");
    check_turned_away(&bad, sizeof bad, 2, "not one descriptor");
    check_turned_away(&bad, sizeof bad, 4, "not one descriptor");
    check_turned_away(&bad, sizeof bad, 8, "descriptors used up"); /* more than there is room for */
    bad.pid = getppid();
    check_turned_away(&bad, sizeof bad, 1, "its own process number");
    bad = hello_good();
    bad.version++;
    check_turned_away(&bad, sizeof bad, 1, "another version");
    for (size_t i = 0; i < sizeof bad.cookie; i++) {
        bad = hello_good();
        bad.cookie[i] ^= 1;
        check_turned_away(&bad, sizeof bad, 1, STRANGER);
    }
    bad = hello_good();
    bad.magic[0] ^= 1;
    check_turned_away(&bad, sizeof bad, 1, STRANGER);
}
END_TEST

static struct wire_ask ask_good(uint32_t what)
{
    struct wire_ask ask = {.version = WIRE_VERSION, .what = what};
    memcpy(ask.magic, WIRE_ASK_MAGIC, sizeof ask.magic);
    memcpy(ask.cookie, hello.cookie, sizeof ask.cookie);
    return ask;
}

/* Who asks is no guest, waits until it is answered, and is missing nowhere. */
START_TEST(test_asked)
{
    struct lobby_ask taken;
    int fds[LOBBY_ASKS + 1];
    char byte;
    for (uint32_t i = 0; i <= LOBBY_ASKS; i++) {
        const struct wire_ask ask = ask_good(i + 1);
        fds[i] = connect_raw();
        say(fds[i], &ask, sizeof ask, i == 1);
    }
    lobby_let_in(&lobby, clocks_mono_ns());
    ck_assert_uint_eq(collect.n + lobby.n, 0);
    ck_assert_int_eq(recv(fds[LOBBY_ASKS], &byte, 1, 0), 0); /* one too many */
    ck_assert_int_eq(recv(fds[0], &byte, 1, MSG_DONTWAIT), -1);
    for (uint32_t i = 0; i < LOBBY_ASKS - 1; i++) {
        ck_assert(lobby_next_ask(&lobby, &taken));
        ck_assert_uint_eq(taken.what, i + 1);
        close(taken.fd);
    }
    for (uint32_t i = 0; i <= LOBBY_ASKS; i++)
        close(fds[i]);
    lobby_close(&lobby); /* the last one, too */
    ck_assert(!lobby_next_ask(&lobby, &taken));
    ck_assert_uint_eq(collect.missing.n_strangers + collect.missing.n[MISSING_PYTHON], 0);
    ck_assert_int_lt(fds_count(), fds_before); /* not the door any more, either */
}
END_TEST

START_TEST(test_asked_by_strangers)
{
    struct lobby_ask taken;
    struct wire_ask bad = ask_good(WIRE_ASK_END);
    bad.cookie[3] ^= 1;
    check_turned_away(&bad, sizeof bad, 0, STRANGER);
    bad = ask_good(WIRE_ASK_END);
    bad.version++; /* nobody is missing, and nobody strange */
    const int fd = connect_raw();
    say(fd, &bad, sizeof bad, 0);
    lobby_let_in(&lobby, clocks_mono_ns());
    close(fd);
    ck_assert_uint_eq(collect.missing.n_strangers, 1);
    ck_assert_uint_eq(collect.missing.n[MISSING_PYTHON], 0);
    ck_assert(!lobby_next_ask(&lobby, &taken));
    ck_assert_int_eq(fds_count(), fds_before);
}
END_TEST

/* Who says nothing is heard later, or hung up on. */
START_TEST(test_silent)
{
    const uint64_t now_ns = clocks_mono_ns();
    const struct wire_hello good = hello_good();
    const int slow = connect_raw(), mute = connect_raw(), gone = connect_raw();
    close(gone);
    lobby_let_in(&lobby, now_ns);
    ck_assert_uint_eq(lobby.n, 2);
    say(slow, &good, sizeof good, 1);
    lobby_hear(&lobby, lobby.callers[0].fd);
    ck_assert_uint_eq(collect.n, 1);
    ck_assert_uint_eq(lobby.n, 1);
    lobby_sweep(&lobby, now_ns + LOBBY_PATIENCE_NS);
    ck_assert_uint_eq(lobby.n, 1);
    lobby_sweep(&lobby, now_ns + LOBBY_PATIENCE_NS + 1);
    ck_assert_uint_eq(lobby.n, 0);
    close(slow);
    close(mute);
    ck_assert_int_eq(fds_count(), fds_before + 2);
    lobby_hear(&lobby, 777);
}
END_TEST

/* It says hello and hangs up in the same moment. */
START_TEST(test_brief)
{
    const struct wire_hello good = hello_good();
    const int brief = connect_raw(), bad = connect_raw();
    say(brief, &good, sizeof good, 1);
    close(brief);
    say(bad, &good, sizeof good, 0);
    close(bad);
    n_early_ends = 1;
    lobby_let_in(&lobby, clocks_mono_ns());
    ck_assert_uint_eq(n_early_ends, 0);
    ck_assert_uint_eq(collect.n, 1);
    ck_assert_uint_eq(collect.missing.n[MISSING_PYTHON], 1);
    ck_assert_uint_eq(lobby.n, 0);
    ck_assert_int_eq(fds_count(), fds_before + 2);
}
END_TEST

/* A message without anything in it is no end: the hello may follow. */
START_TEST(test_empty_message)
{
    const struct wire_hello good = hello_good();
    const int fd = connect_raw();
    say(fd, "", 0, 0);
    lobby_let_in(&lobby, clocks_mono_ns());
    ck_assert_uint_eq(lobby.n, 1);
    say(fd, &good, sizeof good, 1);
    lobby_hear(&lobby, lobby.callers[0].fd);
    ck_assert_uint_eq(collect.n, 1);
    close(fd);
    ck_assert_int_eq(fds_count(), fds_before + 2);
}
END_TEST

/* Many knock at once: as many as there is room for come in, the others wait at the door. */
START_TEST(test_crowd)
{
    enum { CROWD = LOBBY_MAX + 40 };
    int fds[CROWD];
    for (int i = 0; i < CROWD; i++)
        fds[i] = connect_raw();
    lobby_let_in(&lobby, 1);
    ck_assert(lobby.is_shut);
    ck_assert_uint_eq(lobby.n, LOBBY_MAX);
    lobby_let_in(&lobby, 1);
    ck_assert_uint_eq(lobby.n, LOBBY_MAX);
    lobby_sweep(&lobby, 2);
    ck_assert(lobby.is_shut);
    lobby_sweep(&lobby, 2 + LOBBY_PATIENCE_NS);
    ck_assert(!lobby.is_shut);
    lobby_let_in(&lobby, 3);
    ck_assert_uint_eq(lobby.n, 40);
    for (int i = 0; i < CROWD; i++)
        close(fds[i]);
    lobby.max_fds = LOBBY_RESERVED_FDS + LOBBY_CALLER_FDS * (40 + 1) - 1; /* one is missing */
    ck_assert(fake_hello(&fake));
    lobby_let_in(&lobby, 3);
    ck_assert(lobby.is_shut);
    ck_assert_uint_eq(collect.n, 0);
}
END_TEST

/* Another user keeps the lobby full of connections that say nothing: ours come in all the same. */
START_TEST(test_strangers)
{
    enum { MANY = LOBBY_MAX + 50 };
    int ready[2], go[2], status;
    char byte = 0;
    if (geteuid() != 0)
        return; /* only root can become somebody else */
    ck_assert_int_eq(pipe(ready) + pipe(go), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        if (setresuid(65534, 65534, 65534) != 0)
            _exit(1);
        for (int i = 0; i < MANY; i++)
            connect_raw();
        _exit(write(ready[1], &byte, 1) == 1 && read(go[0], &byte, 1) == 1 ? 0 : 1);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    lobby_let_in(&lobby, 1);
    ck_assert(!lobby.is_shut);
    ck_assert_uint_eq(lobby.n, LOBBY_STRANGERS);
    ck_assert_uint_eq(lobby.n_strangers, LOBBY_STRANGERS);
    ck_assert_uint_eq(collect.missing.n_strangers, MANY - LOBBY_STRANGERS);
    const int silent = connect_raw(); /* one of ours that has not spoken yet stays, too */
    ck_assert(fake_hello(&fake));
    lobby_let_in(&lobby, 1);
    ck_assert_uint_eq(collect.n, 1);
    ck_assert_uint_eq(lobby.n, LOBBY_STRANGERS + 1);
    ck_assert_int_eq(write(go[1], &byte, 1), 1);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    lobby_sweep(&lobby, 2 + LOBBY_PATIENCE_NS);
    ck_assert_uint_eq(lobby.n + lobby.n_strangers, 0);
    close(silent);
}
END_TEST

/* Look until `n` are in. Whoever has said hello is in after one more look, however slow it was. */
static void let_in_until(uint32_t n, int said)
{
    char text[400], byte = 0;
    bool has_said = false;
    while (collect.n < n) {
        missing_write(&collect.missing, text, sizeof text);
        ck_assert_msg(!has_said, "%u has said hello (%c) and is not in: %s", n, byte, text);
        has_said = read(said, &byte, 1) == 1;
        lobby_let_in(&lobby, clocks_mono_ns());
        if (lobby.n > 0) /* let in before it has spoken */
            lobby_hear(&lobby, lobby.callers[0].fd);
    }
    while (!has_said)
        has_said = read(said, &byte, 1) == 1;
}

/* Descriptors run low: those of processes are given back, connections first, and nobody is lost. */
START_TEST(test_thrift)
{
    enum { KIDS = 20 };
    static struct fake kids[KIDS];
    int go[2], said[2];
    char byte = 0;
    ck_assert_int_eq(pipe(go) + pipe2(said, O_NONBLOCK), 0);
    lobby.max_fds = LOBBY_RESERVED_FDS + LOBBY_CALLER_FDS + KIDS + 10;
    for (int i = 0; i < KIDS; i++) {
        fake_open(&kids[i], 10 + (uint64_t)i, 1000000, WIRE_RING_LEN);
        kids[i].head->os_start = 0; /* it is the child's, not ours */
        const pid_t pid = fork();
        if (pid == 0) {
            close(go[1]);
            byte = fake_hello(&kids[i]) ? '+' : '-';
            _exit(write(said[1], &byte, 1) == 1 && read(go[0], &byte, 1) == 0 ? 0 : 1);
        }
        let_in_until((uint32_t)i + 1, said[0]);
    }
    ck_assert_uint_eq(collect.n, KIDS);
    ck_assert_uint_le(collect.n_fds, KIDS + 10 + LOBBY_CALLER_FDS);
    uint32_t n_hung_up = 0, n_pidfds = 0;
    for (uint32_t i = 0; i < KIDS; i++) {
        n_hung_up += atomic_load(&collect.processes[i]->head->is_hung_up);
        n_pidfds += collect.processes[i]->pidfd >= 0;
        ck_assert_int_eq(collect.processes[i]->connection < 0,
                         atomic_load(&collect.processes[i]->head->is_hung_up) != 0);
    }
    ck_assert_uint_ge(n_hung_up, KIDS - 10 - LOBBY_CALLER_FDS);
    ck_assert_uint_eq(n_pidfds, KIDS); /* connections are enough */
    collect_save_descriptors(&collect, 0);
    ck_assert_uint_eq(collect.n_fds, 0);
    close(go[1]);
    for (int i = 0; i < KIDS; i++)
        wait(NULL);
    collect_visit(&collect, clocks_mono_ns()); /* without a pidfd it is seen that they are dead */
    ck_assert_uint_eq(collect.n, 0);
    ck_assert_uint_eq(collect.n_ever, KIDS);
    for (int i = 0; i < KIDS; i++)
        fake_close(&kids[i]);
    close(go[0]);
    close(said[0]);
    close(said[1]);
}
END_TEST

/* It says hello, writes, and is dead and buried before anybody has looked. */
START_TEST(test_dead_before_accept)
{
    const pid_t pid = fork();
    if (pid == 0) {
        fake.head->os_start = 12345; /* whoever has that number by then is somebody else */
        fake_step(&fake, clocks_mono_ns(), 1);
        fake_step(&fake, clocks_mono_ns(), 1);
        _exit(fake_hello(&fake) ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    lobby_let_in(&lobby, clocks_mono_ns());
    ck_assert_uint_eq(collect.n, 0);
    ck_assert_uint_eq(collect.n_ever, 1);
    ck_assert_uint_eq(collect.total.samples, 2);
    ck_assert_int_eq(fds_count(), fds_before);
}
END_TEST

/* It says hello after the last look at the door, and while it is looked for waits for an answer. */
START_TEST(test_knocks_late)
{
    ck_assert(!linger_has_strangers(&lobby, "nobody has this", 2 * LINGER_GRACE_NS));
    ck_assert(fake_hello(&fake));
    ck_assert(linger_has_strangers(&lobby, "nobody has this", 2 * LINGER_GRACE_NS));
    ck_assert_uint_eq(collect.n, 1);
}
END_TEST

/* Somebody sets the wall clock. Nothing else is moved by it. */
START_TEST(test_clock_step)
{
    ck_assert(fake_hello(&fake));
    lobby_let_in(&lobby, clocks_mono_ns());
    const struct batch *batch = &collect.processes[0]->stream.batch;
    collect_look_clock(&collect, 1000000000000, 5000);
    ck_assert_uint_eq(batch->n_events, 0);
    collect_look_clock(&collect, 1000100000000, 100005000); /* 100 ms later on both */
    collect_look_clock(&collect, 1000200900000, 200005000); /* corrected by 0.9 ms */
    ck_assert_uint_eq(batch->n_events, 0);
    collect_look_clock(&collect, 4600300900000, 300005000); /* an hour later, all at once */
    collect_look_clock(&collect, 4600400900000, 400005000);
    ck_assert_uint_eq(batch->n_events, 1);
    ck_assert_uint_eq(batch->events[0].type, PYREC__V1__EVENT__TYPE__CLOCK_STEP);
    ck_assert_int_eq(batch->events[0].value, 3600000000000);
    collect_look_clock(&collect, 1000500900000, 500005000);
    ck_assert_int_eq(batch->events[1].value, -3600000000000);
}
END_TEST

START_TEST(test_first_only)
{
    struct fake other;
    collect.is_first_only = true;
    ck_assert(fake_hello(&fake));
    lobby_let_in(&lobby, clocks_mono_ns());
    fake_open(&other, 2, 1000000, WIRE_RING_LEN);
    const pid_t pid = fork();
    if (pid == 0) {
        fake_hello(&other);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    lobby_let_in(&lobby, clocks_mono_ns());
    ck_assert_uint_eq(collect.n, 1);
    ck_assert_uint_eq(collect.n_ever, 1);
    ck_assert_uint_eq(atomic_load(&other.head->stop), 1);
    ck_assert_uint_eq(atomic_load(&fake.head->stop), 0);
    fake_close(&other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lobby");
    TCase *tc = tcase_create("lobby");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_welcome);
    tcase_add_test(tc, test_turned_away);
    tcase_add_test(tc, test_asked);
    tcase_add_test(tc, test_asked_by_strangers);
    tcase_add_test(tc, test_silent);
    tcase_add_test(tc, test_brief);
    tcase_add_test(tc, test_empty_message);
    tcase_add_test(tc, test_crowd);
    tcase_add_test(tc, test_strangers);
    tcase_add_test(tc, test_thrift);
    tcase_add_test(tc, test_dead_before_accept);
    tcase_add_test(tc, test_knocks_late);
    tcase_add_test(tc, test_clock_step);
    tcase_add_test(tc, test_first_only);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
