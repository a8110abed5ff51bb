/* SPDX-License-Identifier: MIT */
#include "plain_file.h"

#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE 65536u

static enum status failed(struct problem *why, const char *path, const char *reason)
{
    return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s", path, reason);
}

static enum status read_all(struct plain_file *file, int fd, const char *path, size_t limit,
                            const char *what, struct problem *why)
{
    size_t size = 0;
    ssize_t got;
    do {
        file->bytes = memory_grow(file->bytes, &size, file->len + PIECE + 1, 1);
        got = pread(fd, file->bytes + file->len, PIECE, (off_t)file->len);
        file->len += got > 0 ? (size_t)got : 0;
    } while ((got > 0 && file->len <= limit) || (got < 0 && errno == EINTR));
    file->bytes[file->len] = '\0';
    if (got < 0)
        return failed(why, path, strerror(errno));
    if (file->len > limit)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: too large for a %s", path, what);
    return STATUS_OK;
}

enum status plain_file_take(struct plain_file *file, int fd, const char *path, size_t limit,
                            const char *what, struct problem *why)
{
    struct stat info;
    enum status status = STATUS_OK;
    *file = (struct plain_file){0};
    if (fstat(fd, &info) != 0)
        status = failed(why, path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        status =
            problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s", path,
                        S_ISDIR(info.st_mode) ? "a folder, not a plain file" : "not a plain file");
    if (status == STATUS_OK) {
        file->changed_unix_ns =
            (int64_t)info.st_mtim.tv_sec * 1000000000 + (int64_t)info.st_mtim.tv_nsec;
        status = read_all(file, fd, path, limit, what, why);
    }
    close(fd);
    if (status != STATUS_OK) {
        free(file->bytes);
        *file = (struct plain_file){0};
    }
    return status;
}

enum status plain_file_read(struct plain_file *file, const char *path, size_t limit,
                            const char *what, struct problem *why)
{
    *file = (struct plain_file){0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return failed(why, path, strerror(errno));
    return plain_file_take(file, fd, path, limit, what, why);
}
