/* SPDX-License-Identifier: MIT */
/*
 * procfs - what the kernel says about other processes, in /proc and by their clocks.
 *
 * On the line:  beside it; process, natives, linger ask here.
 * Threads:      any.
 * Memory:       the caller's.
 *
 * Where /proc is that of another PID namespace, its numbers are not ours. These functions then find
 * no process (false) rather than a wrong one.
 *
 * Processes and threads die at any moment: every answer may be "not there" (false).
 */
#ifndef PYREC_RECORD_PROCFS_H
#define PYREC_RECORD_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCFS_COMM_MAX 64

/* Read a small file of /proc whole into `text`, NUL-terminated; its length, -1 when not there. */
ssize_t procfs_read(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* /proc/PID/stat. */
struct procfs_stat {
    char state; /* 'R', 'S', 'T', 'Z' .. */
    pid_t parent;
    bool is_of_kernel;  /* a thread of the kernel's */
    uint64_t cpu_ticks; /* user + system, in clock ticks */
    uint64_t start;     /* in clock ticks since boot */
    int32_t exit_code;  /* as wait() gives it; only of a zombie, and only if we may see it */
};
bool procfs_stat_read(pid_t pid, struct procfs_stat *stat);

/* Whether the number still is that of the process that began then; it may be a zombie, which a
 * process is, too, whose first thread has ended before the others. */
bool procfs_is_same(pid_t pid, uint64_t start);

/* The same, and no zombie. */
bool procfs_lives(pid_t pid, uint64_t start);

/* What the kernel told a program when it began to run. */
struct procfs_auxiliary {
    bool is_told; /* false: it is just being executed, or may not be looked at; nothing is known */
    bool is_secure;   /* it has more rights than who started it */
    bool has_loader;  /* false: it is statically linked */
    uint64_t headers; /* where in its memory those of the program itself are; 0 = not known */
};
void procfs_auxiliary_read(pid_t pid, struct procfs_auxiliary *auxiliary);

/* The (real) user whose it is. */
bool procfs_user(pid_t pid, uid_t *user);

/* The number behind "NAME:" in the text of a status file, in that base; false: not there. */
bool procfs_status_number(const char *status, const char *name, int base, uint64_t *number);

/* kernel.yama.ptrace_scope: who may trace whom; 0 where there is no Yama. */
int procfs_yama_scope(void);

/* Whether /proc has our numbers. */
bool procfs_is_ours(void);

/* The namespace of a process of that kind ("net", "mnt"); 0 = it cannot be looked at. */
ino_t procfs_namespace(pid_t pid, const char *kind);

/* Whether a process is in the same one as we are; false, too, where that cannot be looked at. */
bool procfs_shares_namespace(pid_t pid, const char *kind);

/*
 * Whether a thread's stat says that it only works for the kernel: io_uring's workers and their like
 * stand among a process's threads, but never run any of its code, and cannot be stopped.
 */
bool procfs_is_worker(const char *stat);

/*
 * The number that a thread has in the innermost of the PID namespaces it is in, and whether that is
 * another one than ours.
 */
bool procfs_inner_number(pid_t pid, pid_t tid, pid_t *inner, bool *is_nested);

/* The same of a process. */
bool procfs_inner_pid(pid_t pid, pid_t *inner);

/* A thread's kernel name. */
bool procfs_comm(pid_t pid, pid_t tid, char comm[PROCFS_COMM_MAX]);

/* How long a thread has run, and waited for a CPU: the kernel counts a wait when it is over. */
struct procfs_schedule {
    uint64_t ran_ns, waited_ns;
};
bool procfs_schedule_read(pid_t pid, pid_t tid, struct procfs_schedule *schedule);

/* Is that in the environment that a process was started with? While it is in execve() nobody can
 * tell. */
enum procfs_has { PROCFS_HAS_NOT, PROCFS_HAS, PROCFS_IN_EXEC };
enum procfs_has procfs_environment_has(pid_t pid, const char *text);

/* The process's CPU clock, dead threads included; still there while it is a zombie. */
bool procfs_process_cpu(pid_t pid, uint64_t *cpu_ns);

/* Call `each` for every numeric entry of a directory; false when it is not there. */
bool procfs_each_number(const char *directory, void (*each)(void *closure, pid_t number),
                        void *closure);

#endif
