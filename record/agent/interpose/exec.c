/* SPDX-License-Identifier: MIT */
#include "exec.h"
#include "interpose.h"
#include <alloca.h>
#include <errno.h>
#include <sched.h>
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

/* ---- the gate ---- */

static struct gate {
    _Atomic int32_t pid;     /* whose threads are sent signals; 0 = nobody's */
    _Atomic uint32_t hold;   /* threads that are about to exec */
    _Atomic uint32_t asking; /* 1 while a signal is being sent; partner: `hold`, both seq_cst */
    exec_fn *told;
} gate;

void exec_gate_open(int32_t pid, exec_fn *told)
{
    gate.told = told;
    atomic_store(&gate.hold, 0);
    atomic_store(&gate.asking, 0);
    atomic_store(&gate.pid, pid);
}

void exec_gate_close(void)
{
    atomic_store(&gate.pid, 0);
}

bool exec_gate_enter(void)
{
    atomic_store(&gate.asking, 1);
    if (atomic_load(&gate.hold) == 0)
        return true;
    atomic_store(&gate.asking, 0);
    return false;
}

void exec_gate_leave(void)
{
    atomic_store(&gate.asking, 0);
}

/* A child of vfork shares our memory, but nobody sends it anything. */
static bool gate_shut(void)
{
    const int32_t pid = atomic_load(&gate.pid);
    if (pid == 0 || (int32_t)syscall(SYS_getpid) != pid)
        return false;
    atomic_fetch_add(&gate.hold, 1);
    while (atomic_load(&gate.asking))
        sched_yield();
    (void)syscall(SYS_getpid); /* what was sent to us is delivered on the way out of the kernel */
    gate.told(true);
    return true;
}

static void gate_reopen(bool was_shut)
{
    if (!was_shut)
        return;
    const int saved = errno;
    gate.told(false);
    atomic_fetch_sub(&gate.hold, 1);
    errno = saved;
}

/* ---- what the program calls ---- */

/* One shape for all: shut the gate, call libc's. It only comes back when it failed. */
#define EXEC(name, parameters, arguments)                                                          \
    EXPORT int name parameters                                                                     \
    {                                                                                              \
        if (next.name == NULL) /* called before our constructor */                                 \
            next_find();                                                                           \
        if (next.name == NULL) {                                                                   \
            errno = ENOSYS;                                                                        \
            return -1;                                                                             \
        }                                                                                          \
        const bool was_shut = gate_shut();                                                         \
        const int result = next.name arguments;                                                    \
        gate_reopen(was_shut);                                                                     \
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
