/* SPDX-License-Identifier: MIT */
/*
 * The exec family, interposed: see hooks.h. Nothing here does anything in a process (or a vfork
 * child, which shares our memory) that is not being recorded.
 */
#include "agent.h"
#include "clock.h"
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT   __attribute__((visibility("default")))
#define ARGS_MAX 4096

extern char **environ;

static bool guard_begin(void)
{
    struct agent *const agent = agent_get();
    if (atomic_load_explicit(&agent->state, memory_order_acquire) != AGENT_RUNNING ||
        (int32_t)syscall(SYS_getpid) != agent->pid)
        return false;
    atomic_fetch_add_explicit(&agent->sampler.hold, 1, memory_order_seq_cst);
    while (atomic_load_explicit(&agent->sampler.asking, memory_order_seq_cst))
        sched_yield();
    (void)syscall(SYS_getpid); /* what was sent to us is delivered on the way out of the kernel */
    /* where this program ends, if it does */
    struct wire_head *const head = agent->link.head;
    atomic_store_explicit(&head->exec_cpu_ns, clock_read(CLOCK_PROCESS_CPUTIME_ID),
                          memory_order_relaxed);
    atomic_store_explicit(&head->exec_ns, clock_now(), memory_order_release);
    return true;
}

static void guard_end(bool guarded)
{
    const int saved = errno;
    if (guarded)
        atomic_store_explicit(&agent_get()->link.head->exec_ns, 0, memory_order_release);
    if (guarded)
        atomic_fetch_sub_explicit(&agent_get()->sampler.hold, 1, memory_order_seq_cst);
    errno = saved;
}

/* libc's own functions; found in the constructor, because a child of a fork may not ask for them
 * (the loader's lock may have been held by a thread that it does not have). */
#define EXEC_FIND(name)                                                                            \
    do {                                                                                           \
        void *const found = dlsym(RTLD_NEXT, #name);                                               \
        memcpy(&next->name, &found, sizeof(found));                                                \
    } while (0)

void exec_guard_find(struct exec_next *next)
{
    EXEC_FIND(execve);
    EXEC_FIND(execv);
    EXEC_FIND(execvp);
    EXEC_FIND(execvpe);
    EXEC_FIND(fexecve);
    EXEC_FIND(execveat);
}

/* One shape for all: guard, call libc's. It only comes back when it failed. */
#define EXEC(name, parameters, arguments)                                                          \
    EXPORT int name parameters                                                                     \
    {                                                                                              \
        struct exec_next *const next = &agent_get()->exec;                                         \
        if (next->name == NULL) /* called before our constructor */                                \
            exec_guard_find(next);                                                                 \
        if (next->name == NULL) {                                                                  \
            errno = ENOSYS;                                                                        \
            return -1;                                                                             \
        }                                                                                          \
        const bool guarded = guard_begin();                                                        \
        const int result = next->name arguments;                                                   \
        guard_end(guarded);                                                                        \
        return result;                                                                             \
    }

EXEC(execve, (const char *path, char *const argv[], char *const envp[]), (path, argv, envp))
EXEC(execv, (const char *path, char *const argv[]), (path, argv))
EXEC(execvp, (const char *file, char *const argv[]), (file, argv))
EXEC(execvpe, (const char *file, char *const argv[], char *const envp[]), (file, argv, envp))
EXEC(fexecve, (int fd, char *const argv[], char *const envp[]), (fd, argv, envp))
EXEC(execveat, (int fd, const char *path, char *const argv[], char *const envp[], int flags),
     (fd, path, argv, envp, flags))

/* The arguments of execl() and its like, up to their NULL, into `to`. */
static bool args_collect(char **to, const char *first, va_list *more)
{
    int n = 0;
    const char *arg = first;
    for (; arg != NULL && n < ARGS_MAX; arg = va_arg(*more, const char *))
        memcpy(&to[n++], &arg, sizeof(arg)); /* execl takes const, execv does not */
    to[n] = NULL;
    if (arg == NULL)
        return true;
    errno = E2BIG;
    return false;
}

EXPORT int execl(const char *path, const char *arg, ...)
{
    char *argv[ARGS_MAX + 1];
    va_list more;
    va_start(more, arg);
    const bool fits = args_collect(argv, arg, &more);
    va_end(more);
    return fits ? execv(path, argv) : -1;
}

EXPORT int execlp(const char *file, const char *arg, ...)
{
    char *argv[ARGS_MAX + 1];
    va_list more;
    va_start(more, arg);
    const bool fits = args_collect(argv, arg, &more);
    va_end(more);
    return fits ? execvp(file, argv) : -1;
}

EXPORT int execle(const char *path, const char *arg, ...)
{
    char *argv[ARGS_MAX + 1];
    va_list more;
    va_start(more, arg);
    const bool fits = args_collect(argv, arg, &more);
    char *const *const envp = fits ? va_arg(more, char *const *) : NULL;
    va_end(more);
    return fits ? execve(path, argv, envp) : -1;
}
