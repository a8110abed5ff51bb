/* SPDX-License-Identifier: MIT */
#include "remote_memory.h"

#include "record/kernel/procfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#define PAGE 4096u /* the least there is: a string is not asked for across the end of one */

struct search {
    struct remote *remote;
    int error;
};

/* Whether the memory is there for us: asks for none of it. */
static int memory_error(pid_t tid)
{
    char byte;
    struct iovec to = {&byte, 1}, from = {NULL, 1};
    /* nothing is mapped at 0: EFAULT is the kernel's word for "you may, but there is nothing" */
    if (process_vm_readv(tid, &to, 1, &from, 1, 0) >= 0 || errno == EFAULT)
        return 0;
    return errno;
}

static void thread_try(void *closure, pid_t tid)
{
    struct search *const search = closure;
    if (search->remote->tid != 0)
        return;
    const int error = memory_error(tid);
    if (error == 0)
        search->remote->tid = tid;
    else if (error != ESRCH) /* of a thread that has ended: the next one has the memory */
        search->error = error;
}

int remote_open(struct remote *remote, pid_t pid)
{
    char path[32];
    *remote = (struct remote){.pid = pid};
    struct search search = {remote, ESRCH};
    thread_try(&search, pid);
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    if (remote->tid == 0)
        (void)procfs_each_number(path, thread_try, &search);
    return remote->tid != 0 ? 0 : search.error;
}

typedef ssize_t transfer(pid_t pid, const struct iovec *here, unsigned long n_here,
                         const struct iovec *there, unsigned long n_there, unsigned long flags);

static bool transfer_by_any(const struct remote *remote, transfer *way, uint64_t at, void *with,
                            size_t n)
{
    struct iovec here = {with, n}, there = {(void *)(uintptr_t)at, n};
    struct remote other;
    ssize_t done = n == 0 ? 0 : way(remote->tid, &here, 1, &there, 1, 0);
    if (done < 0 && errno == ESRCH && remote_open(&other, remote->pid) == 0)
        done = way(other.tid, &here, 1, &there, 1, 0);
    return done == (ssize_t)n;
}

bool remote_read(const struct remote *remote, uint64_t at, void *to, size_t n)
{
    if (remote->read != NULL)
        return remote->read(remote->closure, at, to, n);
    return transfer_by_any(remote, process_vm_readv, at, to, n);
}

bool remote_write(const struct remote *remote, uint64_t at, const void *from, size_t n)
{
    return transfer_by_any(remote, process_vm_writev, at, (void *)(uintptr_t)from, n);
}

bool remote_read_text(const struct remote *remote, uint64_t at, char *to, size_t size)
{
    for (size_t len = 0; len < size;) {
        size_t n = PAGE - (size_t)((at + len) % PAGE);
        n = n < size - len ? n : size - len;
        n = n < 64 ? n : 64;
        if (!remote_read(remote, at + len, to + len, n))
            return false;
        if (memchr(to + len, '\0', n) != NULL)
            return true;
        len += n;
    }
    return false;
}
