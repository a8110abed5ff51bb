/* SPDX-License-Identifier: MIT */
#include "whole_file.h"

#include "buffer.h"
#include "format/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_OWN 3 /* descriptor that is not one of the standard three */

int descriptor_of_path(const char *path)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    static const char *const names[] = {"in", "out", "err"};
    static const char standard[] = "/dev/std";
    for (int i = 0; i < (int)ARRAY_LEN(names); i++) {
        if (strncmp(path, standard, strlen(standard)) == 0 &&
            strcmp(path + strlen(standard), names[i]) == 0)
            return i;
    }
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        const size_t len = strlen(folders[i]);
        if (strncmp(path, folders[i], len) != 0)
            continue;
        const size_t digits = strspn(path + len, "0123456789");
        if (digits > 0 && digits < 8 && path[len + digits] == '\0')
            return atoi(path + len);
    }
    return -1;
}

bool whole_write(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        const ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

bool whole_file_folders(char *path, mode_t mode)
{
    int error = 0;
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, mode) != 0 && errno != EEXIST)
            error = errno;
        *slash = '/';
    }
    errno = error;
    return error == 0;
}

/* The folder part of a path, with its slash; "./" when there is none. */
static char *folder_of(const char *path)
{
    const char *const slash = strrchr(path, '/');
    struct buffer folder = {0};
    if (slash != NULL)
        buffer_add(&folder, path, (size_t)(slash - path) + 1);
    else
        buffer_add_text(&folder, "./");
    return folder.text;
}

/* A name beside the target that nobody else has. */
static char *name_beside(const char *target)
{
    struct buffer name = {0};
    buffer_print(&name, "%s.%d~", target, (int)getpid());
    return name.text;
}

/* The path of the file behind all links; it need not be there yet. NULL, and errno. */
static char *find_target(const char *path)
{
    char *const there = realpath(path, NULL);
    if (there != NULL || errno != ENOENT)
        return there;
    const char *const slash = strrchr(path, '/');
    char *const folder = folder_of(path), *const real = realpath(folder, NULL);
    struct buffer target = {0};
    if (real != NULL)
        buffer_print(&target, "%s/%s", real, slash != NULL ? slash + 1 : path);
    free(folder);
    free(real);
    return target.text;
}

/* The rights of the file that is replaced, or of a new one. */
static mode_t wanted_mode(const char *target)
{
    struct stat there;
    if (stat(target, &there) == 0)
        return there.st_mode & 0777;
    const mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static int open_temporary(struct whole_file *file)
{
    char *const folder = folder_of(file->target);
    int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    free(folder);
    if (fd < 0) {
        file->temporary = name_beside(file->target);
        fd = open(file->temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    }
    return fd;
}

/* Give back the names; errno stays. */
static void clear(struct whole_file *file)
{
    const int error = errno;
    free(file->temporary);
    free(file->target);
    *file = (struct whole_file){.fd = -1};
    errno = error;
}

bool whole_file_open(struct whole_file *file, const char *path)
{
    struct stat there;
    const int own = descriptor_of_path(path);
    *file = (struct whole_file){.fd = -1};
    if (own >= 0) { /* what is behind it goes on where it is: a file may be appended to */
        file->fd = fcntl(own, F_DUPFD_CLOEXEC, FIRST_OWN);
        return file->fd >= 0;
    }
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
        file->fd = open(path, O_WRONLY | O_CLOEXEC);
        return file->fd >= 0;
    }
    file->target = find_target(path);
    if (file->target == NULL)
        return false;
    if (access(file->target, F_OK) == 0 && access(file->target, W_OK) != 0) {
        clear(file);
        return false;
    }
    const int fd = open_temporary(file);
    if (fd < 0) {
        clear(file);
        return false;
    }
    (void)fchmod(fd, wanted_mode(file->target)); /* without it, it is its owner's alone */
    file->fd = fd;
    return true;
}

/* link() never replaces, so a file without a name gets one beside the target first. */
static bool give_name(struct whole_file *file)
{
    char self[40];
    if (file->temporary != NULL)
        return true;
    char *const name = name_beside(file->target);
    snprintf(self, sizeof self, "/proc/self/fd/%d", file->fd);
    if (linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) != 0) {
        free(name);
        return false;
    }
    file->temporary = name;
    return true;
}

bool whole_file_keep(struct whole_file *file)
{
    if (file->target == NULL)
        return true;
    if (!give_name(file) || rename(file->temporary, file->target) != 0) {
        whole_file_drop(file);
        return false;
    }
    clear(file);
    return true;
}

void whole_file_drop(struct whole_file *file)
{
    const int error = errno;
    if (file->temporary != NULL)
        (void)unlink(file->temporary);
    errno = error;
    clear(file);
}
