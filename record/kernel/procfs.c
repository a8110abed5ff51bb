/* SPDX-License-Identifier: MIT */
#include "procfs.h"
#include "record/base/clocks.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ENVIRONMENT_MAX (256u << 10) /* of it, this much is searched */

#define PF_KTHREAD     0x00200000u /* in field 9 of stat */
#define PF_IO_WORKER   0x00000010
#define PF_USER_WORKER 0x00004000 /* since 6.4; of io_uring both */
#define STATUS_MAX     (16u << 10)

/* Looked at anew after a fork. */
bool procfs_is_ours(void)
{
    static _Atomic pid_t looked_by;
    static _Atomic bool is_ours;
    char text[32];
    const pid_t pid = getpid();
    if (looked_by == pid)
        return is_ours;
    const ssize_t len = readlink("/proc/self", text, sizeof text - 1);
    text[len > 0 ? len : 0] = '\0';
    is_ours = strtol(text, NULL, 10) == pid;
    looked_by = pid;
    return is_ours;
}

static bool is_of_others(const char *path)
{
    static const char root[] = "/proc/";
    const char *const name = path + sizeof root - 1;
    return strncmp(path, root, sizeof root - 1) == 0 && name[0] >= '0' && name[0] <= '9' &&
           !procfs_is_ours();
}

ssize_t procfs_read(char *text, size_t size, const char *format, ...)
{
    char path[128];
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    const int fd = is_of_others(path) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t len = 0;
    ssize_t n;
    do {
        n = read(fd, text + len, size - 1 - len);
        if (n > 0)
            len += (size_t)n;
    } while ((n > 0 && len < size - 1) || (n < 0 && errno == EINTR));
    close(fd);
    text[len] = '\0';
    return n < 0 ? -1 : (ssize_t)len;
}

bool procfs_stat_read(pid_t pid, struct procfs_stat *stat)
{
    char text[1024];
    if (procfs_read(text, sizeof text, "/proc/%d/stat", pid) <= 0)
        return false;
    const char *at = strrchr(text, ')'); /* the name may hold anything, also ") R 1" */
    if (at == NULL)
        return false;
    *stat = (struct procfs_stat){0};
    uint64_t user = 0, system = 0;
    unsigned flags = 0;
    if (sscanf(at,
               ") %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
               " %*d %*d %*d %*d %*d %*d %" SCNu64,
               &stat->state, &stat->parent, &flags, &user, &system, &stat->start) != 6)
        return false;
    stat->is_of_kernel = (flags & PF_KTHREAD) != 0;
    stat->cpu_ticks = user + system;
    const char *last = strrchr(text, ' '); /* field 52, the last one of Linux since 3.5 */
    stat->exit_code = last != NULL ? (int32_t)strtol(last, NULL, 10) : 0;
    return true;
}

bool procfs_is_same(pid_t pid, uint64_t start)
{
    struct procfs_stat stat;
    return procfs_stat_read(pid, &stat) && stat.start == start;
}

bool procfs_lives(pid_t pid, uint64_t start)
{
    struct procfs_stat stat;
    return procfs_stat_read(pid, &stat) && stat.start == start && stat.state != 'Z' &&
           stat.state != 'X';
}

bool procfs_status_number(const char *status, const char *name, int base, uint64_t *number)
{
    char key[32];
    snprintf(key, sizeof key, "\n%s:", name);
    const char *const at = strstr(status, key);
    if (at == NULL)
        return false;
    *number = strtoull(at + strlen(key), NULL, base);
    return true;
}

void procfs_auxiliary_read(pid_t pid, struct procfs_auxiliary *auxiliary)
{
    _Alignas(Elf64_auxv_t) char text[4096];
    const ssize_t len = procfs_read(text, sizeof text, "/proc/%d/auxv", pid);
    *auxiliary = (struct procfs_auxiliary){.is_told = false};
    for (ssize_t at = 0; at + (ssize_t)sizeof(Elf64_auxv_t) <= len;
         at += (ssize_t)sizeof(Elf64_auxv_t)) {
        Elf64_auxv_t item;
        memcpy(&item, text + at, sizeof item);
        auxiliary->is_told |= item.a_type != AT_NULL;
        auxiliary->is_secure |= item.a_type == AT_SECURE && item.a_un.a_val != 0;
        auxiliary->has_loader |= item.a_type == AT_BASE && item.a_un.a_val != 0;
        if (item.a_type == AT_PHDR)
            auxiliary->headers = item.a_un.a_val;
    }
}

bool procfs_user(pid_t pid, uid_t *user)
{
    char status[STATUS_MAX];
    uint64_t number;
    if (procfs_read(status, sizeof status, "/proc/%d/status", pid) <= 0 ||
        !procfs_status_number(status, "Uid", 10, &number))
        return false;
    *user = (uid_t)number;
    return true;
}

int procfs_yama_scope(void)
{
    char text[16];
    return procfs_read(text, sizeof text, "/proc/sys/kernel/yama/ptrace_scope") > 0 ? atoi(text)
                                                                                    : 0;
}

ino_t procfs_namespace(pid_t pid, const char *kind)
{
    char path[64];
    struct stat is;
    snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, kind);
    return !is_of_others(path) && stat(path, &is) == 0 ? is.st_ino : 0;
}

bool procfs_shares_namespace(pid_t pid, const char *kind)
{
    char path[64];
    struct stat ours;
    snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
    return stat(path, &ours) == 0 && procfs_namespace(pid, kind) == ours.st_ino;
}

bool procfs_is_worker(const char *stat)
{
    const char *const at = strrchr(stat, ')');
    unsigned flags = 0;
    return at != NULL && sscanf(at, ") %*c %*d %*d %*d %*d %*d %u", &flags) == 1 &&
           (flags & (PF_IO_WORKER | PF_USER_WORKER)) != 0;
}

bool procfs_inner_number(pid_t pid, pid_t tid, pid_t *inner, bool *is_nested)
{
    char text[4096];
    if (procfs_read(text, sizeof text, "/proc/%d/task/%d/status", pid, tid) <= 0)
        return false;
    const char *at = strstr(text, "\nNSpid:");
    if (at == NULL)
        return false;
    int n = 0;
    for (at += strlen("\nNSpid:"); *at == '\t'; n++) {
        char *end;
        *inner = (pid_t)strtol(at, &end, 10);
        at = end;
    }
    *is_nested = n > 1;
    return n > 0;
}

bool procfs_inner_pid(pid_t pid, pid_t *inner)
{
    bool is_nested;
    return procfs_inner_number(pid, pid, inner, &is_nested);
}

bool procfs_comm(pid_t pid, pid_t tid, char comm[PROCFS_COMM_MAX])
{
    const ssize_t len = procfs_read(comm, PROCFS_COMM_MAX, "/proc/%d/task/%d/comm", pid, tid);
    if (len <= 0)
        return false;
    if (comm[len - 1] == '\n')
        comm[len - 1] = '\0';
    return true;
}

bool procfs_schedule_read(pid_t pid, pid_t tid, struct procfs_schedule *schedule)
{
    char text[128];
    if (procfs_read(text, sizeof text, "/proc/%d/task/%d/schedstat", pid, tid) <= 0)
        return false;
    return sscanf(text, "%" SCNu64 " %" SCNu64, &schedule->ran_ns, &schedule->waited_ns) == 2;
}

/* The words and the environment are the last that execve() sets, and until then both read as empty.
 * So they do of a kernel's thread and of what has ended; neither of these has a file. */
static bool is_in_exec(pid_t pid)
{
    char path[32], text[2];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    return procfs_read(text, sizeof text, "/proc/%d/cmdline", pid) == 0 &&
           readlink(path, text, sizeof text) > 0;
}

enum procfs_has procfs_environment_has(pid_t pid, const char *text)
{
    static const char environment[] = "/proc/%d/environ";
    char *const all = malloc(ENVIRONMENT_MAX);
    bool may_yet = false;
    ssize_t len = all == NULL ? -1 : procfs_read(all, ENVIRONMENT_MAX, environment, pid);
    if (len == 0) {
        may_yet = is_in_exec(pid);
        len = procfs_read(all, ENVIRONMENT_MAX, environment, pid);
    }
    const bool has = len > 0 && memmem(all, (size_t)len, text, strlen(text)) != NULL;
    free(all);
    return has ? PROCFS_HAS : len == 0 && may_yet ? PROCFS_IN_EXEC : PROCFS_HAS_NOT;
}

bool procfs_process_cpu(pid_t pid, uint64_t *cpu_ns)
{
    clockid_t clock;
    if (clock_getcpuclockid(pid, &clock) != 0)
        return false;
    const uint64_t now = clocks_ns(clock);
    if (now != UINT64_MAX)
        *cpu_ns = now;
    return now != UINT64_MAX;
}

bool procfs_each_number(const char *directory, void (*each)(void *closure, pid_t number),
                        void *closure)
{
    DIR *dir = procfs_is_ours() ? opendir(directory) : NULL;
    if (dir == NULL)
        return false;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            each(closure, (pid_t)strtol(entry->d_name, NULL, 10));
    closedir(dir);
    return true;
}
