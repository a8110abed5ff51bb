/* SPDX-License-Identifier: MIT */
#include "exec.h"
#include "interpose.h"
#include "nosignal.h"
#include "preload.h"
#include "sigmask.h"
#include "signals.h"
#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOM_ON_STACK 8192u

extern char **environ;

typedef int spawn_fn(pid_t *, const char *, const posix_spawn_file_actions_t *,
                     const posix_spawnattr_t *, char *const[], char *const[]);

/* libc's own functions; found in the constructor, because a child of a fork may not ask for them
 * (the loader's lock may have been held by a thread that it does not have). */
static struct exec_next {
    int (*execve)(const char *, char *const[], char *const[]);
    int (*execvpe)(const char *, char *const[], char *const[]);
    int (*fexecve)(int, char *const[], char *const[]);
    int (*execveat)(int, const char *, char *const[], char *const[], int);
    spawn_fn *posix_spawn, *posix_spawnp;
} next;

INTERPOSE_CONSTRUCTOR static void next_find(void)
{
    INTERPOSE_FIND(next.execve, "execve");
    INTERPOSE_FIND(next.execvpe, "execvpe");
    INTERPOSE_FIND(next.fexecve, "fexecve");
    INTERPOSE_FIND(next.execveat, "execveat");
    INTERPOSE_FIND(next.posix_spawn, "posix_spawn");
    INTERPOSE_FIND(next.posix_spawnp, "posix_spawnp");
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

/* ---- the environment ---- */

/* Stacks may be small; environments that lack something are, too. */
static void *room_map(size_t bytes)
{
    void *const room = (void *)syscall(SYS_mmap, NULL, bytes, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
    return room != MAP_FAILED ? room : NULL;
}

static void room_unmap(void *room, size_t bytes)
{
    const int saved = errno;
    if (room != NULL && bytes > ROOM_ON_STACK)
        syscall(SYS_munmap, room, bytes);
    errno = saved;
}

static struct preload_need environment_look(char *const *environment, int directory,
                                            const char *path, bool is_descriptor)
{
    const struct preload_target target = {
        .directory = directory, .path = path, .is_descriptor = is_descriptor};
    struct preload_need need;
    preload_look(&need, environment, &target);
    return need;
}

static struct preload_need environment_look_in_path(char *const *environment, const char *name)
{
    const struct preload_target target = {.path = name, .is_searched = true};
    struct preload_need need;
    preload_look(&need, environment, &target);
    return need;
}

/* `environment` as it is needed. (A macro: what is on the stack must be the caller's.) */
#define ENVIRONMENT_MAKE(environment, need, room)                                                  \
    do {                                                                                           \
        if ((need).bytes != 0)                                                                     \
            (room) =                                                                               \
                (need).bytes <= ROOM_ON_STACK ? alloca((need).bytes) : room_map((need).bytes);     \
        if ((room) != NULL)                                                                        \
            (environment) = preload_write(&(need), environment, room);                             \
    } while (0)

/* ---- what the program calls ---- */

/* One shape for all; `call` is libc's, which only comes back when it failed. */
#define EXEC(name, parameters, given, look, function, arguments)                                   \
    EXPORT int name parameters                                                                     \
    {                                                                                              \
        if (INTERPOSE_NEXT(next.function) == NULL) {                                               \
            errno = ENOSYS;                                                                        \
            return -1;                                                                             \
        }                                                                                          \
        char *const *environment = given;                                                          \
        const struct preload_need need = look;                                                     \
        void *room = NULL;                                                                         \
        ENVIRONMENT_MAKE(environment, need, room);                                                 \
        struct passage passage;                                                                    \
        passage_begin(&passage);                                                                   \
        const int result = next.function arguments;                                                \
        passage_end(&passage);                                                                     \
        room_unmap(room, need.bytes);                                                              \
        return result;                                                                             \
    }

EXEC(execve, (const char *path, char *const argv[], char *const envp[]), envp,
     environment_look(envp, AT_FDCWD, path, false), execve, (path, argv, environment))
EXEC(execv, (const char *path, char *const argv[]), environ,
     environment_look(environ, AT_FDCWD, path, false), execve, (path, argv, environment))
EXEC(execvp, (const char *file, char *const argv[]), environ,
     environment_look_in_path(environ, file), execvpe, (file, argv, environment))
EXEC(execvpe, (const char *file, char *const argv[], char *const envp[]), envp,
     environment_look_in_path(envp, file), execvpe, (file, argv, environment))
EXEC(fexecve, (int fd, char *const argv[], char *const envp[]), envp,
     environment_look(envp, fd, "", true), fexecve, (fd, argv, environment))
EXEC(execveat, (int fd, const char *path, char *const argv[], char *const envp[], int flags), envp,
     environment_look(envp, fd, path, (flags & AT_EMPTY_PATH) && path[0] == '\0'), execveat,
     (fd, path, argv, environment, flags))

/* Not the calling thread's exec, but its mask is inherited if the attributes say nothing else. */
#define SPAWN(name, look)                                                                          \
    EXPORT int name(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,       \
                    const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])   \
    {                                                                                              \
        short flags = 0;                                                                           \
        if (INTERPOSE_NEXT(next.name) == NULL)                                                     \
            return ENOSYS;                                                                         \
        char *const *environment = envp;                                                           \
        const struct preload_need need = look;                                                     \
        void *room = NULL;                                                                         \
        ENVIRONMENT_MAKE(environment, need, room);                                                 \
        if (attributes != NULL)                                                                    \
            (void)posix_spawnattr_getflags(attributes, &flags);                                    \
        const uint64_t revealed = flags & POSIX_SPAWN_SETSIGMASK ? 0 : sigmask_reveal();           \
        const int result = next.name(pid, file, actions, attributes, argv, environment);           \
        sigmask_hide(revealed);                                                                    \
        room_unmap(room, need.bytes);                                                              \
        return result;                                                                             \
    }

SPAWN(posix_spawn, environment_look(envp, AT_FDCWD, file, false))
SPAWN(posix_spawnp, environment_look_in_path(envp, file))

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
