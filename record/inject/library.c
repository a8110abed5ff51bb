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

bool library_is_reachable(pid_t pid)
{
    char root[64], path[32];
    uid_t user;
    snprintf(path, sizeof path, "/proc/%d/root", pid);
    const ssize_t len = readlink(path, root, sizeof root);
    return procfs_shares_namespace(pid, "mnt") && len == 1 && procfs_user(pid, &user) &&
           user == geteuid();
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
