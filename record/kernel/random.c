/* SPDX-License-Identifier: MIT */
#include "random.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

bool random_fill(void *to, size_t len)
{
    if (getrandom(to, len, 0) == (ssize_t)len)
        return true;
    const int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const bool is_whole = read(fd, to, len) == (ssize_t)len;
    close(fd);
    return is_whole;
}
