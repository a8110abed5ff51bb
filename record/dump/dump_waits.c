/* SPDX-License-Identifier: MIT */
#include "dump_take.h"
#include "record/agent/base/peek.h"
#include "record/decode/syscalls.h"
#include "record/tables/utf8.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WHAT_MAX 512

/* Calls whose first argument is the descriptor that they wait for. */
static const int of_descriptors[] = {
    SYS_read,       SYS_pread64,   SYS_readv,       SYS_preadv,   SYS_recvfrom, SYS_recvmsg,
    SYS_write,      SYS_pwrite64,  SYS_writev,      SYS_pwritev,  SYS_sendto,   SYS_sendmsg,
    SYS_accept4,    SYS_connect,   SYS_epoll_pwait, SYS_flock,    SYS_fcntl,    SYS_ioctl,
    SYS_fsync,      SYS_fdatasync, SYS_recvmmsg,    SYS_sendmmsg,
#ifdef SYS_accept
    SYS_accept,
#endif
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
};

static bool is_of_descriptor(int64_t call)
{
    for (size_t i = 0; i < ARRAY_LEN(of_descriptors); i++)
        if (call == of_descriptors[i])
            return true;
    return false;
}

static void descriptor_look(pid_t tid, uint64_t fd, char *what)
{
    char path[64], target[WHAT_MAX / 4], clean[WHAT_MAX - 64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", tid, (int32_t)fd);
    const ssize_t len = readlink(path, target, sizeof target);
    const size_t n = len > 0 ? utf8_clean(target, (size_t)len, clean, sizeof clean - 1) : 0;
    clean[n] = '\0';
    snprintf(what, WHAT_MAX, "fd %d%s%s", (int32_t)fd, n > 0 ? ", " : "", clean);
}

/* Of a wait for a mutex of libc's: the kernel is asked to sleep while its word is 2, and behind
 * that word stand a count, its owner, how many use it and its kind. */
static pid_t mutex_owner(const struct still_call *call, const struct crowd_task *tasks, uint32_t n)
{
    enum { WAIT = 0, COMMANDS = 127, CONTENDED = 2, KIND_LAST = 3 };
    uint32_t bad = 0;
    const uintptr_t at = (uintptr_t)call->arguments[0];
    if ((call->arguments[1] & COMMANDS) != WAIT || (uint32_t)call->arguments[2] != CONTENDED ||
        (at & 7))
        return 0;
    const uint32_t word = peek_u32(at, &bad), owner = peek_u32(at + 8, &bad);
    const uint32_t users = peek_u32(at + 12, &bad), kind = peek_u32(at + 16, &bad);
    if (bad || word != CONTENDED || users == 0 || (kind & COMMANDS) > KIND_LAST)
        return 0;
    for (uint32_t i = 0; i < n; i++)
        if (tasks[i].inner == (pid_t)owner)
            return tasks[i].tid;
    return 0;
}

static void what_keep(struct dump *dump, struct dump_thread *thread, const char *what)
{
    char *const copy = what[0] != '\0' ? bump_take(&dump->memory, strlen(what) + 1, 1) : NULL;
    if (copy != NULL)
        memcpy(copy, what, strlen(what) + 1);
    thread->what = copy;
}

void dump_waits_look(struct dump *dump, struct dump_thread *thread, const struct still_thread *seen,
                     const struct crowd_task *tasks, uint32_t n_tasks)
{
    const struct still_call *const call = &seen->call;
    char what[WHAT_MAX] = "";
    thread->what = NULL;
    thread->held_by = 0;
    if (thread->state != DUMP_BLOCKED)
        return;
    if (is_of_descriptor(call->number)) {
        descriptor_look(thread->tid, call->arguments[0], what);
    } else if (call->number == SYS_wait4 && (int32_t)call->arguments[0] > 0) {
        snprintf(what, sizeof what, "process %d", (int32_t)call->arguments[0]);
    } else if (call->number == SYS_futex) {
        thread->held_by = mutex_owner(call, tasks, n_tasks);
        if (thread->held_by != 0)
            snprintf(what, sizeof what, "a mutex that thread %d holds", thread->held_by);
    }
    what_keep(dump, thread, what);
}

/* The thread of this pthread_t: of one that is in several interpreters, the one that has a name. */
static const struct crowd_state *state_of(const struct crowd *crowd, uint64_t ident)
{
    const struct crowd_state *found = NULL;
    for (uint32_t i = 0; i < crowd->n_states; i++) {
        const struct crowd_state *const state = &crowd->states[i];
        if (state->ident == ident && state->tid != 0 && (found == NULL || found->name_len == 0))
            found = state;
    }
    return found;
}

void dump_waits_rlock(struct dump *dump, struct dump_thread *thread, const struct rlock *rlock,
                      const struct crowd *crowd)
{
    char name[CROWD_NAME_MAX * 6 + 1], what[sizeof name + 64];
    const struct crowd_state *const owner =
        rlock->owner != 0 ? state_of(crowd, rlock->owner) : NULL;
    if (!rlock->is_there)
        return;
    if (owner == NULL || !crowd_is_still_its(&dump->python, owner)) {
        const bool is_nobodys = owner == NULL && rlock->owner != 0 && crowd->is_whole;
        what_keep(dump, thread,
                  is_nobodys ? "an RLock, held by none of these threads" : "an RLock");
        return;
    }
    thread->held_by = owner->tid;
    name[utf8_clean(owner->name, owner->name_len, name, sizeof name - 1)] = '\0';
    snprintf(what, sizeof what, "an RLock, held by %s (%d)", name[0] != '\0' ? name : "<unnamed>",
             owner->tid);
    what_keep(dump, thread, what);
}

const char *dump_state_name(enum dump_state state)
{
    static const char *const names[] = {
        [DUMP_UNKNOWN] = "unknown",   [DUMP_RUNNABLE] = "runnable",   [DUMP_GIL] = "gil_wait",
        [DUMP_WORLD] = "waits_world", [DUMP_OBJECT] = "waits_object", [DUMP_BLOCKED] = "blocked",
        [DUMP_KERNEL] = "kernel",     [DUMP_STOPPED] = "stopped",     [DUMP_ENDED] = "ended",
    };
    return names[state];
}

static void blocked_text(const struct dump_thread *thread, char *to, size_t size)
{
    const char *const name = syscall_find_name(thread->call);
    char call[32], lock[80] = "";
    snprintf(call, sizeof call, "system call %d", thread->call);
    if (thread->lock != 0 && thread->n_waiting > 1)
        snprintf(lock, sizeof lock, "at %#llx, %u threads wait there",
                 (unsigned long long)thread->lock, thread->n_waiting);
    else if (thread->lock != 0)
        snprintf(lock, sizeof lock, "at %#llx", (unsigned long long)thread->lock);
    const bool has_more = thread->what != NULL || lock[0] != '\0';
    snprintf(to, size, "blocked in %s%s%s%s%s%s", name != NULL ? name : call, has_more ? " (" : "",
             thread->what != NULL ? thread->what : "", thread->what != NULL && lock[0] ? ", " : "",
             lock, has_more ? ")" : "");
}

void dump_state_text(const struct dump_thread *thread, char *to, size_t size)
{
    static const char *const texts[] = {
        [DUMP_UNKNOWN] = "state not known",
        [DUMP_RUNNABLE] = "runnable",
        [DUMP_GIL] = "waits for the GIL",
        [DUMP_WORLD] = "waits until the world goes on",
        [DUMP_OBJECT] = "waits for an object's lock",
        [DUMP_BLOCKED] = "",
        [DUMP_KERNEL] = "in the kernel, in no system call (a page fault?)",
        [DUMP_STOPPED] = "stopped",
        [DUMP_ENDED] = "ended",
    };
    if (thread->state == DUMP_BLOCKED)
        blocked_text(thread, to, size);
    else
        snprintf(to, size, "%s", texts[thread->state]);
}
