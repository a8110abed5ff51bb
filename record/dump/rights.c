/* SPDX-License-Identifier: MIT */
#include "rights.h"

#include "record/kernel/procfs.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CAP_SYS_PTRACE 19
#define YAMA           "kernel.yama.ptrace_scope"

bool rights_owner(pid_t pid, uid_t *uid, pid_t *tracer)
{
    char text[4096];
    uint64_t user = (uid_t)-1, by = 0;
    if (procfs_read(text, sizeof text, "/proc/%d/status", pid) <= 0)
        return false;
    (void)procfs_status_number(text, "Uid", 10, &user);
    (void)procfs_status_number(text, "TracerPid", 10, &by);
    *uid = (uid_t)user;
    *tracer = (pid_t)by;
    return true;
}

void rights_user_name(uid_t uid, char *to, size_t size)
{
    const struct passwd *const user = getpwuid(uid);
    if (user != NULL)
        snprintf(to, size, "%s", user->pw_name);
    else
        snprintf(to, size, "%u", uid);
}

static bool may_trace_all(void)
{
    char text[4096];
    uint64_t rights;
    return procfs_read(text, sizeof text, "/proc/self/status") > 0 &&
           procfs_status_number(text, "CapEff", 16, &rights) && (rights >> CAP_SYS_PTRACE & 1);
}

/* Field 9 of stat. */
static bool is_of_kernel(pid_t pid)
{
    enum { PF_KTHREAD = 0x00200000 };
    char text[1024];
    const bool is_there = procfs_read(text, sizeof text, "/proc/%d/stat", pid) > 0;
    const char *at = is_there ? strrchr(text, ')') : NULL;
    for (unsigned field = 2; field < 9 && at != NULL; field++)
        at = strchr(at + 1, ' ');
    return at != NULL && (strtoul(at, NULL, 10) & PF_KTHREAD);
}

static enum status gone_explain(pid_t pid, struct problem *why)
{
    struct procfs_stat stat;
    char comm[PROCFS_COMM_MAX] = "";
    if (!procfs_is_ours())
        return problem_set(
            why, STATUS_NOT_FOUND, PROBLEM_NO_OFFSET,
            "the /proc here is another PID namespace's, so numbers of processes mean "
            "others; mount the right one");
    if (!procfs_stat_read(pid, &stat))
        return problem_set(why, STATUS_NOT_FOUND, PROBLEM_NO_OFFSET, "there is no process %d", pid);
    if (stat.state == 'Z' || stat.state == 'X')
        return problem_set(
            why, STATUS_NOT_FOUND, PROBLEM_NO_OFFSET,
            "process %d has ended and waits to be buried by its parent %d (a zombie)", pid,
            stat.parent);
    (void)procfs_comm(pid, pid, comm);
    if (!is_of_kernel(pid))
        return problem_set(why, STATUS_NOT_FOUND, PROBLEM_NO_OFFSET, "process %d (%s) is ending",
                           pid, comm);
    return problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET,
                       "process %d (%s) has no memory of its own: a thread of the kernel's", pid,
                       comm);
}

static enum status own_refused(pid_t pid, struct problem *why)
{
    struct stat folder;
    char path[32];
    const int scope = procfs_yama_scope();
    snprintf(path, sizeof path, "/proc/%d", pid);
    if (stat(path, &folder) == 0 && folder.st_uid != geteuid())
        return problem_set(
            why, STATUS_IO, PROBLEM_NO_OFFSET,
            "process %d lets not even its own user look into it (it changed its user, "
            "has capabilities, or is not dumpable); root may",
            pid);
    if (scope == 1)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET,
                           "the kernel lets nobody but root look into process %d: " YAMA
                           " is 1; as "
                           "root, or after sysctl " YAMA "=0, it can be done",
                           pid);
    if (scope > 1)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET,
                           "the kernel lets %s look into process %d: " YAMA " is %d%s",
                           scope == 2 ? "only who has CAP_SYS_PTRACE" : "nobody", pid, scope,
                           scope == 2 ? " (run pyrec as root)" : " until the next boot");
    return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET,
                       "the kernel does not let pyrec look into process %d: CAP_SYS_PTRACE is "
                       "missing here, or a security module or a container forbids it",
                       pid);
}

enum status rights_explain(pid_t pid, int error, struct problem *why)
{
    uid_t uid;
    pid_t tracer;
    char name[64];
    if (error == ESRCH || error == ENOENT)
        return gone_explain(pid, why);
    if (error != EPERM && error != EACCES)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET,
                           "the memory of process %d cannot be read: %s", pid, strerror(error));
    if (!rights_owner(pid, &uid, &tracer))
        return gone_explain(pid, why);
    rights_user_name(uid, name, sizeof name);
    if (uid != geteuid() && !may_trace_all())
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET,
                           "process %d is of user %s: only that user and root may look into it",
                           pid, name);
    return own_refused(pid, why);
}
