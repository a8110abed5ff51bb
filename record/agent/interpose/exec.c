/* SPDX-License-Identifier: MIT */
#include "exec.h"
#include "interpose.h"
#include "nosignal.h"
#include "sigmask.h"
#include "signals.h"
#include <alloca.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

/* libc's own functions; found in the constructor, because a child of a fork may not ask for them
 * (the loader's lock may have been held by a thread that it does not have). */
static struct exec_next {
    int (*execve)(const char *, char *const[], char *const[]);
    int (*execv)(const char *, char *const[]);
    int (*execvp)(const char *, char *const[]);
    int (*execvpe)(const char *, char *const[], char *const[]);
    int (*fexecve)(int, char *const[], char *const[]);
    int (*execveat)(int, const char *, char *const[], char *const[], int);
} next;

INTERPOSE_CONSTRUCTOR static void next_find(void)
{
    INTERPOSE_FIND(next.execve, "execve");
    INTERPOSE_FIND(next.execv, "execv");
    INTERPOSE_FIND(next.execvp, "execvp");
    INTERPOSE_FIND(next.execvpe, "execvpe");
    INTERPOSE_FIND(next.fexecve, "fexecve");
    INTERPOSE_FIND(next.execveat, "execveat");
}

/* ---- around it ---- */

static struct recorded {
    _Atomic int32_t pid; /* 0 = nobody */
    exec_fn *told;
} recorded;

void exec_watch(int32_t pid, exec_fn *told)
{
    recorded.told = told;
    atomic_store(&recorded.pid, pid);
}

void exec_forget(void)
{
    atomic_store(&recorded.pid, 0);
}

struct passage {
    bool is_recorded;
    uint64_t begun, revealed; /* of the mask */
    struct nosignal stretch;
};

/* A child of vfork shares our memory, but nobody sends it anything. */
static void passage_begin(struct passage *passage)
{
    const int32_t pid = atomic_load(&recorded.pid);
    passage->is_recorded = pid != 0 && (int32_t)syscall(SYS_getpid) == pid;
    if (passage->is_recorded) {
        passage->begun = sigmask_begin();
        nosignal_begin(&passage->stretch);
        nosignal_settle(&passage->stretch);
        recorded.told(true);
    }
    signals_reveal();
    passage->revealed = sigmask_reveal();
}

static void passage_end(struct passage *passage)
{
    const int saved = errno;
    sigmask_hide(passage->revealed);
    signals_hide();
    if (passage->is_recorded) {
        recorded.told(false);
        nosignal_end(&passage->stretch);
        sigmask_end(passage->begun);
    }
    errno = saved;
}

/* ---- what the program calls ---- */

/* One shape for all. libc's function only comes back when it failed. */
#define EXEC(name, parameters, arguments)                                                          \
    EXPORT int name parameters                                                                     \
    {                                                                                              \
        if (next.name == NULL) /* called before our constructor */                                 \
            next_find();                                                                           \
        if (next.name == NULL) {                                                                   \
            errno = ENOSYS;                                                                        \
            return -1;                                                                             \
        }                                                                                          \
        struct passage passage;                                                                    \
        passage_begin(&passage);                                                                   \
        const int result = next.name arguments;                                                    \
        passage_end(&passage);                                                                     \
        return result;                                                                             \
    }

EXEC(execve, (const char *path, char *const argv[], char *const envp[]), (path, argv, envp))
EXEC(execv, (const char *path, char *const argv[]), (path, argv))
EXEC(execvp, (const char *file, char *const argv[]), (file, argv))
EXEC(execvpe, (const char *file, char *const argv[], char *const envp[]), (file, argv, envp))
EXEC(fexecve, (int fd, char *const argv[], char *const envp[]), (fd, argv, envp))
EXEC(execveat, (int fd, const char *path, char *const argv[], char *const envp[], int flags),
     (fd, path, argv, envp, flags))

/*
 * The arguments of execl() and its like, the NULL included, as an array: on the stack, as libc does
 * it, and no more of it than there are arguments, for the stack may be small. `more` is then where
 * the NULL was. (A macro: what is on the stack must be the caller's.)
 */
#define ARGS_COLLECT(argv, first, more)                                                            \
    do {                                                                                           \
        va_list args_count;                                                                        \
        size_t args_n = 1;                                                                         \
        va_start(more, first);                                                                     \
        va_copy(args_count, more);                                                                 \
        for (const char *arg = first; arg != NULL; arg = va_arg(args_count, const char *))         \
            args_n++;                                                                              \
        va_end(args_count);                                                                        \
        (argv) = alloca(args_n * sizeof(*(argv)));                                                 \
        size_t args_to = 0;                                                                        \
        const char *arg = first;                                                                   \
        for (; arg != NULL; arg = va_arg(more, const char *))                                      \
            memcpy(&(argv)[args_to++], &arg, sizeof(arg)); /* execl takes const, execv does not */ \
        (argv)[args_to] = NULL;                                                                    \
    } while (0)

EXPORT int execl(const char *path, const char *first, ...)
{
    va_list more;
    char **argv;
    ARGS_COLLECT(argv, first, more);
    va_end(more);
    return execv(path, argv);
}

EXPORT int execlp(const char *file, const char *first, ...)
{
    va_list more;
    char **argv;
    ARGS_COLLECT(argv, first, more);
    va_end(more);
    return execvp(file, argv);
}

EXPORT int execle(const char *path, const char *first, ...)
{
    va_list more;
    char **argv;
    ARGS_COLLECT(argv, first, more);
    char *const *const envp = va_arg(more, char *const *);
    va_end(more);
    return execve(path, argv, envp);
}
