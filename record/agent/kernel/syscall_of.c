/* SPDX-License-Identifier: MIT */
#include "syscall_of.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define DENIED_LOOKS 64u /* after so many it is tried again: what may be dumped changes */
#define STATUS_MAX   4096u
#define LISTING_MAX  2048u

/* What the kernel gives for each entry of a directory. */
struct listed {
    uint64_t inode;
    int64_t offset;
    uint16_t len;
    uint8_t type;
    char name[];
};

static ssize_t file_read(int directory, const char *path, char *text, size_t size)
{
    const int fd = openat(directory, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    const ssize_t n = read(fd, text, size - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n;
}

/* ---- whose numbers ---- */

/*
 * The line "NSpid: 5061 1" of a status file: its number in the namespace of this /proc, then those
 * in the ones inside of it, ours last. 0 when there is none.
 */
static int32_t own_number(const char *status, bool *is_foreign)
{
    const char *at = strstr(status, "\nNSpid:");
    long number = 0;
    int n = 0;
    if (at == NULL)
        return 0;
    for (at += 7; *at == '\t'; n++) {
        char *end;
        number = strtol(at, &end, 10);
        at = end;
    }
    *is_foreign = n > 1;
    return (int32_t)number;
}

void standing_each(const struct standing_tasks *tasks, standing_task_fn *each, void *closure)
{
    _Alignas(8) char listing[LISTING_MAX];
    bool goes_on = true;
    const int fd = openat(tasks->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    for (long n; goes_on && (n = syscall(SYS_getdents64, fd, listing, sizeof(listing))) > 0;) {
        for (long at = 0; at < n && goes_on;) {
            const struct listed *const entry = (const void *)(listing + at);
            at += entry->len;
            const int32_t number = (int32_t)strtol(entry->name, NULL, 10);
            if (number > 0)
                goes_on = each(closure, number);
        }
    }
    close(fd);
}

void standing_comm(const struct standing_tasks *tasks, int32_t number, char comm[STANDING_COMM_MAX])
{
    char path[32];
    snprintf(path, sizeof(path), "%d/comm", number);
    comm[0] = '\0';
    (void)file_read(tasks->fd, path, comm, STANDING_COMM_MAX);
}

struct search {
    const struct standing_tasks *tasks;
    int32_t wanted, found;
};

/* A standing_task_fn. */
static bool foreign_look(void *closure, int32_t number)
{
    struct search *const search = closure;
    char path[32], status[STATUS_MAX];
    bool foreign;
    snprintf(path, sizeof(path), "%d/status", number);
    if (file_read(search->tasks->fd, path, status, sizeof(status)) > 0 &&
        own_number(status, &foreign) == search->wanted)
        search->found = number;
    return search->found == 0;
}

/* The number that /proc has for our thread `tid`; 0 when there is no such thread. */
static int32_t foreign_find(const struct standing_tasks *tasks, int32_t tid)
{
    struct search search = {.tasks = tasks, .wanted = tid};
    standing_each(tasks, foreign_look, &search);
    return search.found;
}

void standing_open(struct standing_tasks *tasks, bool wants_place)
{
    struct statfs about;
    char status[STATUS_MAX];
    *tasks = (struct standing_tasks){.fd = -1, .wants_place = wants_place};
    const int fd = open("/proc/self/task", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstatfs(fd, &about) == 0 && about.f_type == PROC_SUPER_MAGIC &&
        file_read(fd, "../status", status, sizeof(status)) > 0 &&
        own_number(status, &tasks->is_foreign) == (int32_t)syscall(SYS_getpid))
        tasks->fd = fd;
    else
        close(fd);
}

/* ---- a thread's files ---- */

static void file_close(int32_t *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void standing_close_files(struct standing_files *files)
{
    file_close(&files->call);
    file_close(&files->stat);
    file_close(&files->wchan);
}

/* Read a thread's file, from its start; -1 when that cannot be done. */
static ssize_t task_read(const struct standing_tasks *tasks, int32_t tid, const char *name,
                         int32_t *fd, char *text, size_t size)
{
    char path[64];
    if (*fd < 0) {
        snprintf(path, sizeof(path), "%d/%s", tid, name);
        *fd = openat(tasks->fd, path, O_RDONLY | O_CLOEXEC);
    }
    const ssize_t n = *fd >= 0 ? pread(*fd, text, size - 1, 0) : -1;
    text[n > 0 ? n : 0] = '\0';
    return n;
}

/* ---- what they say ---- */

/* The last two words: sp and pc. */
static void place_parse(const char *line, struct standing *standing)
{
    char *end;
    const char *const last = strrchr(line, ' '), *before = last;
    while (before != NULL && before > line && before[-1] != ' ')
        before--;
    if (before == NULL)
        return;
    standing->sp = strtoull(before, &end, 16);
    standing->pc = end == last ? strtoull(last, NULL, 16) : 0;
}

/* "running", or the number of the call and its arguments (-1: none, and none). */
static struct standing line_parse(const char *line)
{
    struct standing standing = {.kind = STANDING_UNKNOWN, .call = -1};
    if (strncmp(line, "running", 7) == 0) {
        standing.kind = STANDING_READY;
        return standing;
    }
    char *end;
    const long number = strtol(line, &end, 10);
    if (end == line)
        return standing;
    standing.kind = number < 0 ? STANDING_OUTSIDE : STANDING_CALL;
    standing.call = number < 0 ? -1 : (int32_t)number;
    if (number >= 0)
        standing.argument = strtoull(end, &end, 16);
    return standing;
}

/* 'R', 'S', 'D' ..: behind the name, which may hold anything; 0 when it is not there. */
static char state_parse(const char *stat)
{
    const char *const end = strrchr(stat, ')');
    return end != NULL && end[1] == ' ' ? end[2] : '\0';
}

/* The name of the function it waits in, without what the compiler has added. */
static void function_parse(struct standing *standing, const char *wchan)
{
    const size_t len = strspn(wchan, "abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    if (len > 0 && len < STANDING_NAME_MAX && wchan[0] != '0')
        memcpy(standing->function, wchan, len);
    if (strstr(standing->function, "futex") != NULL)
        standing->call = SYS_futex;
}

/* Where it waits is read first: if it is runnable afterwards, it may wait no more. */
static struct standing stat_look(const struct standing_tasks *tasks, int32_t tid,
                                 struct standing_files *files)
{
    struct standing standing = {.kind = STANDING_UNKNOWN, .call = -1};
    char wchan[128], stat[512];
    (void)task_read(tasks, tid, "wchan", &files->wchan, wchan, sizeof(wchan));
    if (task_read(tasks, tid, "stat", &files->stat, stat, sizeof(stat)) <= 0)
        return standing;
    switch (state_parse(stat)) {
    case 'R':
        standing.kind = STANDING_READY;
        break;
    case 'S':
    case 'D':
        standing.kind = STANDING_KERNEL;
        function_parse(&standing, wchan);
        break;
    case 'T':
    case 't':
        standing.kind = STANDING_OUTSIDE;
        break;
    default: /* it ends, or this is a kernel that says more than we know */
        break;
    }
    return standing;
}

static struct standing call_look(struct standing_tasks *tasks, int32_t tid,
                                 struct standing_files *files)
{
    char line[256];
    struct standing standing = {.kind = STANDING_UNKNOWN, .call = -1};
    const bool is_denied = files->call < 0 && tasks->n_denied > 0;
    if (is_denied && tasks->n_denied++ < DENIED_LOOKS)
        return standing;
    if (task_read(tasks, tid, "syscall", &files->call, line, sizeof(line)) > 0)
        standing = line_parse(line);
    if (tasks->wants_place && standing.kind != STANDING_UNKNOWN && standing.kind != STANDING_READY)
        place_parse(line, &standing);
    tasks->n_denied = files->call < 0;
    return standing;
}

/* What /proc calls it; 0 when there is none, or it has no such thread. */
static int32_t number_of(const struct standing_tasks *tasks, int32_t tid,
                         struct standing_files *files)
{
    if (tasks->fd < 0)
        return 0;
    if (tasks->is_foreign && files->foreign_tid == 0)
        files->foreign_tid = foreign_find(tasks, tid);
    return tasks->is_foreign ? files->foreign_tid : tid;
}

struct standing standing_of_thread(struct standing_tasks *tasks, int32_t tid,
                                   struct standing_files *files, bool keep)
{
    struct standing standing = {.kind = STANDING_UNKNOWN, .call = -1};
    const int32_t number = number_of(tasks, tid, files);
    if (number == 0)
        return standing;
    standing = call_look(tasks, number, files);
    if (standing.kind == STANDING_UNKNOWN)
        standing = stat_look(tasks, number, files);
    if (!keep)
        standing_close_files(files);
    return standing;
}

/* A line of a status file that is a set of signals. */
static bool set_parse(const char *status, const char *name, uint64_t *set)
{
    const char *const at = strstr(status, name);
    if (at == NULL)
        return false;
    *set = strtoull(at + strlen(name), NULL, 16);
    return true;
}

bool standing_has_pending(struct standing_tasks *tasks, int32_t tid, struct standing_files *files,
                          int signo, uint64_t *blocked)
{
    char path[32], status[STATUS_MAX];
    uint64_t pending, mask;
    const int32_t number = number_of(tasks, tid, files);
    snprintf(path, sizeof(path), "%d/status", number);
    if (number <= 0 || file_read(tasks->fd, path, status, sizeof(status)) <= 0 ||
        !set_parse(status, "\nSigPnd:\t", &pending) || !set_parse(status, "\nSigBlk:\t", &mask))
        return false;
    if (blocked != NULL)
        *blocked = mask;
    return (pending & ~mask) >> (signo - 1) & 1;
}
