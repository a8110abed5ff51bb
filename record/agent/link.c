/* SPDX-License-Identifier: MIT */
#include "link.h"
#include "clock.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* Up to the next comma (or the end) into `to`. The rest, or NULL when it does not fit. */
static const char *field_copy(const char *from, char *to, size_t size)
{
    const size_t len = strcspn(from, ",");
    if (len >= size)
        return NULL;
    memcpy(to, from, len);
    to[len] = '\0';
    return from[len] == ',' ? from + len + 1 : from + len;
}

bool link_settings(struct link_settings *settings)
{
    const char *at = getenv(WIRE_ENV);
    char version[8], cookie[sizeof(settings->cookie) + 1], number[24];
    if (at == NULL || (at = field_copy(at, version, sizeof(version))) == NULL ||
        strtoul(version, NULL, 10) != WIRE_VERSION)
        return false;
    at = field_copy(at, settings->socket_name, sizeof(settings->socket_name));
    if (at == NULL || (at = field_copy(at, cookie, sizeof(cookie))) == NULL ||
        strlen(cookie) != sizeof(settings->cookie))
        return false;
    memcpy(settings->cookie, cookie, sizeof(settings->cookie));
    if ((at = field_copy(at, number, sizeof(number))) == NULL)
        return false;
    settings->interval_ns = strtoull(number, NULL, 10);
    if ((at = field_copy(at, number, sizeof(number))) == NULL)
        return false;
    settings->max_depth = (uint32_t)strtoul(number, NULL, 10);
    if ((at = field_copy(at, number, sizeof(number))) == NULL)
        return false;
    settings->flags = (uint32_t)strtoul(number, NULL, 10);
    if ((at = field_copy(at, number, sizeof(number))) == NULL)
        return false;
    settings->max_cost_ppm = strtoull(number, NULL, 10);
    settings->begin_ns = strtoull(at, NULL, 10);
    return settings->interval_ns >= 10000 && settings->interval_ns <= 1000000000u &&
           settings->max_depth >= 1 && settings->max_depth <= 16384;
}

bool link_private_files(void)
{
    /* one call that copies none of them, so we hold nobody's pipe open even for a moment */
    if (syscall(SYS_close_range, 0u, ~0u, CLOSE_RANGE_UNSHARE) == 0)
        return true;
    if (unshare(CLONE_FILES) != 0)
        return false;
    for (int fd = 0; fd < 65536; fd++)
        close(fd);
    return true;
}

/* ---- who we are ---- */

static size_t file_read(const char *path, char *to, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const ssize_t n = read(fd, to, size);
    close(fd);
    return n > 0 ? (size_t)n : 0;
}

/* Field 22 of /proc/self/stat; the name in field 2 may hold anything, its ')' is the last one. */
static uint64_t start_read(void)
{
    char stat[1024];
    const size_t n = file_read("/proc/self/stat", stat, sizeof(stat) - 1);
    stat[n] = '\0';
    const char *at = strrchr(stat, ')');
    for (int field = 2; at != NULL && field < 22; field++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    return at ? strtoull(at, NULL, 10) : 0;
}

static void head_fill(struct wire_head *head, const struct link_settings *settings,
                      const struct interp *interp, const char *refused)
{
    memcpy(head->magic, WIRE_MAGIC, sizeof(head->magic));
    head->version = WIRE_VERSION;
    head->ring_len = WIRE_RING_LEN;
    head->pid = getpid();
    head->parent_pid = getppid();
    head->os_start = start_read();
    head->start_ns = clock_now();
    head->is_late = settings->has_waited;
    head->cpu_zero_ns =
        settings->has_waited ? clock_read(CLOCK_PROCESS_CPUTIME_ID) : settings->cpu_zero_ns;
    head->interval_ns = settings->interval_ns;
    head->origin_ns = head->start_ns;
    head->max_depth = settings->flags & WIRE_NO_CUMULATIVE ? 1 : settings->max_depth;
    head->flags = settings->flags;
    head->python_hexversion = interp->hexversion;
    head->is_newer = interp->is_newer;
    snprintf(head->python_build, sizeof(head->python_build), "%s", interp->build);
    const ssize_t n = readlink("/proc/self/exe", head->executable, sizeof(head->executable) - 1);
    head->executable[n > 0 ? n : 0] = '\0';
    head->argv_len = (uint32_t)file_read("/proc/self/cmdline", head->argv, sizeof(head->argv));
    if (refused != NULL)
        snprintf(head->refused, sizeof(head->refused), "%s", refused);
    atomic_store_explicit(&head->state, refused ? WIRE_REFUSED : WIRE_RUNNING,
                          memory_order_release);
}

/* ---- the message ---- */

static int socket_connect(const struct link_settings *settings)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t len = strlen(settings->socket_name);
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    memcpy(address.sun_path + 1, settings->socket_name, len); /* abstract: begins with a zero */
    const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    if (connect(fd, (struct sockaddr *)&address, size) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool hello_send(int fd, int memory, const struct link_settings *settings)
{
    struct wire_hello hello = {.version = WIRE_VERSION, .pid = getpid()};
    memcpy(hello.magic, WIRE_MAGIC, sizeof(hello.magic));
    memcpy(hello.cookie, settings->cookie, sizeof(hello.cookie));
    struct iovec part = {&hello, sizeof(hello)};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    memset(&control, 0, sizeof(control));
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &memory, sizeof(int));
    ssize_t n;
    do
        n = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(hello);
}

static struct wire_head *memory_make(int *fd)
{
    const size_t size = WIRE_HEAD_LEN + WIRE_RING_LEN;
    *fd = (int)syscall(SYS_memfd_create, "pyrec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*fd < 0)
        return NULL;
    void *head = MAP_FAILED;
    if (ftruncate(*fd, (off_t)size) == 0 &&
        fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        head = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    if (head == MAP_FAILED) {
        close(*fd);
        return NULL;
    }
    madvise(head, size, MADV_DONTFORK);
    return head;
}

bool link_open(struct link *link, const struct link_settings *settings, const struct interp *interp,
               const char *refused)
{
    link->head = NULL;
    link->socket = socket_connect(settings);
    if (link->socket < 0)
        return false;
    struct ucred peer = {.pid = 0};
    socklen_t size = sizeof(peer);
    getsockopt(link->socket, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    link->peer = peer.pid;
    int memory;
    link->head = memory_make(&memory);
    bool told = false;
    if (link->head != NULL) {
        head_fill(link->head, settings, interp, refused);
        told = hello_send(link->socket, memory, settings);
        close(memory);
    }
    if (!told)
        link_close(link);
    return told;
}

bool link_lost(const struct link *link)
{
    char byte;
    if (link->socket < 0)
        return link->peer > 0 && kill(link->peer, 0) != 0 && errno == ESRCH;
    const ssize_t n = recv(link->socket, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

void link_close(struct link *link)
{
    if (link->socket >= 0)
        close(link->socket);
    if (link->head != NULL)
        munmap(link->head, WIRE_HEAD_LEN + WIRE_RING_LEN);
    link->head = NULL;
    link->socket = -1;
}
