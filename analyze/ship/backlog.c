/* SPDX-License-Identifier: MIT */
#include "backlog.h"

#include "analyze/base/memory.h"
#include "format/chunk.h"
#include "format/parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".trace"

void backlog_clear(struct backlog *backlog)
{
    for (size_t i = 0; i < backlog->n; i++)
        free(backlog->parts[i].path);
    free(backlog->parts);
    *backlog = (struct backlog){0};
}

/* Takes `path`. */
static void part_add(struct backlog *backlog, char *path, const struct stat *st,
                     const struct ledger *ledger)
{
    const struct part_id part = {
        .path = path,
        .size = (uint64_t)st->st_size,
        .changed_ns = st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec,
    };
    if (strchr(path, '\n') != NULL || ledger_find(ledger, &part) != OUTCOME_NONE) {
        free(path);
        return;
    }
    backlog->parts =
        memory_grow(backlog->parts, &backlog->size, backlog->n + 1, sizeof *backlog->parts);
    backlog->parts[backlog->n++] = part;
}

/* A trailer that says how long the file is, at its end. */
static bool has_trailer(const char *path, const struct stat *st)
{
    uint8_t bytes[TRAILER_LEN];
    struct chunk_trailer trailer;
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    const bool is_there =
        fd >= 0 && st->st_size >= TRAILER_LEN &&
        pread(fd, bytes, sizeof bytes, st->st_size - TRAILER_LEN) == TRAILER_LEN &&
        chunk_trailer_parse(&trailer, bytes) && trailer.file_size == (uint64_t)st->st_size;
    if (fd >= 0)
        close(fd);
    return is_there;
}

/* Is it finished, going by its name, or by its end? */
static bool is_finished(const char *name, const char *path, const struct stat *st)
{
    const size_t len = strlen(name), suffix = strlen(SUFFIX);
    struct parts_name parsed;
    if (name[0] == '.' || !S_ISREG(st->st_mode) || st->st_size == 0)
        return false;
    if (parts_name_parse(name, &parsed))
        return !parsed.is_part;
    return len > suffix && strcmp(name + len - suffix, SUFFIX) == 0 && has_trailer(path, st);
}

static void directory_look(struct backlog *backlog, const char *directory,
                           const struct ledger *ledger)
{
    struct dirent *entry;
    struct stat st;
    char *path;
    parts_adopt(directory, NULL);
    DIR *const dir = opendir(directory);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (asprintf(&path, "%s/%s", directory, entry->d_name) < 0)
            memory_fail();
        if (lstat(path, &st) == 0 && is_finished(entry->d_name, path, &st))
            part_add(backlog, path, &st, ledger);
        else
            free(path);
    }
    if (dir != NULL)
        closedir(dir);
}

static int compare_parts(const void *left, const void *right)
{
    const struct part_id *const a = left, *const b = right;
    if (a->changed_ns != b->changed_ns)
        return a->changed_ns < b->changed_ns ? -1 : 1;
    return strcmp(a->path, b->path);
}

/* What was named twice stands together. */
static void backlog_settle(struct backlog *backlog)
{
    size_t n = 0;
    backlog->bytes = 0;
    for (size_t i = 0; i < backlog->n; i++) {
        if (n > 0 && strcmp(backlog->parts[n - 1].path, backlog->parts[i].path) == 0) {
            free(backlog->parts[i].path);
            continue;
        }
        backlog->parts[n++] = backlog->parts[i];
        backlog->bytes += backlog->parts[n - 1].size;
    }
    backlog->n = n;
}

enum status backlog_look(struct backlog *backlog, const char *const *paths, size_t n_paths,
                         const struct ledger *ledger, bool is_first, struct problem *why)
{
    struct stat st;
    backlog_clear(backlog);
    for (size_t i = 0; i < n_paths; i++) {
        char *const whole = realpath(paths[i], NULL);
        if (whole != NULL && strchr(whole, '\n') != NULL) {
            free(whole);
            return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                               "%s: ship writes down paths, a line each, and this one has a line "
                               "break in it",
                               paths[i]);
        }
        if (whole != NULL && stat(whole, &st) == 0 && S_ISDIR(st.st_mode)) {
            directory_look(backlog, whole, ledger);
            free(whole);
        } else if (whole != NULL && stat(whole, &st) == 0 && S_ISREG(st.st_mode)) {
            part_add(backlog, whole, &st, ledger);
        } else {
            const int code = whole != NULL ? EINVAL : errno;
            free(whole);
            if (is_first)
                return problem_set(why, STATUS_NOT_FOUND, PROBLEM_NO_OFFSET, "%s: %s", paths[i],
                                   code == EINVAL ? "neither a file nor a directory"
                                                  : strerror(code));
        }
    }
    if (backlog->n > 0)
        qsort(backlog->parts, backlog->n, sizeof *backlog->parts, compare_parts);
    backlog_settle(backlog);
    return STATUS_OK;
}
