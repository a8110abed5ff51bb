/* SPDX-License-Identifier: MIT */
/* A library to be loaded: its entry writes a line to the file that it is told. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Thread_local int here __attribute__((tls_model("initial-exec")));

__attribute__((visibility("default"))) int guest_enter(const char *settings)
{
    char line[64];
    char *const block = malloc(100000);
    if (block == NULL)
        return 12;
    memset(block, ++here, 100000);
    free(block);
    const int fd = open(settings, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const int len = snprintf(line, sizeof line, "entered %d\n", here);
    const int result = fd >= 0 && write(fd, line, (size_t)len) == len ? 0 : 5;
    if (fd >= 0)
        close(fd);
    return result;
}
