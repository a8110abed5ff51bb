/* SPDX-License-Identifier: MIT */
#include "input.h"

#include "analyze/base/memory.h"
#include "analyze/base/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE     (256u << 10)
#define FIRST_OWN 3 /* descriptor that is not one of the standard three */

/* Pipes that were read, and what was in them. */
struct kept {
    dev_t device;
    ino_t inode;
    int fd;
};
static struct kept *kept;
static size_t n_kept, kept_size;

static bool is_standard_input(const char *path)
{
    return strcmp(path, "-") == 0;
}

const char *input_name(const char *path)
{
    return is_standard_input(path) ? "standard input" : path;
}

bool input_look(const char *path, struct stat *info)
{
    return is_standard_input(path) ? fstat(STDIN_FILENO, info) == 0 : stat(path, info) == 0;
}

bool input_passes_by(const char *path)
{
    struct stat info;
    return is_standard_input(path) || (input_look(path, &info) && !S_ISREG(info.st_mode));
}

static enum status failed(struct problem *why, const char *path)
{
    return problem_set(why, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, PROBLEM_NO_OFFSET,
                       "%s: %s", input_name(path), strerror(errno));
}

static const char *temporary_folder(void)
{
    const char *const folder = getenv("TMPDIR");
    return folder != NULL && folder[0] != '\0' ? folder : "/tmp";
}

enum status input_make_unnamed(int *fd, const char *what, struct problem *why)
{
    const char *const folder = temporary_folder();
    *fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*fd < 0) { /* a file system that knows no such files */
        char name[4096];
        snprintf(name, sizeof name, "%s/pyanalyze-XXXXXX", folder);
        *fd = mkostemp(name, O_CLOEXEC);
        if (*fd >= 0)
            (void)unlink(name);
    }
    if (*fd < 0)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET,
                           "%s: no file can be made in %s: %s; TMPDIR names another folder", what,
                           folder, strerror(errno));
    return STATUS_OK;
}

bool input_copy(int from, int to)
{
    char *const bytes = memory_get(PIECE);
    ssize_t n;
    bool good = true;
    while (good && ((n = read(from, bytes, PIECE)) > 0 || (n < 0 && errno == EINTR)))
        good = n < 0 || whole_write(to, bytes, (size_t)n);
    good = good && n == 0;
    const int error = errno;
    free(bytes);
    errno = error;
    return good;
}

/* Read a pipe to its end into a file without a name, and take that into the list. */
static enum status keep(int pipe, const char *path, const struct stat *info, struct problem *why)
{
    int fd;
    TRY(input_make_unnamed(&fd, input_name(path), why));
    if (!input_copy(pipe, fd)) {
        const int error = errno;
        const bool full = status_of_errno(error) == STATUS_DISK_FULL;
        close(fd);
        if (full)
            return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET,
                               "%s: what comes through it does not fit into %s: %s; TMPDIR names "
                               "another folder",
                               input_name(path), temporary_folder(), strerror(error));
        errno = error;
        return failed(why, path);
    }
    kept = memory_grow(kept, &kept_size, n_kept + 1, sizeof *kept);
    kept[n_kept++] = (struct kept){info->st_dev, info->st_ino, fd};
    return STATUS_OK;
}

static int find_kept(const struct stat *info)
{
    for (size_t i = 0; i < n_kept; i++) {
        if (kept[i].device == info->st_dev && kept[i].inode == info->st_ino)
            return kept[i].fd;
    }
    return -1;
}

/* A socket cannot be opened by its path, and a FIFO is opened when somebody writes to it. */
static int open_path(const char *path)
{
    struct stat info;
    const bool known = stat(path, &info) == 0;
    const int own = is_standard_input(path) ? STDIN_FILENO : descriptor_of_path(path);
    if (is_standard_input(path) || (own >= 0 && known && !S_ISREG(info.st_mode)))
        return fcntl(own, F_DUPFD_CLOEXEC, FIRST_OWN);
    const bool waits = known && S_ISFIFO(info.st_mode);
    return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (waits ? 0 : O_NONBLOCK));
}

/* Standard input that somebody has begun to read goes on where it is, as for any other program. */
static bool is_begun(const char *path, int fd, const struct stat *info)
{
    return is_standard_input(path) && S_ISREG(info->st_mode) && lseek(fd, 0, SEEK_CUR) > 0;
}

enum status input_open(const char *path, int *fd, struct problem *why)
{
    struct stat info;
    *fd = -1;
    if (input_look(path, &info) && (!S_ISREG(info.st_mode) || is_standard_input(path)) &&
        find_kept(&info) >= 0) {
        *fd = fcntl(find_kept(&info), F_DUPFD_CLOEXEC, FIRST_OWN);
        return *fd >= 0 ? STATUS_OK : failed(why, path);
    }
    const int opened = open_path(path);
    if (opened < 0)
        return failed(why, path);
    enum status status = STATUS_OK;
    if (fstat(opened, &info) != 0)
        status = failed(why, path);
    else if (is_standard_input(path) && isatty(opened) == 1)
        status = problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                             "-: standard input is a terminal; it is for a pipe: "
                             "zstd -dc run.trace.zst | pyanalyze lines -");
    else if (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode) || is_begun(path, opened, &info))
        status = keep(opened, path, &info, why);
    else
        *fd = opened;
    if (status == STATUS_OK && *fd < 0) {
        *fd = fcntl(kept[n_kept - 1].fd, F_DUPFD_CLOEXEC, FIRST_OWN);
        status = *fd >= 0 ? STATUS_OK : failed(why, path);
    }
    if (*fd != opened)
        close(opened);
    return status;
}
