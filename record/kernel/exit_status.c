/* SPDX-License-Identifier: MIT */
#include "exit_status.h"

#include "procfs.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* From <linux/pidfd.h> of 6.15, which is newer than most headers. */
struct pidfd_exit_info {
    uint64_t mask;
    uint64_t cgroup;
    uint32_t ids[11];
    int32_t exit_code;
};
_Static_assert(offsetof(struct pidfd_exit_info, exit_code) == 60, "as the kernel has it");
#define PIDFD_GET_EXIT_INFO _IOWR(0xff, 11, struct pidfd_exit_info)
#define PIDFD_INFO_HAS_EXIT (1u << 3)

void exit_status_decode(int code, struct exit_status *end)
{
    end->is_known = true;
    end->signal = WIFSIGNALED(code) ? (uint32_t)WTERMSIG(code) : 0;
    end->status = WIFSIGNALED(code) ? 0 : (uint32_t)WEXITSTATUS(code);
}

static bool child_find(pid_t pid, struct exit_status *end)
{
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != pid)
        return false;
    end->is_known = true;
    end->signal = info.si_code == CLD_EXITED ? 0 : (uint32_t)info.si_status;
    end->status = info.si_code == CLD_EXITED ? (uint32_t)info.si_status : 0;
    return true;
}

/* Who may not see an exit code is shown 0. */
static bool may_see(pid_t pid)
{
    char path[32];
    struct stat owner;
    snprintf(path, sizeof path, "/proc/%d", pid);
    return geteuid() == 0 || (stat(path, &owner) == 0 && owner.st_uid == geteuid());
}

void exit_status_find(pid_t pid, int pidfd, struct exit_status *end)
{
    struct procfs_stat stat;
    struct pidfd_exit_info info = {.mask = PIDFD_INFO_HAS_EXIT};
    *end = (struct exit_status){.is_known = false};
    if (child_find(pid, end))
        return;
    if (procfs_stat_read(pid, &stat) && stat.state == 'Z' && may_see(pid))
        exit_status_decode(stat.exit_code, end);
    else if (pidfd >= 0 && ioctl(pidfd, PIDFD_GET_EXIT_INFO, &info) == 0 &&
             (info.mask & PIDFD_INFO_HAS_EXIT) != 0)
        exit_status_decode(info.exit_code, end);
}
