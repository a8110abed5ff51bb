/* SPDX-License-Identifier: MIT */
/*
 * A socket in another process's network namespace, where a process that sees neither our files nor
 * our names finds it. It is made by a child of ours that goes there and ends: only who has no other
 * threads may enter a user namespace, and nobody comes back from one.
 */
#include "door.h"
#include "record/kernel/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- namespaces ---- */

static int namespace_open(pid_t pid, const char *kind)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, kind);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Of the user namespace that a namespace belongs to; -1: none that we may see. */
static int owner_open(int space)
{
    return ioctl(space, NS_GET_USERNS);
}

static bool is_our_user_namespace(int space)
{
    struct stat is;
    return fstat(space, &is) == 0 && is.st_ino == procfs_namespace(getpid(), "user");
}

/* ---- the child ---- */

struct errand {
    pid_t pid;
    const char *name;
    bool is_unknown; /* our process number is not known there, nor our user: one of its own is */
};

/* Its rights stay. */
static bool become(pid_t pid)
{
    uid_t user;
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct rights[_LINUX_CAPABILITY_U32S_3];
    if (!procfs_user(pid, &user))
        return false;
    if (user == geteuid())
        return true;
    if (seteuid(user) != 0 || syscall(SYS_capget, &head, rights) != 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(rights); i++)
        rights[i].effective = rights[i].permitted;
    return syscall(SYS_capset, &head, rights) == 0;
}

static bool errand_go(const struct errand *errand)
{
    const int net = namespace_open(errand->pid, "net");
    const int owner = net >= 0 ? owner_open(net) : -1;
    if (owner < 0 || (errand->is_unknown && !become(errand->pid)) ||
        (!is_our_user_namespace(owner) && setns(owner, CLONE_NEWUSER) != 0))
        return false;
    return setns(net, CLONE_NEWNET) == 0;
}

static void child_run(const struct errand *errand, int to)
{
    char byte = 0;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {.bytes = ""};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *const rights = CMSG_FIRSTHDR(&message);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int fd = errand_go(errand) ? door_bind_abstract(errand->name) : -1;
    if (fd < 0 || (errand->is_unknown && listen(fd, DOOR_BACKLOG) != 0))
        _exit(1);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    _exit(sendmsg(to, &message, 0) == 1 ? 0 : 1);
}

/* ---- here ---- */

static int socket_take(int from)
{
    char byte;
    int fd = -1;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t n;
    do
        n = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    const struct cmsghdr *const rights = n == 1 ? CMSG_FIRSTHDR(&message) : NULL;
    if (rights != NULL && rights->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    return fd;
}

static int errand_run(const struct errand *errand)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    const pid_t child = fork();
    if (child == 0)
        child_run(errand, ends[1]);
    close(ends[1]);
    int fd = -1;
    if (child > 0) {
        int status = 1;
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
        fd = status == 0 ? socket_take(ends[0]) : -1;
    }
    close(ends[0]);
    /* the kernel tells those who connect who said listen: that is to be us wherever we are seen */
    if (fd >= 0 && !errand->is_unknown && listen(fd, DOOR_BACKLOG) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

int door_open_near(struct door *door, pid_t pid)
{
    struct errand errand = {.pid = pid, .name = door->name};
    const ino_t net = procfs_namespace(pid, "net");
    if (net == 0 || procfs_shares_namespace(pid, "net") || door->n_near == DOOR_NEAR_MAX ||
        door->name[0] == '\0')
        return -1;
    for (uint32_t i = 0; i < door->n_near; i++)
        if (door->near_net[i] == net)
            return -1;
    errand.is_unknown =
        !procfs_shares_namespace(pid, "user") && !procfs_shares_namespace(pid, "pid");
    const int fd = errand_run(&errand);
    if (fd < 0)
        return -1;
    door->near_net[door->n_near] = net;
    door->near[door->n_near++] = fd;
    return fd;
}
