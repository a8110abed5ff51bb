/* SPDX-License-Identifier: MIT */
#include "witness.h"

#include "rawsig.h"
#include "record/kernel/procfs.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_WAIT_MS 500 /* then it may have been stopped, which we undo; .. */
#define ANSWER_WAITS   20  /* .. and after so many it is given up */
#define OWN_FD         3   /* in the witness, its end of the socket pair */
#define OLD_KERNEL_FDS 4096

/* On the socket, from the witness; one per signal, and one with signal 0 that ends an answer. */
struct sighting {
    int32_t signal;
    int32_t sender;
};

/* ---- in the witness ---- */

/* Its words in /proc/self/cmdline; those of this process only, as it is a copy. */
static void name_change(void)
{
    char text[1024];
    unsigned long begin = 0, end = 0;
    prctl(PR_SET_NAME, WITNESS_NAME);
    if (procfs_read(text, sizeof text, "/proc/self/stat") <= 0)
        return;
    const char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < 48; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL || sscanf(at, "%lu %lu", &begin, &end) != 2 || begin == 0 || end <= begin)
        return;
    char *words = (char *)begin;
    memset(words, 0, end - begin);
    memcpy(words, WITNESS_NAME,
           end - begin > sizeof WITNESS_NAME ? sizeof WITNESS_NAME - 1 : end - begin - 1);
}

/* Nothing of pyrec's or of its user's is kept open by it. */
static void descriptors_close(int fd)
{
    if (fd != OWN_FD)
        dup2(fd, OWN_FD);
    for (int low = 0; low < OWN_FD; low++)
        close(low);
    if (syscall(SYS_close_range, OWN_FD + 1, ~0u, 0) != 0) /* before Linux 5.9 */
        for (int high = OWN_FD + 1; high < OLD_KERNEL_FDS; high++)
            close(high);
}

static bool tell(int signal, pid_t sender)
{
    const struct sighting sighting = {signal, sender};
    return send(OWN_FD, &sighting, sizeof sighting, MSG_NOSIGNAL) == (ssize_t)sizeof sighting;
}

static bool tell_all(int signal_fd)
{
    struct signalfd_siginfo info;
    while (read(signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        if (!tell((int)info.ssi_signo, (pid_t)info.ssi_pid))
            return false;
    return true;
}

static _Noreturn void witness_run(int fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    name_change();
    descriptors_close(fd);
    const int signal_fd = rawsig_open(RAWSIG_ALL);
    struct pollfd ends[2] = {{OWN_FD, POLLIN, 0}, {signal_fd, POLLIN, 0}};
    bool is_well = signal_fd >= 0;
    while (is_well && poll(ends, 2, -1) > 0) {
        char question;
        is_well = tell_all(signal_fd);
        if (is_well && ends[0].revents != 0)
            is_well = recv(OWN_FD, &question, 1, 0) == 1 && tell_all(signal_fd) && tell(0, 0);
    }
    _exit(0);
}

/* ---- in pyrec ---- */

bool witness_start(struct witness *witness)
{
    int ends[2];
    *witness = (struct witness){-1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    witness->pid = fork();
    if (witness->pid == 0)
        witness_run(ends[1]);
    close(ends[1]);
    witness->fd = ends[0];
    if (witness->pid < 0)
        witness_end(witness);
    return witness->fd >= 0;
}

bool witness_has_news(const struct witness *witness)
{
    struct pollfd end = {witness->fd, POLLIN, 0};
    return witness->fd >= 0 && poll(&end, 1, 0) > 0;
}

bool witness_ask(const struct witness *witness, witness_said *said, void *closure)
{
    struct pollfd end = {witness->fd, POLLIN, 0};
    if (witness->fd < 0 || send(witness->fd, "?", 1, MSG_NOSIGNAL) != 1)
        return false;
    for (int waits = 0; waits < ANSWER_WAITS;) {
        struct sighting sighting;
        const int ready = poll(&end, 1, ANSWER_WAIT_MS);
        if (ready <= 0) {
            kill(witness->pid, SIGCONT);
            waits++;
            continue;
        }
        if (recv(witness->fd, &sighting, sizeof sighting, 0) != (ssize_t)sizeof sighting)
            return false;
        if (sighting.signal == 0)
            return true;
        said(closure, sighting.signal, sighting.sender);
    }
    return false;
}

void witness_end(struct witness *witness)
{
    if (witness->fd >= 0)
        close(witness->fd);
    if (witness->pid > 0) {
        kill(witness->pid, SIGKILL);
        waitpid(witness->pid, NULL, 0);
    }
    *witness = (struct witness){-1, -1};
}
