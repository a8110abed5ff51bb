/* SPDX-License-Identifier: MIT */
#include "library.h"

#include "record/kernel/procfs.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIBRARY_MAX (64 << 20)

static bool is_same_namespace(pid_t pid)
{
    char path[32], theirs[64], ours[64];
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", pid);
    const ssize_t n = readlink(path, theirs, sizeof theirs);
    return n > 0 && n == readlink("/proc/self/ns/mnt", ours, sizeof ours) &&
           memcmp(ours, theirs, (size_t)n) == 0;
}

bool library_is_reachable(pid_t pid)
{
    char status[4096], root[64], path[32];
    snprintf(path, sizeof path, "/proc/%d/root", pid);
    const ssize_t len = readlink(path, root, sizeof root);
    if (!is_same_namespace(pid) || len != 1 ||
        procfs_read(status, sizeof status, "/proc/%d/status", pid) <= 0)
        return false;
    uint64_t user;
    return procfs_status_number(status, "Uid", 10, &user) && user == geteuid();
}

char *library_read(const char *path, size_t *size)
{
    struct stat is;
    char *bytes = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &is) == 0 && is.st_size > 0 && is.st_size < LIBRARY_MAX) {
        *size = (size_t)is.st_size;
        bytes = malloc(*size);
        if (bytes != NULL && read(fd, bytes, *size) != is.st_size) {
            free(bytes);
            bytes = NULL;
        }
    }
    if (fd >= 0)
        close(fd);
    return bytes;
}
