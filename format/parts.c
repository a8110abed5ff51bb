/* SPDX-License-Identifier: MIT */
#include "parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CREATE_ATTEMPTS 16
#define DATE_FORMAT     "%Y%m%dT%H%M%SZ"

/* ---- names ---- */

/* `pattern` of d (a digit), h (a hexadecimal one) and letters that stand for themselves. */
static bool looks_like(const char *text, const char *pattern)
{
    for (; *pattern != '\0'; pattern++, text++) {
        const bool is_digit = *text >= '0' && *text <= '9';
        const bool is_right = *pattern == 'd'   ? is_digit
                              : *pattern == 'h' ? is_digit || (*text >= 'a' && *text <= 'f')
                                                : *text == *pattern;
        if (!is_right)
            return false;
    }
    return true;
}

bool parts_name_parse(const char *name, struct parts_name *out)
{
    static const char middle[] = "-ddddddddTddddddZ-hhhhhhhh.dddddd";
    const size_t part_len = strlen(PARTS_PART);
    for (const char *at = strchr(name, '-'); at != NULL; at = strchr(at + 1, '-')) {
        if (at == name || !looks_like(at, middle))
            continue;
        const char *const suffix = at + sizeof middle - 1;
        const size_t len = strlen(suffix);
        *out = (struct parts_name){
            .stem_len = (size_t)(at - name),
            .suffix = suffix,
            .is_part = len >= part_len && strcmp(suffix + len - part_len, PARTS_PART) == 0,
        };
        if (*suffix == '\0' || *suffix == '.')
            return true;
    }
    return false;
}

/* Where the last part of a path begins, and where its suffix does. */
static const char *name_of(const char *path, const char **suffix)
{
    const char *const slash = strrchr(path, '/');
    const char *const name = slash != NULL ? slash + 1 : path;
    const char *const point = strrchr(name, '.');
    *suffix = point != NULL && point != name ? point : name + strlen(name);
    return name;
}

void parts_base_path(char to[PATH_MAX], const char *path, int64_t start_unix_ns, uint32_t tag)
{
    const time_t seconds = (time_t)(start_unix_ns / 1000000000);
    const char *suffix;
    struct tm utc;
    char date[32] = "";
    uint8_t bytes[sizeof tag];
    memcpy(bytes, &tag, sizeof tag);
    (void)name_of(path, &suffix);
    if (gmtime_r(&seconds, &utc) != NULL)
        strftime(date, sizeof date, DATE_FORMAT, &utc);
    snprintf(to, PATH_MAX, "%.*s-%s-%02x%02x%02x%02x%s", (int)(suffix - path), path, date, bytes[0],
             bytes[1], bytes[2], bytes[3], suffix);
}

/* ---- one part ---- */

static bool part_path(char to[PATH_MAX], const char *path)
{
    const int len = snprintf(to, PATH_MAX, "%s" PARTS_PART, path);
    return len > 0 && len < PATH_MAX;
}

/* Is what is called so the file that is open? */
static bool is_same(int fd, const char *path)
{
    struct stat open_one, named;
    return fstat(fd, &open_one) == 0 && lstat(path, &named) == 0 &&
           open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

enum status parts_create(int *fd, const char *path, struct problem *why)
{
    char part[PATH_MAX];
    *fd = -1;
    if (!part_path(part, path))
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "name too long");
    for (int i = 0; i < CREATE_ATTEMPTS; i++) {
        *fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (*fd < 0 && errno != EINTR)
            break;
        /* Between the two somebody may have looked, and taken the empty file for a dead one's. */
        if (*fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB) == 0 && is_same(*fd, part))
            return STATUS_OK;
        if (*fd >= 0) {
            close(*fd);
            unlink(part);
            *fd = -1;
        }
    }
    const int code = errno;
    return problem_set(why, status_of_errno(code), PROBLEM_NO_OFFSET, "cannot create %s: %s", part,
                       strerror(code));
}

enum status parts_finish(const char *path, struct problem *why)
{
    char part[PATH_MAX];
    if (part_path(part, path) && rename(part, path) == 0)
        return STATUS_OK;
    return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "rename: %s", strerror(errno));
}

/* ---- all of them ---- */

struct found {
    char *path;
    int64_t end_ns;
    uint64_t bytes;
};
struct found_list {
    struct found *list;
    size_t n, room;
};

static void found_add(struct found_list *all, const char *path, const struct stat *st)
{
    if (all->n == all->room) {
        const size_t room = all->room > 0 ? 2 * all->room : 64;
        struct found *const more = realloc(all->list, room * sizeof *more);
        if (more == NULL)
            return; /* it stays for another time */
        all->list = more;
        all->room = room;
    }
    char *const kept = strdup(path);
    if (kept != NULL)
        all->list[all->n++] =
            (struct found){kept, st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec,
                           (uint64_t)st->st_size};
}

static int compare_found(const void *left, const void *right)
{
    const struct found *const a = left, *const b = right;
    if (a->end_ns != b->end_ns)
        return a->end_ns < b->end_ns ? -1 : 1;
    return strcmp(a->path, b->path);
}

/* Regular files of the series, the oldest first; `suffix` NULL = whatever theirs is. */
static struct found_list list_files(const char *directory, const char *stem, size_t stem_len,
                                    const char *suffix, bool is_part)
{
    struct found_list all = {NULL, 0, 0};
    char path[PATH_MAX];
    struct dirent *entry;
    struct stat st;
    DIR *const dir = opendir(directory);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        struct parts_name name;
        if (!parts_name_parse(entry->d_name, &name) || name.is_part != is_part ||
            (stem != NULL &&
             (name.stem_len != stem_len || memcmp(entry->d_name, stem, stem_len) != 0)) ||
            (suffix != NULL && strcmp(name.suffix, suffix) != 0))
            continue;
        const int len = snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (len > 0 && (size_t)len < sizeof path && lstat(path, &st) == 0 && S_ISREG(st.st_mode))
            found_add(&all, path, &st);
    }
    if (dir != NULL)
        closedir(dir);
    if (all.n > 0)
        qsort(all.list, all.n, sizeof *all.list, compare_found);
    return all;
}

static void found_clear(struct found_list *all)
{
    for (size_t i = 0; i < all->n; i++)
        free(all->list[i].path);
    free(all->list);
}

/* Under its lock, which nobody has who would write it. */
static bool part_adopt(const char *part)
{
    char path[PATH_MAX];
    struct stat st;
    const int fd = open(part, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool is_finished = false;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && is_same(fd, part) && fstat(fd, &st) == 0) {
        snprintf(path, sizeof path, "%.*s", (int)(strlen(part) - strlen(PARTS_PART)), part);
        if (st.st_size == 0)
            unlink(part);
        else
            is_finished = rename(part, path) == 0;
    }
    close(fd);
    return is_finished;
}

size_t parts_adopt(const char *directory, const char *stem)
{
    size_t n = 0;
    struct found_list all =
        list_files(directory, stem, stem != NULL ? strlen(stem) : 0, NULL, true);
    for (size_t i = 0; i < all.n; i++)
        n += part_adopt(all.list[i].path);
    found_clear(&all);
    return n;
}

void parts_drop(const char *path, const struct parts_keep *keep, int64_t now_unix_ns)
{
    char directory[PATH_MAX];
    const char *suffix;
    uint64_t bytes = 0;
    const char *const name = name_of(path, &suffix);
    const size_t len = (size_t)(name - path);
    snprintf(directory, sizeof directory, "%.*s", len > 0 ? (int)len : 1, len > 0 ? path : ".");
    struct found_list all = list_files(directory, name, (size_t)(suffix - name), suffix, false);
    for (size_t i = 0; i < all.n; i++)
        bytes += all.list[i].bytes;
    for (size_t i = 0; i < all.n; i++) {
        const int64_t age_ns = now_unix_ns - all.list[i].end_ns;
        const bool is_old = keep->limit_ns != 0 && age_ns > 0 && (uint64_t)age_ns > keep->limit_ns;
        const bool is_much = keep->limit_bytes != 0 && bytes > keep->limit_bytes;
        if (!is_old && !is_much)
            break;
        if (unlink(all.list[i].path) == 0)
            bytes -= all.list[i].bytes;
    }
    found_clear(&all);
}
