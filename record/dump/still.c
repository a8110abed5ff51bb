/* SPDX-License-Identifier: MIT */
#include "still.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHASES    20u /* moves after a thread that is on another CPU each time */
#define FIELD_CPU 39u /* of stat */

void still_init(struct still *still, pid_t pid)
{
    *still = (struct still){.pid = pid, .here = -1};
    if (sched_getaffinity(0, sizeof still->allowed, &still->allowed) != 0)
        CPU_ZERO(&still->allowed);
}

void still_release(struct still *still)
{
    if (still->here >= 0 && CPU_COUNT(&still->allowed) > 0)
        (void)sched_setaffinity(0, sizeof still->allowed, &still->allowed);
    still->here = -1;
}

/* ---- a thread's files ---- */

static int file_open(const struct still *still, pid_t tid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/%s", still->pid, tid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static ssize_t file_read(int fd, char *text, size_t size)
{
    const ssize_t n = fd >= 0 ? pread(fd, text, size - 1, 0) : -1;
    text[n > 0 ? n : 0] = '\0';
    return n;
}

bool still_open(const struct still *still, struct still_thread *thread, pid_t tid)
{
    *thread = (struct still_thread){.tid = tid, .syscall = -1, .schedstat = -1};
    thread->stat = file_open(still, tid, "stat");
    if (thread->stat < 0)
        return false;
    thread->syscall = file_open(still, tid, "syscall");
    thread->schedstat = file_open(still, tid, "schedstat");
    return true;
}

void still_close(struct still_thread *thread)
{
    int32_t *const files[] = {&thread->stat, &thread->syscall, &thread->schedstat};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (*files[i] >= 0)
            close(*files[i]);
        *files[i] = -1;
    }
}

/* ---- what they say ---- */

static uint64_t number_behind(const char *text, const char *word)
{
    const char *const at = strstr(text, word);
    return at != NULL ? strtoull(at + strlen(word), NULL, 10) : 0;
}

/* How often it was given a CPU; or, where that is not counted, how often it gave one up. */
static bool count_read(const struct still *still, struct still_thread *thread, uint64_t *count)
{
    char text[4096];
    uint64_t delay;
    if (file_read(thread->schedstat, text, sizeof text) > 0 &&
        sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &thread->cpu_ns, &delay, count) == 3 &&
        *count > 0) {
        thread->has_count = true;
        return true;
    }
    const int fd = thread->has_count ? -1 : file_open(still, thread->tid, "status");
    const bool is_there = file_read(fd, text, sizeof text) > 0;
    if (fd >= 0)
        close(fd);
    *count = number_behind(text, "\nvoluntary_ctxt_switches:\t") +
             number_behind(text, "\nnonvoluntary_ctxt_switches:\t");
    return is_there && *count > 0;
}

/* Its state, and the CPU that it is on, or was last; -1 when it is gone. */
static int32_t cpu_read(struct still_thread *thread)
{
    char text[1024];
    if (file_read(thread->stat, text, sizeof text) <= 0)
        return -1;
    const char *at = strrchr(text, ')'); /* the name may hold anything */
    if (at == NULL || at[1] != ' ')
        return -1;
    at += 2;
    thread->state = *at;
    for (unsigned field = 3; field < FIELD_CPU && at != NULL; field++) {
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    return at != NULL ? (int32_t)strtol(at, NULL, 10) : -1;
}

/* "running"; or the number of the call (-1: none), its arguments, and more. */
static struct still_call call_parse(const char *line)
{
    struct still_call call = {.number = -1};
    char *end;
    if (strncmp(line, "running", 7) == 0) {
        call.is_known = call.is_runnable = true;
        return call;
    }
    call.number = strtoll(line, &end, 10);
    call.is_known = end != line;
    for (size_t i = 0; i < 6 && call.number >= 0; i++)
        call.arguments[i] = strtoull(end, &end, 16);
    return call;
}

static bool call_read(struct still_thread *thread)
{
    char line[256];
    thread->call = (struct still_call){.number = -1};
    if (file_read(thread->syscall, line, sizeof line) > 0)
        thread->call = call_parse(line);
    return thread->call.is_known;
}

/* ---- being on its CPU ---- */

static bool gives_way(pid_t tid)
{
    const int policy = sched_getscheduler(tid);
    return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

static bool go(struct still *still, int32_t cpu)
{
    cpu_set_t one;
    if (cpu >= CPU_SETSIZE)
        return false;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        return false;
    still->here = cpu;
    return true;
}

/* It is where we run, so it does not. */
static enum still_seen seat_take(struct still *still, struct still_thread *thread)
{
    for (unsigned i = 0; i < CHASES; i++) {
        const int32_t cpu = cpu_read(thread);
        if (cpu < 0)
            return STILL_GONE;
        if (cpu == still->here && sched_getcpu() == cpu)
            return STILL_OFF;
        if (!gives_way(thread->tid))
            return STILL_REAL_TIME;
        if (!go(still, cpu))
            return STILL_ELSEWHERE;
        if (!count_read(still, thread, &thread->count))
            return STILL_GONE;
    }
    return STILL_ON;
}

bool still_see(struct still *still, struct still_thread *thread)
{
    (void)count_read(still, thread, &thread->count);
    (void)call_read(thread);
    return cpu_read(thread) >= 0;
}

enum still_seen still_look(struct still *still, struct still_thread *thread)
{
    if (!count_read(still, thread, &thread->count))
        return cpu_read(thread) < 0 ? STILL_GONE : STILL_HIDDEN;
    if (call_read(thread) && !thread->call.is_runnable)
        return cpu_read(thread) < 0 ? STILL_GONE : STILL_OFF;
    return seat_take(still, thread);
}

bool still_holds(struct still *still, struct still_thread *thread)
{
    const struct still_call before = thread->call;
    uint64_t now;
    if (!thread->has_count) { /* only leaving is counted: so it must have left */
        const bool is_off = call_read(thread) && !thread->call.is_runnable
                                ? true
                                : cpu_read(thread) == still->here && still->here >= 0;
        thread->call = before;
        if (!is_off)
            return false;
    }
    return count_read(still, thread, &now) && now == thread->count;
}

const char *still_text(enum still_seen seen)
{
    static const char *const texts[] = {
        [STILL_OFF] = "it moved whenever it was read",
        [STILL_ON] = "it went from CPU to CPU too quickly",
        [STILL_REAL_TIME] = "it has real-time priority and gives way to nobody",
        [STILL_ELSEWHERE] = "it runs on a CPU that pyrec may not use",
        [STILL_HIDDEN] = "the kernel does not count its switches here",
        [STILL_GONE] = "it has ended",
    };
    return texts[seen];
}
