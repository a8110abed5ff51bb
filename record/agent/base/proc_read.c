/* SPDX-License-Identifier: MIT */
#include "proc_read.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

size_t proc_read(const char *path, char *to, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const ssize_t n = read(fd, to, size);
    close(fd);
    return n > 0 ? (size_t)n : 0;
}

/* The name in field 2 may hold anything, its ')' is the last one. */
uint64_t proc_start(int32_t pid)
{
    char path[32] = "/proc/self/stat", stat[1024];
    if (pid != 0)
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    stat[proc_read(path, stat, sizeof(stat) - 1)] = '\0';
    const char *at = strrchr(stat, ')');
    for (int field = 2; at != NULL && field < 22; field++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    return at ? strtoull(at, NULL, 10) : 0;
}

uint32_t proc_count_threads(void)
{
    struct stat task;
    return syscall(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &task, 0) == 0 && task.st_nlink > 2
               ? (uint32_t)task.st_nlink - 2
               : 0;
}
