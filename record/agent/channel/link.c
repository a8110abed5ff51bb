/* SPDX-License-Identifier: MIT */
#include "link.h"
#include "notice.h"
#include "reach.h"
#include "record/agent/base/clock.h"
#include "record/agent/base/proc_read.h"
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
#include <time.h>
#include <unistd.h>

#define BUSY_TRIES  200
#define BUSY_NS     10000000
#define BEAT_MAX_NS 30000000000u /* pyrec visits ten times per second */

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

static void head_fill(struct wire_head *head, const struct link_settings *settings,
                      const struct interp *interp, const char *refused)
{
    memcpy(head->magic, WIRE_MAGIC, sizeof(head->magic));
    head->version = WIRE_VERSION;
    head->ring_len = WIRE_RING_LEN;
    head->marks_len = MARK_QUEUE_BYTES;
    head->pid = getpid();
    head->parent_pid = getppid();
    head->os_start = proc_start(0);
    head->origin_ns = clock_now();
    head->start_ns = settings->has_waited ? head->origin_ns : settings->born_ns;
    head->is_forked = settings->is_forked;
    memcpy(head->fork_name, settings->fork_name, sizeof(head->fork_name));
    head->is_late = settings->has_waited;
    head->cpu_zero_ns =
        settings->has_waited ? clock_read(CLOCK_PROCESS_CPUTIME_ID) : settings->cpu_zero_ns;
    head->interval_ns = settings->interval_ns;
    head->max_depth = settings->flags & WIRE_NO_CUMULATIVE ? 1 : settings->max_depth;
    head->flags = settings->flags;
    head->hooks = settings->hooks;
    if (settings->flags & WIRE_ATTACHED && interp->symbols.n > 0)
        snprintf(head->home, sizeof(head->home), "%s",
                 interp->symbols.images[interp->symbols.n - 1].name);
    head->python_hexversion = interp->hexversion;
    head->is_newer = interp->is_newer;
    snprintf(head->python_build, sizeof(head->python_build), "%s", interp->build);
    const ssize_t n = readlink("/proc/self/exe", head->executable, sizeof(head->executable) - 1);
    head->executable[n > 0 ? n : 0] = '\0';
    if (syscall(SYS_getcwd, head->working_directory, sizeof(head->working_directory)) <= 0 ||
        head->working_directory[0] != '/') /* "(unreachable)/..": in another root */
        head->working_directory[0] = '\0';
    head->argv_len = (uint32_t)proc_read("/proc/self/cmdline", head->argv, sizeof(head->argv));
    if (refused != NULL)
        snprintf(head->refused, sizeof(head->refused), "%s", refused);
    atomic_store_explicit(&head->state, refused ? WIRE_REFUSED : WIRE_RUNNING,
                          memory_order_release);
}

/* ---- the message ---- */

/*
 * 0 or an errno. Memory that is under way counts against the user's limit of descriptors until
 * pyrec has taken it.
 */
static int hello_send(int fd, int memory, const struct link_settings *settings)
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
    const struct timespec busy = {.tv_nsec = BUSY_NS};
    for (int i = 0; sendmsg(fd, &message, MSG_NOSIGNAL) != (ssize_t)sizeof(hello); i++) {
        if ((errno != EINTR && errno != EAGAIN && errno != ETOOMANYREFS) || i == BUSY_TRIES)
            return errno;
        if (errno != EINTR)
            (void)syscall(SYS_nanosleep, &busy, NULL);
    }
    return 0;
}

/* The ring's file, its length fixed; -1 and why. */
static int memory_make(struct reach_failure *failure)
{
    const size_t size = WIRE_MEMORY_LEN;
    const int fd = (int)syscall(SYS_memfd_create, "pyrec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        *failure = (struct reach_failure){WIRE_MISSING_MEMFD, errno};
        if (errno == EMFILE || errno == ENFILE)
            failure->reason = WIRE_MISSING_DESCRIPTORS;
        return -1;
    }
    if (ftruncate(fd, (off_t)size) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    *failure = (struct reach_failure){WIRE_MISSING_MEMORY, errno};
    if (errno == EFBIG)
        *failure = (struct reach_failure){WIRE_MISSING_FILE_SIZE, 0};
    close(fd);
    return -1;
}

static bool memory_map(struct link *link, int fd, struct reach_failure *failure)
{
    const size_t size = WIRE_MEMORY_LEN;
    void *const head = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (head == MAP_FAILED) {
        *failure = (struct reach_failure){WIRE_MISSING_MEMORY, errno};
        return false;
    }
    madvise(head, size, MADV_DONTFORK);
    link->head = head;
    return true;
}

/* The memory first: a connection on which nothing is said for a while may be hung up on. */
static void link_try(struct link *link, const struct link_settings *settings,
                     const struct interp *interp, const char *refused,
                     struct reach_failure *failure)
{
    const int memory = memory_make(failure);
    if (memory < 0)
        return;
    if (memory_map(link, memory, failure)) {
        head_fill(link->head, settings, interp, refused);
        link->socket = reach_connect(settings, &link->peer, failure);
    }
    if (link->socket >= 0) {
        const int error = hello_send(link->socket, memory, settings);
        if (error != 0)
            *failure = (struct reach_failure){WIRE_MISSING_HELLO, error};
    }
    close(memory);
}

bool link_open(struct link *link, const struct link_settings *settings, const struct interp *interp,
               const char *refused)
{
    struct reach_failure failure = {WIRE_MISSING_NONE, 0};
    *link = (struct link){.socket = -1};
    link_try(link, settings, interp, refused, &failure);
    if (failure.reason == WIRE_MISSING_NONE)
        return true;
    notice_leave(settings, NOTICE_PYTHON, failure.reason, failure.error, NULL);
    link_close(link);
    link->failed = failure.reason;
    return false;
}

/* Nobody holds the other end of a connection: look for pyrec itself, or for its visits. */
static bool is_pyrec_gone(const struct link *link)
{
    if (link->peer > 0)
        return kill(link->peer, 0) != 0 && errno == ESRCH;
    const uint64_t beat = atomic_load_explicit(&link->head->collector_beat, memory_order_relaxed);
    return beat != 0 && clock_now() > beat + BEAT_MAX_NS;
}

bool link_lost(struct link *link)
{
    char byte;
    if (link->socket >= 0 && atomic_load_explicit(&link->head->is_hung_up, memory_order_acquire)) {
        close(link->socket);
        link->socket = -1;
    }
    if (link->socket < 0)
        return is_pyrec_gone(link);
    const ssize_t n = recv(link->socket, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    if (n != 0 && (n > 0 || errno == EAGAIN || errno == EINTR))
        return false;
    return !atomic_load_explicit(&link->head->is_hung_up, memory_order_acquire) ||
           is_pyrec_gone(link);
}

void link_close(struct link *link)
{
    if (link->socket >= 0)
        close(link->socket);
    if (link->head != NULL)
        munmap(link->head, WIRE_MEMORY_LEN);
    link->head = NULL;
    link->socket = -1;
}
