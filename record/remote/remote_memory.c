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

bool remote_read(const struct remote *remote, uint64_t at, void *to, size_t n)
{
    if (remote->read != NULL)
        return remote->read(remote->closure, at, to, n);
    struct iovec here = {to, n}, there = {(void *)(uintptr_t)at, n};
    return n == 0 || process_vm_readv(remote->tid, &here, 1, &there, 1, 0) == (ssize_t)n;
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
