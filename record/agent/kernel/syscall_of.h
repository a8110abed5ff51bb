/* SPDX-License-Identifier: MIT */
/*
 * syscall_of - what a thread that stands still is doing: which system call, or waiting for a CPU.
 *
 * On the line:  /proc -> [syscall_of] -> sampler
 * Threads:      the sampler only, whose table of file descriptors is its own.
 * Memory:       the caller's; up to three descriptors per thread.
 * Loss:         where /proc cannot be read the answer is "not known", never one of the others.
 *
 * /proc/self/task/TID/syscall says all of it, and where in its code the thread goes on, but belongs
 * to root as soon as the program may not be dumped (after setuid(), say). .../stat and .../wchan
 * are everybody's: runnable or not, and in which function of the kernel it waits.
 *
 * In a PID namespace with the /proc of another one (`unshare -pf` without --mount-proc) threads
 * have other numbers there: they are looked up in .../status. What lies at /proc and is no /proc,
 * or one in which we are not, is not used.
 */
#ifndef PYREC_AGENT_SYSCALL_OF_H
#define PYREC_AGENT_SYSCALL_OF_H

#include <stdbool.h>
#include <stdint.h>

#define STANDING_NAME_MAX 64

enum standing_kind {
    STANDING_UNKNOWN,
    STANDING_READY,   /* runnable; no CPU was free for it */
    STANDING_CALL,    /* blocked in system call number `call` */
    STANDING_KERNEL,  /* blocked in the kernel's function `function`, "" = not known which */
    STANDING_OUTSIDE, /* blocked, but in no system call (a page fault, a stop) */
};

struct standing {
    enum standing_kind kind;
    int32_t call;      /* -1 = none or not known */
    uint64_t argument; /* of STANDING_CALL: its first */
    uint64_t sp, pc;   /* where it goes on; 0 = not told */
    char function[STANDING_NAME_MAX];
};

/* The threads of this process, as /proc has them. */
struct standing_tasks {
    int32_t fd;       /* /proc/self/task, -1 = there is none that can be used */
    bool is_foreign;  /* its numbers are those of another PID namespace */
    bool wants_place; /* sp and pc are asked for */
    uint8_t n_denied; /* looks since .../syscall was refused; 0 = it was not */
};

/* A thread's descriptors; -1 = not open. */
struct standing_files {
    int32_t call, stat, wchan;
    int32_t foreign_tid; /* its number there, 0 = not looked up */
};

#define STANDING_NO_FILES ((struct standing_files){.call = -1, .stat = -1, .wchan = -1})

/* A thread's number, as /proc has it. False: no more of them. */
typedef bool standing_task_fn(void *closure, int32_t number);

/* All threads of this process. */
void standing_each(const struct standing_tasks *tasks, standing_task_fn *each, void *closure);

/* What the kernel calls a thread; "" when it is gone. */
#define STANDING_COMM_MAX 32
void standing_comm(const struct standing_tasks *tasks, int32_t number,
                   char comm[STANDING_COMM_MAX]);

/* Find /proc; once per thread that samples, when its descriptors are its own. */
void standing_open(struct standing_tasks *tasks, bool wants_place);

void standing_close_files(struct standing_files *files);

/*
 * What the thread does. Its descriptors stay open when `keep` says there is room. 1 us when one is
 * open, 6 us when not; twice as much where it is not to be dumped.
 */
struct standing standing_of_thread(struct standing_tasks *tasks, int32_t tid,
                                   struct standing_files *files, bool keep);

/*
 * Is this signal, which was sent to the thread, waiting for it although the thread does not block
 * it? Such a thread has executed no instruction of its own since. False when that is not known.
 * *blocked: what it does block, as a bit per signal; may be NULL.
 */
bool standing_has_pending(struct standing_tasks *tasks, int32_t tid, struct standing_files *files,
                          int signo, uint64_t *blocked);

#endif
