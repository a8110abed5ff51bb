/* SPDX-License-Identifier: MIT */
#include "summon.h"
#include "record/agent/interpose/interpose.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_LEN   (64u << 10)
#define SIGNALS     64
#define NULL_DEVICE "/dev/null"
#define FDS_MAX     65536 /* looked at one by one where the kernel has no close_range() */
#define CLOSE_RANGE 436

/* As the kernel wants it: no function of libc's that others stand in front of is called here. */
struct raw_action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

/* What the two processes in between share with us. */
struct summons {
    const char *path;
    char *const *argv, *const *envp;
    int channel;
    char *stack_end; /* of the second one */
    int pid, error;
};

static void signals_reset(void)
{
    const struct raw_action usual = {.handler = SIG_DFL};
    const uint64_t none = 0;
    for (int signal = 1; signal <= SIGNALS; signal++)
        (void)syscall(SYS_rt_sigaction, signal, &usual, NULL, sizeof(none));
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

static void descriptors_close(void)
{
    struct rlimit limit = {.rlim_cur = FDS_MAX};
    if (syscall(CLOSE_RANGE, 3, ~0u, 0) == 0)
        return;
    (void)syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
    for (unsigned fd = 3; fd < limit.rlim_cur && fd < FDS_MAX; fd++)
        (void)syscall(SYS_close, fd);
}

/* `channel` may itself be one of the three. */
static bool descriptors_arrange(int channel)
{
    const long kept = syscall(SYS_fcntl, channel, F_DUPFD, 3);
    const long nothing = syscall(SYS_openat, AT_FDCWD, NULL_DEVICE, O_RDWR);
    if (kept < 0 || nothing < 0 || syscall(SYS_dup3, kept, 1, 0) < 0 ||
        syscall(SYS_dup3, kept, 2, 0) < 0)
        return false;
    return nothing == 0 || syscall(SYS_dup3, nothing, 0, 0) == 0;
}

static void end_with(struct summons *summons, int error)
{
    summons->error = error;
    (void)syscall(SYS_exit_group, 127);
}

/* The second one becomes the program. */
static int second_run(void *closure)
{
    struct summons *const summons = closure;
    (void)syscall(SYS_setsid);
    if (!descriptors_arrange(summons->channel))
        end_with(summons, errno);
    descriptors_close();
    (void)syscall(SYS_chdir, "/");
    signals_reset();
    (void)syscall(SYS_execve, summons->path, summons->argv, summons->envp);
    end_with(summons, errno);
    return 127;
}

/* The first one ends as soon as the second one is on its way: that has no parent any more. */
static int first_run(void *closure)
{
    struct summons *const summons = closure;
    const int pid =
        clone(second_run, summons->stack_end, CLONE_VM | CLONE_VFORK | SIGCHLD, summons);
    summons->pid = pid;
    if (pid < 0)
        summons->error = errno;
    (void)syscall(SYS_exit_group, 0);
    return 0;
}

static int summon(struct summons *summons, char *stack)
{
    uint64_t mask, all = ~(uint64_t)0;
    int pid;
    summons->stack_end = stack + 2 * STACK_LEN;
    /* a handler must not run where two processes share its memory */
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, sizeof(all));
    pid = clone(first_run, stack + STACK_LEN, CLONE_VM | CLONE_VFORK, summons);
    if (pid < 0)
        summons->error = errno;
    else
        while (syscall(SYS_wait4, pid, NULL, __WCLONE, NULL) < 0 && errno == EINTR)
            ;
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
    return summons->error != 0 ? -summons->error : summons->pid;
}

EXPORT int pyrec_summon(const char *path, char *const *argv, char *const *envp, int channel)
{
    struct summons summons = {.path = path, .argv = argv, .envp = envp, .channel = channel};
    const int saved = errno;
    char *const stack = mmap(NULL, 2 * (size_t)STACK_LEN, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    const int result = stack == MAP_FAILED ? -errno : summon(&summons, stack);
    if (stack != MAP_FAILED)
        (void)munmap(stack, 2 * (size_t)STACK_LEN);
    errno = saved;
    return result;
}
