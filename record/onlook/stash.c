/* SPDX-License-Identifier: MIT */
#include "stash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define BLOCK (1u << 20)

enum status stash_open(struct stash *stash, struct problem *why)
{
    const char *base = getenv("TMPDIR");
    if (base == NULL || base[0] != '/' || strlen(base) > 40)
        base = "/tmp";
    *stash = (struct stash){.folder = ""};
    snprintf(stash->folder, sizeof stash->folder, "%s/pyrec-top-XXXXXX", base);
    if (mkdtemp(stash->folder) == NULL) {
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
    (void)unlink(stash->trace);
    (void)unlink(stash->output);
    (void)unlink(stash->mark);
    (void)rmdir(stash->folder);
    stash->folder[0] = '\0';
}
