/* SPDX-License-Identifier: MIT */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 16384

enum status spool_open(struct spool *spool, const char *path, struct problem *why)
{
    *spool =
        (struct spool){.fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600)};
    if (spool->fd >= 0)
        return STATUS_OK;
    return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%.200s: %s", path, strerror(errno));
}

bool spool_print(struct spool *spool, int to)
{
    char block[BLOCK];
    if (spool->fd < 0 || spool->is_over)
        return false;
    const ssize_t n = pread(spool->fd, block, sizeof block, spool->done);
    if (n <= 0)
        return false;
    const ssize_t written = write(to, block, (size_t)n);
    if (written > 0)
        spool->done += written;
    spool->is_over = written < 0 && errno != EAGAIN && errno != EINTR;
    return written > 0;
}

void spool_close(struct spool *spool)
{
    if (spool->fd >= 0)
        close(spool->fd);
    spool->fd = -1;
}
