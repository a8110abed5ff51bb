/* SPDX-License-Identifier: MIT */
#include "child.h"

#include "procfs.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAKER_PERIOD_US 20000

/* Read from the descriptor. SIGPIPE and SIGXFSZ are only blocked: write() says the same. */
static const int watched[] = {SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGCONT, SIGUSR1};
static const int blocked[] = {SIGPIPE, SIGXFSZ, SIGUSR1}; /* the last one would kill us */

/* ---- before and after ---- */

static void descriptors_raise(struct child *child, uint64_t *max_fds)
{
    struct rlimit *limit = &child->inherited.descriptors;
    if (getrlimit(RLIMIT_NOFILE, limit) != 0)
        *limit = (struct rlimit){1024, 1024};
    const struct rlimit high = {limit->rlim_max, limit->rlim_max};
    *max_fds = setrlimit(RLIMIT_NOFILE, &high) == 0 ? limit->rlim_max : limit->rlim_cur;
}

static void signals_block(const int *signals, size_t n, sigset_t *before, sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < n; i++)
        sigaddset(set, signals[i]);
    sigprocmask(SIG_BLOCK, set, before);
}

void child_prepare(struct child *child, uint64_t *max_fds)
{
    sigset_t set;
    *child = (struct child){.pid = -1, .signal_fd = -1};
    signals_block(blocked, ARRAY_LEN(blocked), &child->inherited.mask, &set);
    /* Whoever ignores SIGCHLD is not told how its children end. */
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    sigaction(SIGCHLD, &standard, &child->inherited.on_child);
    descriptors_raise(child, max_fds);
}

enum status child_watch(struct child *child, struct problem *why)
{
    sigset_t set;
    signals_block(watched, ARRAY_LEN(watched), NULL, &set);
    child->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (child->signal_fd < 0)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "signalfd: %s", strerror(errno));
    return STATUS_OK;
}

void child_close(struct child *child)
{
    if (child->signal_fd >= 0)
        close(child->signal_fd);
    child->signal_fd = -1;
}

void child_die_alike(uint32_t signal)
{
    const struct rlimit none = {0, 0};
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t set;
    setrlimit(RLIMIT_CORE, &none); /* one core is enough, and it is the command's, .. */
    prctl(PR_SET_DUMPABLE, 0);     /* .. also where cores go to a program */
    sigaction((int)signal, &standard, NULL);
    sigemptyset(&set);
    sigaddset(&set, (int)signal);
    kill(getpid(), (int)signal);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* ---- stopped ---- */

static bool is_stopped(pid_t pid)
{
    struct procfs_stat is;
    return procfs_stat_read(pid, &is) && (is.state == 'T' || is.state == 't');
}

/* A shell with job control: our parent, in our session, has put us into a group of our own. */
static bool has_shell(void)
{
    const pid_t parent = getppid();
    return getsid(parent) == getsid(0) && getpgid(parent) != getpgrp();
}

/* Wait, in a process of our own that is not stopped, for the command to go on, and wake pyrec. */
static pid_t waker_start(pid_t command)
{
    const pid_t pyrec = getpid();
    const pid_t waker = fork();
    if (waker != 0)
        return waker;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (is_stopped(command) && getppid() == pyrec)
        usleep(WAKER_PERIOD_US);
    kill(pyrec, SIGCONT);
    _exit(0);
}

/* Stop as the command did, until the shell or whoever woke the command wakes us. */
static void stop_alike(const struct child *child)
{
    if (!has_shell() || !is_stopped(child->pid))
        return;
    const pid_t waker = waker_start(child->pid);
    if (waker < 0)
        return;
    raise(SIGSTOP);
    kill(waker, SIGKILL);
    waitpid(waker, NULL, 0);
}

/* ---- signals ---- */

static void children_look(struct child *child, void (*dying)(void *closure, pid_t pid),
                          void *closure)
{
    siginfo_t info = {.si_pid = 0};
    const int which = WSTOPPED | WCONTINUED;
    if (child->has_ended || child->pid < 0)
        return;
    while (waitid(P_PID, (id_t)child->pid, &info, which | WNOHANG) == 0 && info.si_pid != 0) {
        if (info.si_code == CLD_STOPPED)
            stop_alike(child);
        info.si_pid = 0;
    }
    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid != child->pid)
        return;
    demise_find(child->pid, -1, &child->demise);
    child->has_ended = true;
    dying(closure, child->pid);
    waitpid(child->pid, NULL, 0);
}

/* Sent by a process, and not by the command or by the terminal to the whole group. */
static bool is_for_us(const struct child *child, const struct signalfd_siginfo *info)
{
    return info->ssi_code <= 0 && (pid_t)info->ssi_pid != child->pid;
}

/* Inherited so, from nohup or from a shell that put us into the background. */
static bool is_ignored(int signal)
{
    struct sigaction now;
    return sigaction(signal, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static void signal_take(struct child *child, const struct signalfd_siginfo *info)
{
    const int signal = (int)info->ssi_signo;
    if (signal == SIGCHLD || child->pid < 0)
        return; /* looked at anyway */
    if (signal == SIGUSR1) {
        child->has_flush = true;
        return;
    }
    if (child->has_ended) {
        child->was_interrupted =
            child->was_interrupted || (signal != SIGCONT && !is_ignored(signal));
        return;
    }
    const bool is_same_group = getpgid(child->pid) == getpgrp();
    if (signal == SIGCONT) {
        if (is_stopped(child->pid))
            kill(child->pid, SIGCONT);
    } else if (is_for_us(child, info) &&
               (signal == SIGTERM || signal == SIGHUP || !is_same_group)) {
        /* An interrupt that was sent to the group has reached the command already. */
        kill(child->pid, signal);
    }
}

void child_take_signals(struct child *child, void (*dying)(void *closure, pid_t pid), void *closure)
{
    struct signalfd_siginfo info;
    while (read(child->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        signal_take(child, &info);
    children_look(child, dying, closure);
}
