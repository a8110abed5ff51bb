/* SPDX-License-Identifier: MIT */
/*
 * still - prove that a thread of another process has stood still for a while, without stopping it.
 *
 * On the line:  /proc, the scheduler -> [still] -> dump: what was read in between is of one moment
 * Threads:      one; it moves the calling thread from CPU to CPU.
 * Memory:       the caller's; three descriptors while a thread is looked at.
 * Loss:         a thread that cannot be shown to stand still is said to be so, with the reason.
 *
 * The kernel counts how often a thread was given a CPU (schedstat, third number). So: read the
 * count; see the thread off the CPU; read its stack; read the count again. If it is the same, the
 * thread has not run since it was seen off the CPU. State S would not do: it is set before the
 * thread leaves its CPU.
 *
 * Off the CPU is seen in one of two ways. /proc/PID/task/TID/syscall names the call a thread is
 * blocked in, and the kernel says so only when it has waited until the thread was off. One that is
 * runnable stands still if we run on its CPU: so the caller goes there (sched_setaffinity), which
 * makes the thread give way. No signal, no stop, no system call cut short: to the thread it is as
 * if another program ran.
 *
 * Where the kernel keeps no such count, the switches *from* a thread (status) do: then it has to be
 * seen off the CPU at the end, too. A thread of real-time priority gives way to nobody.
 */
#ifndef PYREC_RECORD_STILL_H
#define PYREC_RECORD_STILL_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Who looks. */
struct still {
    pid_t pid;
    int32_t here;      /* the CPU that we stay on; -1 = free to be moved */
    cpu_set_t allowed; /* what we were allowed before */
};

/* What the thread was doing when it was seen. */
struct still_call {
    bool is_known;
    bool is_runnable;
    int64_t number; /* of the call that it is blocked in; -1 = in none: a page fault, a stop */
    uint64_t arguments[6];
};

enum still_seen {
    STILL_OFF,       /* it was off the CPU: still_holds() tells the rest */
    STILL_ON,        /* it kept running away */
    STILL_REAL_TIME, /* it has real-time priority and runs */
    STILL_ELSEWHERE, /* it runs on a CPU that we may not use */
    STILL_HIDDEN,    /* the kernel says too little here */
    STILL_GONE,      /* there is no such thread (any more) */
};

/* A thread that is looked at. */
struct still_thread {
    pid_t tid;
    int32_t stat, syscall, schedstat; /* descriptors; -1 = none */
    bool has_count;                   /* schedstat counts */
    uint64_t count;
    uint64_t cpu_ns; /* that it has used; about: the kernel adds it up at its own ticks */
    char state;      /* as in stat: 'R', 'S', 'D', 'T' ..; 0 = not known */
    struct still_call call;
};

void still_init(struct still *still, pid_t pid);

/* Let the kernel choose our CPU again. */
void still_release(struct still *still);

/* False: there is no such thread. */
bool still_open(const struct still *still, struct still_thread *thread, pid_t tid);
void still_close(struct still_thread *thread);

/* What it is doing, without proof and without going anywhere. False: it is gone. */
bool still_see(struct still *still, struct still_thread *thread);

/* See it off the CPU; fills in call and state. */
enum still_seen still_look(struct still *still, struct still_thread *thread);

/* Whether it has stood still since still_look() said STILL_OFF. */
bool still_holds(struct still *still, struct still_thread *thread);

/* Why not, in words. */
const char *still_text(enum still_seen seen);

#endif
