/* SPDX-License-Identifier: MIT */
#include "child.h"

#include "record/kernel/procfs.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAKER_PERIOD_US  20000
#define BESIDE_PERIOD_US 5000
#define BESIDE_PERIODS   100

/* Before the command starts: SIGPIPE and SIGXFSZ come of writing, and SIGUSR1 asks for it. */
#define EARLY (RAWSIG_BIT(SIGPIPE) | RAWSIG_BIT(SIGXFSZ) | RAWSIG_BIT(SIGUSR1))

/* ---- before and after ---- */

static void descriptors_raise(struct child *child, uint64_t *max_fds)
{
    struct rlimit *limit = &child->inherited.descriptors;
    if (getrlimit(RLIMIT_NOFILE, limit) != 0)
        *limit = (struct rlimit){1024, 1024};
    const struct rlimit high = {limit->rlim_max, limit->rlim_max};
    *max_fds = setrlimit(RLIMIT_NOFILE, &high) == 0 ? limit->rlim_max : limit->rlim_cur;
}

/* Both survive an exec, but would come to us instead of the command. */
static void timers_take(struct launch_inherited *inherited)
{
    const struct itimerval none = {{0, 0}, {0, 0}};
    int with_parent = 0;
    for (int which = 0; which < (int)ARRAY_LEN(inherited->timers); which++)
        setitimer((__itimer_which_t)which, &none, &inherited->timers[which]);
    inherited->is_killed_with_parent =
        prctl(PR_GET_PDEATHSIG, &with_parent) == 0 && with_parent == SIGKILL;
}

void child_prepare(struct child *child, uint64_t *max_fds)
{
    *child = (struct child){.pid = -1, .beside = -1};
    child->relay.signal_fd = child->relay.witness.fd = child->relay.witness.pid = -1;
    child->inherited.mask = rawsig_mask(RAWSIG_ALL);
    rawsig_mask(child->inherited.mask | EARLY);
    /* Whoever ignores SIGCHLD is not told how its children end. */
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    sigaction(SIGCHLD, &standard, &child->inherited.on_child);
    timers_take(&child->inherited);
    descriptors_raise(child, max_fds);
}

enum status child_watch(struct child *child, int epoll_fd, uint64_t data, struct problem *why)
{
    rawsig_mask(RAWSIG_ALL);
    return relay_open(&child->relay, epoll_fd, data, why);
}

void child_is_there(struct child *child, pid_t pid)
{
    child->pid = pid;
    relay_witness(&child->relay);
}

uint64_t child_due_ns(const struct child *child)
{
    return relay_due_ns(&child->relay);
}

void child_close(struct child *child)
{
    relay_close(&child->relay);
}

void child_die_alike(uint32_t signal)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none); /* one core is enough, and it is the command's, .. */
    prctl(PR_SET_DUMPABLE, 0);     /* .. also where cores go to a program */
    rawsig_default((int)signal);
    kill(getpid(), (int)signal);
    rawsig_mask(RAWSIG_ALL & ~RAWSIG_BIT(signal));
}

/* ---- stopped ---- */

static bool is_stopped(pid_t pid)
{
    struct procfs_stat is;
    return procfs_stat_read(pid, &is) && (is.state == 'T' || is.state == 't');
}

/* Is that process another pyrec? */
static bool is_pyrec(pid_t pid)
{
    char path[32];
    struct stat own, other;
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    return stat("/proc/self/exe", &own) == 0 && stat(path, &other) == 0 &&
           own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

/*
 * A shell with job control: our parent, in our session, has put us into a group of our own. A pyrec
 * between the two stops as soon as we do.
 */
static bool has_shell(void)
{
    struct procfs_stat between;
    pid_t parent = getppid();
    while (getpgid(parent) == getpgrp() && is_pyrec(parent) && procfs_stat_read(parent, &between))
        parent = between.parent;
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

/* Returns when somebody lets us go on. */
static void stop_by(int signal)
{
    kill(getpid(), signal);
    if (signal != SIGSTOP) {
        rawsig_mask(RAWSIG_ALL & ~RAWSIG_BIT(signal)); /* here */
        rawsig_mask(RAWSIG_ALL);
    }
}

/* What is beside the command gives the terminal back when it stops: before the shell takes it. */
static void beside_stop(const struct child *child)
{
    for (int i = 0; child->beside > 0 && i < BESIDE_PERIODS && !is_stopped(child->beside); i++) {
        if (i == BESIDE_PERIODS / 4) /* the keyboard has told the command alone */
            kill(child->beside, SIGTSTP);
        usleep(BESIDE_PERIOD_US);
    }
}

/* Stop as that one did, until the shell or whoever woke it wakes us. */
static void stop_alike(struct child *child, pid_t stopped, int signal)
{
    struct sigaction now;
    if (!has_shell() || !is_stopped(stopped))
        return;
    beside_stop(child);
    child->waker = waker_start(stopped);
    if (child->waker < 0)
        return;
    /* Its own signal, which shells have words for, if it would stop us. */
    const bool is_usual = sigaction(signal, NULL, &now) == 0 && now.sa_handler == SIG_DFL;
    stop_by(is_usual ? signal : SIGSTOP);
    if (child->beside > 0)
        kill(child->beside, SIGCONT);
    kill(child->waker, SIGKILL);
    waitpid(child->waker, NULL, 0);
}

/* ---- children ---- */

static void stops_look(struct child *child, pid_t pid)
{
    siginfo_t info = {.si_pid = 0};
    const int which = WSTOPPED | WCONTINUED;
    while (waitid(P_PID, (id_t)pid, &info, which | WNOHANG) == 0 && info.si_pid != 0) {
        if (info.si_code == CLD_STOPPED)
            stop_alike(child, pid, info.si_status);
        info.si_pid = 0;
    }
}

/* Whoever is dead: it is looked at before it is buried. */
static void children_look(struct child *child, child_dying *dying, void *closure)
{
    siginfo_t info = {.si_pid = 0};
    if (!child->has_ended)
        stops_look(child, child->pid);
    if (child->beside > 0)
        stops_look(child, child->beside);
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
        const pid_t pid = info.si_pid;
        if (pid == child->pid && !child->has_ended) {
            exit_status_find(pid, -1, &child->end);
            child->has_ended = true;
        }
        if (pid != child->relay.witness.pid)
            dying(closure, pid);
        if (pid == child->beside)
            child->beside = -1;
        waitpid(pid, NULL, 0);
        if (pid == child->relay.witness.pid)
            relay_witness_died(&child->relay);
        info.si_pid = 0;
    }
}

/* Dead, though perhaps nobody has noticed yet. */
static bool is_over(const struct child *child)
{
    siginfo_t info = {.si_pid = 0};
    return child->has_ended ||
           (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid == child->pid);
}

/* ---- signals ---- */

/* Inherited so, from nohup or from a shell that put us into the background. */
static bool is_ignored(int signal)
{
    struct sigaction now;
    return sigaction(signal, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

/* With the command gone, these are for us: to end the recording of what it has left behind. */
static bool is_end(int signal)
{
    return (signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT) &&
           !is_ignored(signal);
}

/*
 * Where a signal goes; 0 = nowhere. The command has what its group has. When it has made a group
 * of its own, which it would not have had to, had it been the leader of this one: that group.
 */
static pid_t target_of(const struct child *child, enum relay_whose whose)
{
    const pid_t group = getpgid(child->pid);
    if (whose == RELAY_OURS)
        return child->pid;
    return group == child->pid && getpgrp() == getpid() ? -child->pid : 0;
}

/*
 * What must not be passed on. PID 1 does not get what it has no use for, which makes the kernel
 * take no default action: neither must the command that would have been it. And whoever asks us
 * with SIGUSR1 to write everything does not want to kill a command that knows nothing of that.
 */
static bool is_unwanted(const struct child *child, int signal)
{
    return ((getpid() == 1 && signal != SIGCONT) || signal == SIGUSR1) &&
           rawsig_is_unwanted(child->pid, signal);
}

/* False when the command's queue is full; senders know of such a thing (EAGAIN), it does not. */
static bool pass_on(pid_t target, const struct signalfd_siginfo *info)
{
    siginfo_t copy = {.si_signo = (int)info->ssi_signo};
    if (info->ssi_code != SI_QUEUE || target < 0)
        return kill(target, (int)info->ssi_signo) == 0 || errno != EAGAIN;
    copy.si_code = info->ssi_code;
    copy.si_pid = (pid_t)info->ssi_pid;
    copy.si_uid = info->ssi_uid;
    copy.si_value.sival_ptr = (void *)(uintptr_t)info->ssi_ptr;
    return syscall(SYS_rt_sigqueueinfo, target, copy.si_signo, &copy) == 0 || errno != EAGAIN;
}

static bool signal_deliver(void *closure, const struct signalfd_siginfo *info,
                           enum relay_whose whose)
{
    struct child *child = closure;
    const int signal = (int)info->ssi_signo;
    if (signal == SIGUSR1)
        child->has_flush = true;
    child->was_told_to_end = child->was_told_to_end || signal == SIGTERM || signal == SIGHUP;
    if (child->has_ended || (whose == RELAY_OURS && is_over(child))) {
        child->was_interrupted = child->was_interrupted || is_end(signal);
        return true;
    }
    const pid_t target = target_of(child, whose);
    return target == 0 || is_unwanted(child, signal) || pass_on(target, info);
}

void child_take_signals(struct child *child, child_dying *dying, void *closure)
{
    const struct relay_quiet quiet = {child->pid, child->waker};
    relay_take(&child->relay, &quiet, signal_deliver, child);
    children_look(child, dying, closure);
}
