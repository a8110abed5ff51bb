/* SPDX-License-Identifier: MIT */
#include "whole_folder.h"

#include "analyze/base/buffer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

bool folder_walk(int parent, const char *name, folder_name_fn *fn, void *closure)
{
    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *const dir = fd >= 0 ? fdopendir(fd) : NULL;
    bool good = dir != NULL;
    if (fd >= 0 && dir == NULL)
        (void)close(fd);
    const struct dirent *entry;
    while (good && (errno = 0, entry = readdir(dir)) != NULL)
        good = is_dots(entry->d_name) || fn(closure, dirfd(dir), entry->d_name);
    if (good)
        good = errno == 0;
    const int error = errno;
    if (dir != NULL)
        (void)closedir(dir);
    errno = error;
    return good;
}

/* ---- taking away ---- */

static bool remove_file(void *closure, int folder, const char *name)
{
    (void)closure;
    return unlinkat(folder, name, 0) == 0;
}

static bool remove_folder(void *closure, int folder, const char *name)
{
    return folder_walk(folder, name, remove_file, closure) &&
           unlinkat(folder, name, AT_REMOVEDIR) == 0;
}

static bool remove_all(const char *path)
{
    return folder_walk(AT_FDCWD, path, remove_folder, NULL) && rmdir(path) == 0;
}

/* ---- may what is there be given up? ---- */

struct looking {
    const struct whole_folder *folder;
    const char *in;    /* the folder in it that is looked at */
    struct buffer odd; /* what is not written anew */
};

static bool look_at_file(void *closure, int folder, const char *name)
{
    struct looking *const looking = closure;
    struct buffer path = {0};
    struct stat there, new;
    buffer_print(&path, "%s/%s", looking->in, name);
    const bool good = fstatat(folder, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
                      S_ISREG(there.st_mode) &&
                      fstatat(looking->folder->fd, path.text, &new, AT_SYMLINK_NOFOLLOW) == 0;
    if (!good)
        buffer_add_text(&looking->odd, path.text);
    buffer_clear(&path);
    return good;
}

static bool look_at_folder(void *closure, int folder, const char *name)
{
    struct looking *const looking = closure;
    struct stat new;
    looking->in = name;
    const bool good = fstatat(looking->folder->fd, name, &new, AT_SYMLINK_NOFOLLOW) == 0 &&
                      folder_walk(folder, name, look_at_file, looking);
    if (!good && looking->odd.len == 0)
        buffer_add_text(&looking->odd, name);
    return good;
}

/* Nothing is in it but names of files that are in the new one, too. */
static enum status check_there(const struct whole_folder *folder, struct problem *why)
{
    struct looking looking = {.folder = folder};
    if (folder_walk(AT_FDCWD, folder->target, look_at_folder, &looking))
        return STATUS_OK;
    if (looking.odd.len > 0)
        problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET,
                    "%s: is there and has something else in it (%s); only an earlier export of the "
                    "same recordings is replaced",
                    folder->target, looking.odd.text);
    else
        problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s", folder->target, strerror(errno));
    buffer_clear(&looking.odd);
    return STATUS_IO;
}

/* ---- the way of a folder ---- */

/* The path of what is behind all links, without slashes at its end. */
static char *find_target(const char *path)
{
    char *const there = realpath(path, NULL);
    if (there != NULL || errno != ENOENT)
        return there;
    struct buffer target = {0};
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    buffer_add(&target, path, len);
    return target.text;
}

static enum status say(const char *path, struct problem *why)
{
    return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s", path, strerror(errno));
}

enum status whole_folder_open(struct whole_folder *folder, const char *path, struct problem *why)
{
    struct stat there;
    struct buffer name = {0};
    *folder = (struct whole_folder){.fd = -1, .target = find_target(path)};
    if (folder->target == NULL)
        return say(path, why);
    if (stat(folder->target, &there) == 0 && !S_ISDIR(there.st_mode)) {
        whole_folder_drop(folder);
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: is there and no directory",
                           path);
    }
    buffer_print(&name, "%s.%d~", folder->target, (int)getpid());
    folder->temporary = name.text;
    if (mkdir(folder->temporary, 0777) != 0) {
        const enum status status = say(path, why);
        free(folder->temporary);
        folder->temporary = NULL;
        whole_folder_drop(folder);
        return status;
    }
    folder->fd = open(folder->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd >= 0)
        return STATUS_OK;
    const enum status status = say(path, why);
    whole_folder_drop(folder);
    return status;
}

int whole_folder_create(struct whole_folder *folder, const char *in, const char *name)
{
    struct buffer path = {0};
    if (mkdirat(folder->fd, in, 0777) != 0 && errno != EEXIST)
        return -1;
    buffer_print(&path, "%s/%s", in, name);
    const int fd = openat(folder->fd, path.text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    const int error = errno;
    buffer_clear(&path);
    errno = error;
    return fd;
}

/* Where the file system knows no exchange. */
static bool replace_slowly(const struct whole_folder *folder)
{
    struct buffer aside = {0};
    buffer_print(&aside, "%s.%d.old~", folder->target, (int)getpid());
    bool good = rename(folder->target, aside.text) == 0;
    if (good && rename(folder->temporary, folder->target) != 0) {
        const int error = errno;
        (void)rename(aside.text, folder->target);
        errno = error;
        good = false;
    }
    if (good)
        (void)remove_all(aside.text);
    const int error = errno;
    buffer_clear(&aside);
    errno = error;
    return good;
}

static enum status take_place(struct whole_folder *folder, struct problem *why)
{
    struct stat there;
    if (lstat(folder->target, &there) != 0) {
        /* who made one meanwhile keeps it, unless it is empty, which rename() takes for nothing */
        return rename(folder->temporary, folder->target) == 0 ? STATUS_OK
                                                              : say(folder->target, why);
    }
    TRY(check_there(folder, why));
    if (renameat2(AT_FDCWD, folder->temporary, AT_FDCWD, folder->target, RENAME_EXCHANGE) == 0) {
        (void)remove_all(folder->temporary);
        return STATUS_OK;
    }
    return replace_slowly(folder) ? STATUS_OK : say(folder->target, why);
}

enum status whole_folder_keep(struct whole_folder *folder, struct problem *why)
{
    const enum status status = take_place(folder, why);
    if (status == STATUS_OK) {
        free(folder->temporary);
        folder->temporary = NULL;
    }
    whole_folder_drop(folder);
    return status;
}

void whole_folder_drop(struct whole_folder *folder)
{
    if (folder->fd >= 0)
        (void)close(folder->fd);
    if (folder->temporary != NULL)
        (void)remove_all(folder->temporary);
    free(folder->temporary);
    free(folder->target);
    *folder = (struct whole_folder){.fd = -1};
}
