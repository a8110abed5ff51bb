/* SPDX-License-Identifier: MIT */
#include "stash.h"

#include "record/kernel/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK  (1u << 20)
#define PREFIX "pyrec-top-"
#define WRITER "writer"
#define TRIES  8

/* ---- what others have left behind ---- */

/* PID namespaces have numbers of their own: 0 where that cannot be told. */
static uint64_t pid_namespace(void)
{
    struct stat ns;
    return stat("/proc/self/ns/pid", &ns) == 0 ? ns.st_ino : 0;
}

/* Is whoever writes into the folder provably gone? Who never was there is, too. */
static bool writer_is_gone(int folder)
{
    char text[96] = "";
    uint64_t namespace = 0, start = 0;
    int pid = 0;
    const int fd = openat(folder, WRITER, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT;
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0 || sscanf(text, "%d %" SCNu64 " %" SCNu64, &pid, &start, &namespace) != 3)
        return false;
    if (namespace == 0 || namespace != pid_namespace() || pid <= 0)
        return false;
    struct procfs_stat now;
    return kill(pid, 0) != 0 ? errno == ESRCH : procfs_stat_read(pid, &now) && now.start != start;
}

/* All files of it, and itself; folders in it are none of ours. */
static void folder_remove(int parent, const char *name, int folder)
{
    const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *const list = copy >= 0 ? fdopendir(copy) : NULL;
    if (list == NULL && copy >= 0)
        close(copy);
    for (const struct dirent *e; list != NULL && (e = readdir(list)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            (void)unlinkat(folder, e->d_name, 0);
    if (list != NULL)
        closedir(list);
    (void)unlinkat(parent, name, AT_REMOVEDIR);
}

static void leftover_remove(int parent, const char *name)
{
    struct stat is;
    const int folder =
        openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (folder < 0)
        return;
    if (fstat(folder, &is) == 0 && is.st_uid == geteuid() && (is.st_mode & 0777) == 0700 &&
        flock(folder, LOCK_EX | LOCK_NB) == 0 && writer_is_gone(folder))
        folder_remove(parent, name, folder);
    close(folder);
}

static void leftovers_remove(const char *base)
{
    DIR *const list = opendir(base);
    for (const struct dirent *e; list != NULL && (e = readdir(list)) != NULL;)
        if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) == 0)
            leftover_remove(dirfd(list), e->d_name);
    if (list != NULL)
        closedir(list);
}

/* ---- our own ---- */

/*
 * A new folder with its lock. Before we had that somebody may have taken it for a leftover and
 * removed it: then once more.
 */
static bool folder_make(struct stash *stash, const char *base)
{
    struct stat made, there;
    for (int i = 0; i < TRIES; i++) {
        snprintf(stash->folder, sizeof stash->folder, "%s/" PREFIX "XXXXXX", base);
        if (mkdtemp(stash->folder) == NULL)
            return false;
        stash->lock = open(stash->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (stash->lock >= 0 && flock(stash->lock, LOCK_EX) == 0 &&
            fstat(stash->lock, &made) == 0 && stat(stash->folder, &there) == 0 &&
            made.st_ino == there.st_ino && made.st_dev == there.st_dev)
            return true;
        const int error = errno;
        if (stash->lock >= 0)
            close(stash->lock);
        errno = error;
    }
    return false;
}

enum status stash_open(struct stash *stash, struct problem *why)
{
    const char *base = getenv("TMPDIR");
    if (base == NULL || base[0] != '/' || strlen(base) > 40)
        base = "/tmp";
    *stash = (struct stash){.folder = "", .lock = -1};
    leftovers_remove(base);
    if (!folder_make(stash, base)) {
        (void)problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s: %s", stash->folder,
                          strerror(errno));
        stash->folder[0] = '\0';
        return STATUS_IO;
    }
    snprintf(stash->trace, sizeof stash->trace, "%s/run.trace", stash->folder);
    snprintf(stash->output, sizeof stash->output, "%s/output", stash->folder);
    snprintf(stash->mark, sizeof stash->mark, "%s/keep", stash->folder);
    return STATUS_OK;
}

void stash_note_writer(const struct stash *stash, pid_t pid)
{
    struct procfs_stat itself;
    char text[96];
    const int fd = stash->folder[0] == '\0'
                       ? -1
                       : openat(stash->lock, WRITER, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    /* what cannot be told is never gone */
    const bool is_known = procfs_stat_read(pid, &itself);
    const int n = snprintf(text, sizeof text, "%d %" PRIu64 " %" PRIu64 "\n", pid,
                           is_known ? itself.start : 0, is_known ? pid_namespace() : 0);
    const ssize_t unused = write(fd, text, (size_t)n);
    (void)unused;
    close(fd);
}

bool stash_is_marked(const struct stash *stash)
{
    return stash->folder[0] != '\0' && access(stash->mark, F_OK) == 0;
}

/* Whole, or not at all. */
static bool copy(const char *from, const char *to)
{
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    const int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    ssize_t n = out < 0 ? -1 : 1;
    while (n > 0)
        n = sendfile(out, in, NULL, BLOCK);
    if (out >= 0 && close(out) != 0)
        n = -1;
    const int error = errno;
    if (in >= 0)
        close(in);
    if (n < 0 && out >= 0)
        (void)unlink(to);
    errno = error;
    return n == 0;
}

enum status stash_keep(const struct stash *stash, const char *path, struct problem *why)
{
    if (rename(stash->trace, path) == 0 || (errno == EXDEV && copy(stash->trace, path)))
        return STATUS_OK;
    return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%.200s: %s", path, strerror(errno));
}

void stash_close(struct stash *stash)
{
    if (stash->folder[0] == '\0')
        return;
    folder_remove(AT_FDCWD, stash->folder, stash->lock);
    close(stash->lock);
    stash->folder[0] = '\0';
    stash->lock = -1;
}
