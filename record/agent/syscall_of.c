/* SPDX-License-Identifier: MIT */
#include "syscall_of.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int32_t call_open(int32_t tid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* "running", or the number of the call (-1: none) and its arguments. */
static struct standing line_parse(const char *line)
{
    struct standing standing = {.kind = STANDING_UNKNOWN, .call = -1};
    if (strncmp(line, "running", 7) == 0) {
        standing.kind = STANDING_READY;
        return standing;
    }
    char *end;
    const long number = strtol(line, &end, 10);
    if (end == line)
        return standing;
    if (number < 0) {
        standing.kind = STANDING_OUTSIDE;
        return standing;
    }
    standing.kind = STANDING_CALL;
    standing.call = (int32_t)number;
    standing.argument = strtoull(end, NULL, 16);
    return standing;
}

struct standing syscall_of_thread(int32_t tid, int32_t *fd, bool keep)
{
    char line[256];
    if (*fd < 0)
        *fd = call_open(tid);
    if (*fd < 0)
        return (struct standing){.kind = STANDING_UNKNOWN, .call = -1};
    const ssize_t n = pread(*fd, line, sizeof(line) - 1, 0);
    if (!keep) {
        close(*fd);
        *fd = -1;
    }
    line[n > 0 ? n : 0] = '\0';
    return line_parse(line);
}
