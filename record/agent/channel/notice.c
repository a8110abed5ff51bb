/* SPDX-License-Identifier: MIT */
#include "notice.h"
#include "reach.h"
#include "record/agent/base/proc_read.h"
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SIGPIPE_BIT (UINT64_C(1) << (SIGPIPE - 1))

static void name_copy(char *to, size_t size, const char *name)
{
    char self[PATH_MAX];
    if (name == NULL) {
        const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        self[n > 0 ? n : 0] = '\0';
        name = self;
    }
    const char *const slash = strrchr(name, '/');
    name = slash != NULL ? slash + 1 : name;
    memcpy(to, name, strnlen(name, size - 1)); /* it was all zero */
}

/*
 * Write to a pipe whose reader may die in this moment, without the signal that would follow. The
 * kernel's own calls: libc's are the program's, and may be interposed.
 */
static void write_unheard(int fd, const struct wire_notice *notice)
{
    const uint64_t pipe_bit = SIGPIPE_BIT;
    const struct timespec at_once = {0};
    uint64_t before = 0, pending = 0;
    (void)syscall(SYS_rt_sigprocmask, SIG_BLOCK, &pipe_bit, &before, sizeof(before));
    (void)syscall(SYS_rt_sigpending, &pending, sizeof(pending));
    if (syscall(SYS_write, fd, notice, sizeof(*notice)) < 0 && errno == EPIPE &&
        (pending & SIGPIPE_BIT) == 0)
        (void)syscall(SYS_rt_sigtimedwait, &pipe_bit, NULL, &at_once, sizeof(pipe_bit));
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
}

void notice_leave(const struct link_settings *settings, enum notice_who who,
                  enum wire_missing reason, int error, const char *name)
{
    struct wire_notice notice = {
        .version = WIRE_VERSION,
        .reason = reason,
        .error = error,
        .is_python = who == NOTICE_PYTHON,
    };
    const int saved = errno;
    const int board = reach_board(settings);
    if (board >= 0) {
        memcpy(notice.magic, WIRE_MAGIC, sizeof(notice.magic));
        memcpy(notice.cookie, settings->cookie, sizeof(notice.cookie));
        notice.pid = (int32_t)syscall(SYS_getpid);
        notice.os_start = proc_start(0);
        name_copy(notice.name, sizeof(notice.name), name);
        write_unheard(board, &notice);
        close(board);
    }
    errno = saved;
}
