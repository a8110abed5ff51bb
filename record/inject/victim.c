/* SPDX-License-Identifier: MIT */
#include "victim.h"

#include "record/kernel/procfs.h"
#include "record/tables/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define THREADS_MAX 8192
#define STACK_WORDS 64 /* of a blocked thread: libc's own frames are few and short */

/* ---- calls ---- */

/* What the kernel does about each was measured, call by call, blocked, with no handler run. */
static bool is_restarted(long call, const uint64_t arguments[6])
{
    switch (call) {
    case SYS_futex:
    case SYS_poll:
    case SYS_ppoll:
    case SYS_select:
    case SYS_pselect6:
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_read:
    case SYS_readv:
    case SYS_wait4:
    case SYS_waitid:
    case SYS_pause:
    case SYS_rt_sigsuspend:
    case SYS_flock:
    case SYS_fcntl:
    case SYS_msgrcv:
    case SYS_open:
    case SYS_openat:
        return true;
    case SYS_epoll_wait: /* without an end: inject begins it again */
        return (int)arguments[3] < 0;
    default:
        return false;
    }
}

/* Of these Python knows that they may end early, or does not tell the program. */
static bool is_retried_by_python(long call)
{
    switch (call) {
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_rt_sigtimedwait:
    case SYS_accept:
    case SYS_accept4:
    case SYS_recvfrom: /* with SO_RCVTIMEO it ends with EINTR, else it is restarted */
    case SYS_recvmsg:
        return true;
    default:
        return false;
    }
}

enum victim_rank victim_rank(long call, const uint64_t arguments[6], bool is_python_calling)
{
    if (is_restarted(call, arguments))
        return VICTIM_RESTARTS;
    return is_python_calling && is_retried_by_python(call) ? VICTIM_CALLED_BY_PYTHON : VICTIM_NEVER;
}

/* ---- callers ---- */

static bool starts_with_any(const char *name, const char *const *starts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(name, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

#define STARTS(name, list) starts_with_any(name, list, sizeof(list) / sizeof((list)[0]))

bool victim_image_has_locks(const struct remote_image *image)
{
    static const char *const names[] = {"libc.so",     "ld-linux",    "libpthread", "libdl.so",
                                        "libjemalloc", "libtcmalloc", "libmimalloc"};
    return STARTS(remote_image_name(image), names);
}

static bool image_is_libc(const struct remote_image *image)
{
    static const char *const names[] = {"libc.so", "libpthread", "ld-linux"};
    return STARTS(remote_image_name(image), names);
}

/* The interpreter, and those of its modules that wait. */
static bool image_is_python(const struct remote_image *image)
{
    static const char *const names[] = {"libpython", "python",   "select.", "_socket.",
                                        "_asyncio.", "_signal.", "time."};
    return STARTS(remote_image_name(image), names);
}

static const struct remote_image *code_image(const struct remote_images *images, uint64_t address)
{
    for (uint32_t i = 0; i < images->n; i++) {
        const struct remote_image *const image = &images->list[i];
        for (uint32_t s = 0; s < image->n_segments; s++)
            if ((image->segments[s].rights & REMOTE_EXECUTE) != 0 &&
                address - image->segments[s].from < image->segments[s].to - image->segments[s].from)
                return image;
    }
    return NULL;
}

/* Whose call of libc is it: the first word on the stack that points to code of anybody else. */
static bool is_python_calling(const struct remote *remote, const struct remote_images *images,
                              uint64_t stack)
{
    uint64_t words[STACK_WORDS];
    if (!remote_read(remote, stack, words, sizeof words))
        return false;
    for (size_t i = 0; i < STACK_WORDS; i++) {
        const struct remote_image *const image = code_image(images, words[i]);
        if (image != NULL && !image_is_libc(image))
            return image_is_python(image);
    }
    return false;
}

/* ---- threads ---- */

struct look {
    struct victims *victims;
    const struct remote *remote;
    const struct remote_images *images;
    bool has_failed;
};

/* And counts it. */
static bool thread_look(const struct look *look, pid_t tid, struct victim *victim)
{
    char text[512];
    uint64_t arguments[6], stack;
    *victim = (struct victim){.tid = tid, .call = -1};
    const bool is_there =
        procfs_read(text, sizeof text, "/proc/%d/task/%d/stat", look->remote->pid, tid) > 0;
    if (is_there && procfs_is_worker(text))
        return false; /* without it a process may have one thread: then libc takes no locks */
    look->victims->n_threads++;
    if (!is_there)
        return false;
    const char *const state = strrchr(text, ')');
    if (state == NULL || state[1] == '\0' || strchr("DZXtTI", state[2]) != NULL)
        return false;
    if (procfs_read(text, sizeof text, "/proc/%d/task/%d/syscall", look->remote->pid, tid) <= 0)
        return false;
    if (strncmp(text, "running", 7) == 0)
        return true;
    if (sscanf(text, "%ld %lx %lx %lx %lx %lx %lx %lx", &victim->call, &arguments[0], &arguments[1],
               &arguments[2], &arguments[3], &arguments[4], &arguments[5], &stack) != 8 ||
        victim->call < 0)
        return false; /* blocked, in no call: a page of its memory is being fetched */
    victim->rank = victim_rank(victim->call, arguments,
                               is_retried_by_python(victim->call) &&
                                   is_python_calling(look->remote, look->images, stack));
    return true;
}

static void thread_take(void *closure, pid_t tid)
{
    struct look *const look = closure;
    struct victims *const victims = look->victims;
    struct victim victim;
    if (victims->n_threads >= THREADS_MAX || !thread_look(look, tid, &victim))
        return;
    if (victim.rank == VICTIM_NEVER)
        victims->never = victim.call;
    else if (vec_room(&victims->list, &victims->capacity, victims->n + 1ull, sizeof *victims->list))
        victims->list[victims->n++] = victim;
    else
        look->has_failed = true;
}

static int by_rank(const void *a, const void *b)
{
    const struct victim *const left = a, *const right = b;
    return (left->rank > right->rank) - (left->rank < right->rank);
}

bool victims_look(struct victims *victims, const struct remote *remote,
                  const struct remote_images *images)
{
    struct look look = {victims, remote, images, false};
    char path[32];
    victims->n = victims->n_threads = 0;
    victims->never = -1;
    snprintf(path, sizeof path, "/proc/%d/task", remote->pid);
    if (!procfs_each_number(path, thread_take, &look) || look.has_failed)
        return false;
    if (victims->n > 1)
        qsort(victims->list, victims->n, sizeof *victims->list, by_rank);
    return victims->n_threads > 0;
}

void victims_clear(struct victims *victims)
{
    free(victims->list);
    *victims = (struct victims){.never = -1};
}
