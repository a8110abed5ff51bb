/* SPDX-License-Identifier: MIT */
#include "rawsig.h"

#include "record/kernel/procfs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

uint64_t rawsig_mask(uint64_t set)
{
    uint64_t before = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, &before, sizeof set);
    return before;
}

int rawsig_open(uint64_t set)
{
    return (int)syscall(SYS_signalfd4, -1, &set, sizeof set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void rawsig_default(int signal)
{
    /* The kernel's struct sigaction is no longer than the C library's, whatever its order is. */
    const uint8_t zero[sizeof(struct sigaction)] = {0};
    syscall(SYS_rt_sigaction, signal, zero, NULL, sizeof(uint64_t));
}

/* The set that /proc/PID/status calls so. */
static bool status_set(const char *status, const char *name, uint64_t *set)
{
    const char *at = strstr(status, name);
    return at != NULL && sscanf(at + strlen(name), "%" SCNx64, set) == 1;
}

struct waiting {
    pid_t pid;
    bool is_so;
};

/* Under its number for 64-bit programs, and for others: 177, and 421 with a longer time. */
static void thread_look(void *closure, pid_t tid)
{
    struct waiting *waiting = closure;
    char text[64];
    long number = -1;
    if (procfs_read(text, sizeof text, "/proc/%d/task/%d/syscall", waiting->pid, tid) <= 0 ||
        (sscanf(text, "%ld", &number) == 1 &&
         (number == SYS_rt_sigtimedwait || number == 177 || number == 421)))
        waiting->is_so = true;
}

/* Whether a thread is in sigwait(), during which the kernel calls unblocked what is waited for. */
static bool may_wait_for(pid_t pid)
{
    char path[48];
    struct waiting waiting = {pid, false};
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    return !procfs_each_number(path, thread_look, &waiting) || waiting.is_so;
}

bool rawsig_is_unwanted(pid_t pid, int signal)
{
    char status[4096];
    uint64_t blocked, ignored, caught;
    if (procfs_read(status, sizeof status, "/proc/%d/status", pid) <= 0 ||
        !status_set(status, "\nSigBlk:", &blocked) || !status_set(status, "\nSigIgn:", &ignored) ||
        !status_set(status, "\nSigCgt:", &caught))
        return false;
    return ((blocked | ignored | caught) & RAWSIG_BIT(signal)) == 0 && !may_wait_for(pid);
}
