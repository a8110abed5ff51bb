/* SPDX-License-Identifier: MIT */
#include "regard.h"

#include "record/kernel/procfs.h"
#include "record/wire/wire.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STATUS_MAX (16u << 10)

static enum inject_outcome refuse(struct problem *why, enum inject_outcome outcome,
                                  const char *format, ...) __attribute__((format(printf, 3, 4)));

static enum inject_outcome refuse(struct problem *why, enum inject_outcome outcome,
                                  const char *format, ...)
{
    char text[sizeof why->detail];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)problem_set(why, STATUS_UNSUPPORTED, PROBLEM_NO_OFFSET, "%s", text);
    return outcome;
}

/* ---- what the kernel says of it ---- */

/* -1: it is not there. */
static long status_number(const char *status, const char *name)
{
    uint64_t number;
    return procfs_status_number(status, name, 10, &number) ? (long)number : -1;
}

static void comm_of(pid_t pid, char comm[PROCFS_COMM_MAX])
{
    if (!procfs_comm(pid, pid, comm))
        snprintf(comm, PROCFS_COMM_MAX, "?");
}

/* A tracer may have any thread. */
struct tracing {
    pid_t pid, by;
    bool is_stopped;
};

static void thread_look(void *closure, pid_t tid)
{
    struct tracing *const tracing = closure;
    char text[STATUS_MAX];
    if (procfs_read(text, sizeof text, "/proc/%d/task/%d/status", tracing->pid, tid) <= 0)
        return;
    const char *const state = strstr(text, "\nState:\t");
    const long by = status_number(text, "TracerPid");
    if (by > 0)
        tracing->by = (pid_t)by;
    if (state != NULL && (state[8] == 'T' || state[8] == 't'))
        tracing->is_stopped = true;
}

static enum inject_outcome state_look(pid_t pid, struct problem *why)
{
    char path[32], comm[PROCFS_COMM_MAX];
    struct tracing tracing = {.pid = pid};
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    (void)procfs_each_number(path, thread_look, &tracing);
    if (tracing.by > 0) {
        comm_of(tracing.by, comm);
        return refuse(why, INJECT_BUSY,
                      "is being traced by process %d (%s), which has to end first", (int)tracing.by,
                      comm);
    }
    if (tracing.is_stopped)
        return refuse(why, INJECT_BUSY, "is stopped: let it go on first (kill -CONT %d)", (int)pid);
    return INJECT_DONE;
}

/* It runs in the memory of its parent, which waits for it to become another program. */
static bool is_vfork_child(pid_t pid)
{
    struct procfs_stat is;
    return procfs_stat_read(pid, &is) && is.parent > 1 &&
           syscall(SYS_kcmp, pid, is.parent, KCMP_VM, 0ul, 0ul) == 0;
}

static enum inject_outcome rights_look(pid_t pid, struct problem *why)
{
    _Alignas(Elf64_auxv_t) char text[4096];
    char status[STATUS_MAX];
    const ssize_t len = procfs_read(text, sizeof text, "/proc/%d/auxv", pid);
    for (ssize_t at = 0; at + (ssize_t)sizeof(Elf64_auxv_t) <= len;
         at += (ssize_t)sizeof(Elf64_auxv_t)) {
        Elf64_auxv_t item;
        memcpy(&item, text + at, sizeof item);
        if (item.a_type == AT_SECURE && item.a_un.a_val != 0)
            return refuse(why, INJECT_UNFIT,
                          "has rights of its own (set-user-ID or capabilities): such a program is "
                          "not attached to");
    }
    if (procfs_read(status, sizeof status, "/proc/%d/status", pid) > 0 &&
        status_number(status, "Seccomp") > 0)
        return refuse(why, INJECT_UNFIT,
                      "has a filter of system calls (seccomp), which might end it for one of ours: "
                      "start it with pyrec -- instead");
    return INJECT_DONE;
}

/* ---- why its memory cannot be read ---- */

static enum inject_outcome denied(pid_t pid, struct problem *why)
{
    char status[STATUS_MAX];
    const int scope = procfs_yama_scope();
    const bool is_read = procfs_read(status, sizeof status, "/proc/%d/status", pid) > 0;
    const long user = is_read ? status_number(status, "Uid") : -1;
    if (is_read && user >= 0 && user != (long)geteuid() && geteuid() != 0)
        return refuse(why, INJECT_RIGHTS,
                      "belongs to another user (%ld): run pyrec as that user, or as root", user);
    if (scope == 3)
        return refuse(why, INJECT_RIGHTS,
                      "may not be looked into by anybody (kernel.yama.ptrace_scope is 3, until the "
                      "next boot): start it with pyrec -- instead");
    if (scope > 0 && geteuid() != 0)
        return refuse(why, INJECT_RIGHTS,
                      "may not be looked into by its own user (kernel.yama.ptrace_scope is %d): "
                      "run pyrec as root, or sysctl kernel.yama.ptrace_scope=0",
                      scope);
    if (procfs_read(status, sizeof status, "/proc/self/status") > 0 &&
        status_number(status, "Seccomp") > 0)
        return refuse(
            why, INJECT_RIGHTS,
            "may not be looked into from here: pyrec has a filter of system calls, as in a "
            "container without the capability SYS_PTRACE");
    return refuse(why, INJECT_RIGHTS,
                  "may not be looked into: it has rights that pyrec lacks, or has forbidden it "
                  "(prctl PR_SET_DUMPABLE); try as root");
}

static enum inject_outcome unreadable(pid_t pid, int error, struct problem *why)
{
    struct procfs_stat is;
    if (error == EPERM || error == EACCES)
        return denied(pid, why);
    if (error != ESRCH)
        return refuse(why, INJECT_FAILED, "cannot be read: %s", strerror(error));
    if (procfs_stat_read(pid, &is))
        return refuse(why, INJECT_GONE,
                      is.state == 'Z' ? "has ended already" : "is a thread of the kernel");
    return refuse(why, INJECT_GONE, "is not there: no process has this number");
}

/* ---- what is in its memory ---- */

/* For another machine, as a 32-bit program is for ours. */
static bool is_foreign(const struct regard *regard)
{
    for (uint32_t i = 0; i < regard->maps.n; i++) {
        unsigned char ident[EI_NIDENT];
        const struct remote_map *const map = &regard->maps.list[i];
        if (map->offset == 0 && map->inode != 0 && (map->rights & REMOTE_READ) != 0 &&
            map->path[0] == '/' && strncmp(map->path, "/dev/", 5) != 0 &&
            remote_read(&regard->remote, map->from, ident, sizeof ident) &&
            memcmp(ident, ELFMAG, SELFMAG) == 0)
            return ident[EI_CLASS] != ELFCLASS64;
    }
    return false;
}

static enum inject_outcome libc_look(const struct regard *regard, struct problem *why)
{
    if (is_foreign(regard))
        return refuse(why, INJECT_UNFIT, "is a 32-bit program, or one for another machine");
    if (remote_images_named(&regard->images, "ld-musl") != NULL ||
        remote_images_named(&regard->images, "libc.musl") != NULL)
        return refuse(why, INJECT_UNFIT, "has musl for its C library: pyrec needs glibc");
    if (remote_images_named(&regard->images, "ld-linux") == NULL)
        return refuse(why, INJECT_UNFIT, "is statically linked: nothing can be loaded into it");
    return INJECT_DONE;
}

static enum inject_outcome python_look(const struct regard *regard, struct problem *why)
{
    uint64_t at;
    if (remote_images_find(&regard->images, &regard->remote, "PyCode_Type", &at) == NULL) {
        if (remote_images_find(&regard->images, &regard->remote, "pypy_main_startup", &at) !=
                NULL ||
            remote_images_named(&regard->images, "libpypy") != NULL)
            return refuse(why, INJECT_UNFIT, "is a PyPy: pyrec knows CPython");
        return refuse(why, INJECT_GONE, "has no Python in it");
    }
    if (remote_images_find(&regard->images, &regard->remote, "_PyRuntime", &at) == NULL)
        return refuse(why, INJECT_UNFIT, "has a Python older than 3.8, which pyrec does not know");
    return INJECT_DONE;
}

/* The ring of an agent that records. */
static bool has_recorder(const struct remote *remote, const struct remote_maps *maps)
{
    for (uint32_t i = 0; i < maps->n; i++) {
        const struct remote_map *const map = &maps->list[i];
        struct wire_head head;
        uint32_t state;
        if (strncmp(map->path, "/memfd:pyrec", 12) != 0 || map->offset != 0 ||
            !remote_read(remote, map->from, &head, sizeof head) ||
            memcmp(head.magic, WIRE_MAGIC, sizeof head.magic) != 0)
            continue;
        memcpy(&state, (const char *)&head + offsetof(struct wire_head, state), sizeof state);
        if (state == WIRE_STARTING || state == WIRE_RUNNING || state == WIRE_PAUSED)
            return true;
    }
    return false;
}

/* ---- all of it ---- */

/* On the directory of its descriptors: one of the kernel's for each process, and the owner's alone.
 */
static enum inject_outcome lock_take(struct regard *regard, struct problem *why)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/fd", regard->remote.pid);
    regard->lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (regard->lock < 0)
        return refuse(why, errno == ENOENT ? INJECT_GONE : INJECT_RIGHTS, "%s: %s", path,
                      strerror(errno));
    if (flock(regard->lock, LOCK_EX | LOCK_NB) != 0)
        return refuse(why, INJECT_BUSY, "is just being attached to by another pyrec");
    return INJECT_DONE;
}

static enum inject_outcome memory_look(struct regard *regard, struct problem *why)
{
    enum inject_outcome outcome;
    const int error = remote_maps_read(&regard->maps, &regard->remote);
    if (error != 0)
        return unreadable(regard->remote.pid, error, why);
    if (!remote_images_read(&regard->images, &regard->remote, &regard->maps))
        return refuse(why, INJECT_FAILED, "cannot be read: no memory");
    if ((outcome = libc_look(regard, why)) != INJECT_DONE ||
        (outcome = python_look(regard, why)) != INJECT_DONE)
        return outcome;
    if (has_recorder(&regard->remote, &regard->maps))
        return refuse(why, INJECT_BUSY, "is being recorded already, by another pyrec");
    return INJECT_DONE;
}

enum inject_outcome regard_open(struct regard *regard, pid_t pid, struct problem *why)
{
    struct procfs_stat is = {.start = 0};
    enum inject_outcome outcome;
    *regard = (struct regard){.pidfd = -1, .lock = -1};
    const bool is_there = procfs_stat_read(pid, &is);
    regard->start = is.start;
    regard->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    const int error = is_there ? remote_open(&regard->remote, pid) : ESRCH;
    regard->remote.pid = pid;
    if (error != 0)
        return unreadable(pid, error, why);
    if ((outcome = state_look(pid, why)) != INJECT_DONE ||
        (outcome = rights_look(pid, why)) != INJECT_DONE)
        return outcome;
    if (is_vfork_child(pid))
        return refuse(why, INJECT_BUSY, "is about to become another program (vfork): try again");
    if ((outcome = lock_take(regard, why)) != INJECT_DONE)
        return outcome;
    return memory_look(regard, why);
}

bool regard_has_recorder(pid_t pid)
{
    struct remote remote;
    struct remote_maps maps = {.n = 0};
    const bool has = remote_open(&remote, pid) == 0 && remote_maps_read(&maps, &remote) == 0 &&
                     has_recorder(&remote, &maps);
    remote_maps_clear(&maps);
    return has;
}

bool regard_is_same(const struct regard *regard)
{
    struct procfs_stat is;
    return procfs_stat_read(regard->remote.pid, &is) && is.start == regard->start;
}

void regard_close(struct regard *regard)
{
    remote_images_clear(&regard->images);
    remote_maps_clear(&regard->maps);
    if (regard->pidfd >= 0)
        close(regard->pidfd);
    if (regard->lock >= 0)
        close(regard->lock);
    regard->pidfd = regard->lock = -1;
}
