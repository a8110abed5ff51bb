/* SPDX-License-Identifier: MIT */
#include "reach.h"
#include "record/agent/base/proc_read.h"
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define UNMAPPED_USER 65534u /* what the kernel calls users that a user namespace does not know */
#define BUSY_TRIES    200    /* the door's backlog is full: pyrec is at it */
#define BUSY_NS       10000000

enum way { WAY_PATH, WAY_ABSTRACT, WAY_ROOT, WAYS };

/* The directory's file `name` as it is seen from here, or through pyrec's root. */
static bool path_make(const struct link_settings *settings, enum way way, const char *name,
                      char *path, size_t size)
{
    int n = -1;
    if (settings->directory[0] == '\0')
        return false;
    if (way == WAY_PATH)
        n = snprintf(path, size, "%s/%s", settings->directory, name);
    else if (way == WAY_ROOT)
        n = snprintf(path, size, "/proc/%d/root%s/%s", (int)settings->pyrec_pid,
                     settings->directory, name);
    return n > 0 && (size_t)n < size;
}

/* Length of the address, 0 when there is no such way. */
static socklen_t address_make(const struct link_settings *settings, enum way way,
                              struct sockaddr_un *address)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    if (way != WAY_ABSTRACT)
        return path_make(settings, way, WIRE_SOCKET, address->sun_path, sizeof(address->sun_path))
                   ? sizeof(*address)
                   : 0;
    const size_t len = strlen(settings->socket_name);
    memcpy(address->sun_path + 1, settings->socket_name, len); /* abstract: begins with a zero */
    return len > 0 ? (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len) : 0;
}

static bool is_own_user(const struct ucred *peer)
{
    return peer->uid == 0 || peer->uid == geteuid() || peer->uid == getuid();
}

bool reach_is_pyrec(const struct link_settings *settings, const struct ucred *peer)
{
    if (peer->pid <= 0) /* it lives in a namespace that we do not see into */
        return is_own_user(peer) && peer->uid != UNMAPPED_USER;
    if (peer->pid != settings->pyrec_pid)
        return false;
    const uint64_t start = proc_start(peer->pid);
    if (start == 0 || settings->pyrec_start == 0)
        return is_own_user(peer);
    return start == settings->pyrec_start && (is_own_user(peer) || peer->uid == UNMAPPED_USER);
}

/* 0 or an errno. */
static int address_connect(int fd, const struct sockaddr_un *address, socklen_t size)
{
    const struct timespec busy = {.tv_nsec = BUSY_NS};
    for (int i = 0; connect(fd, (const struct sockaddr *)address, size) != 0; i++) {
        if ((errno != EAGAIN && errno != EINTR) || i == BUSY_TRIES)
            return errno;
        (void)syscall(SYS_nanosleep, &busy, NULL);
    }
    return 0;
}

/* A failure to have a socket at all is the same on all ways; what came first is told. */
static int way_try(const struct link_settings *settings, enum way way, struct ucred *peer,
                   struct reach_failure *failure)
{
    struct sockaddr_un address;
    socklen_t len = sizeof(*peer);
    const socklen_t size = address_make(settings, way, &address);
    if (size == 0)
        return -1;
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        *failure = (struct reach_failure){WIRE_MISSING_SOCKET, errno};
        return -1;
    }
    const int error = address_connect(fd, &address, size);
    if (error == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &len) == 0 &&
        reach_is_pyrec(settings, peer))
        return fd;
    close(fd);
    if (error == 0)
        *failure = (struct reach_failure){WIRE_MISSING_STRANGER, 0};
    else if (failure->reason == WIRE_MISSING_NONE)
        *failure = (struct reach_failure){WIRE_MISSING_DOOR, error};
    return -1;
}

int reach_connect(const struct link_settings *settings, int32_t *peer,
                  struct reach_failure *failure)
{
    struct ucred credentials = {.pid = 0};
    *failure = (struct reach_failure){WIRE_MISSING_NONE, 0};
    for (int way = 0; way < WAYS; way++) {
        const int fd = way_try(settings, (enum way)way, &credentials, failure);
        if (fd < 0)
            continue;
        *failure = (struct reach_failure){WIRE_MISSING_NONE, 0};
        *peer = credentials.pid;
        return fd;
    }
    if (failure->reason == WIRE_MISSING_NONE) /* there is no way at all */
        failure->reason = WIRE_MISSING_DOOR;
    if (failure->error == EMFILE || failure->error == ENFILE)
        failure->reason = WIRE_MISSING_DESCRIPTORS;
    return -1;
}

static int board_try(const char *path)
{
    struct stat is;
    const int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0)
        return -1;
    if (syscall(SYS_fstat, fd, &is) == 0 && S_ISFIFO(is.st_mode) &&
        (is.st_uid == 0 || is.st_uid == geteuid() || is.st_uid == getuid()))
        return fd;
    close(fd);
    return -1;
}

int reach_board(const struct link_settings *settings)
{
    char path[WIRE_DIRECTORY_MAX + 40];
    int fd = -1;
    if (path_make(settings, WAY_PATH, WIRE_BOARD, path, sizeof(path)))
        fd = board_try(path);
    if (fd < 0 && path_make(settings, WAY_ROOT, WIRE_BOARD, path, sizeof(path)))
        fd = board_try(path);
    return fd;
}
