/* SPDX-License-Identifier: MIT */
#include "write.h"
#include "interpose.h"
#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef ssize_t write_fn(int fd, const void *bytes, size_t len);

static _Thread_local volatile uint32_t handled; /* signals of ours, on this thread */
static write_fn *next;                          /* set once, before main() */

void write_note_signal(void)
{
    handled++;
}

INTERPOSE_CONSTRUCTOR static void next_find(void)
{
    INTERPOSE_FIND(next, "write");
}

static ssize_t write_next(int fd, const void *bytes, size_t len)
{
    return next != NULL ? next(fd, bytes, len) : syscall(SYS_write, fd, bytes, len);
}

EXPORT ssize_t write(int fd, const void *bytes, size_t len)
{
    uint32_t before = handled;
    ssize_t done = write_next(fd, bytes, len);
    while (done > 0 && (size_t)done < len && handled != before) {
        const int saved = errno;
        before = handled;
        const ssize_t more = write_next(fd, (const char *)bytes + done, len - (size_t)done);
        if (more <= 0) { /* full, closed: the program's next write will say so */
            errno = saved;
            break;
        }
        done += more;
    }
    return done;
}
