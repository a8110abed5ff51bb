/* SPDX-License-Identifier: MIT */
/*
 * filter - would a program's filters of system calls (seccomp) let ours through?
 *
 * On the line:  hold, which has the thread stopped -> [filter] -> inject
 * Threads:      one.
 * Memory:       the caller's.
 *
 * Our threads inherit the filters of the thread that is held. A filter may end the program for a
 * call that it does not know, so it is tried beforehand on every call that attaching and recording
 * make (`calls` in filter.c), as the kernel would try it. A call that is only refused (an errno)
 * harms nobody where we can do without it.
 */
#ifndef PYREC_RECORD_FILTER_H
#define PYREC_RECORD_FILTER_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FILTER_STEPS 4096 /* instructions: BPF_MAXINSNS of the kernel */

/* What the program says of a call: SECCOMP_RET_..; SECCOMP_RET_KILL_PROCESS if it is malformed. */
uint32_t filter_run(const struct sock_filter *program, size_t n, const struct seccomp_data *call);

/* The first of our calls that this one filter would not let through; NULL: all of them pass. */
const char *filter_objects(const struct sock_filter *program, size_t n);

enum filter_answer {
    FILTER_PASSES,     /* or there is none */
    FILTER_OBJECTS,    /* *call is the name of a call */
    FILTER_UNREADABLE, /* the kernel does not show it */
};

/* The filters of a thread that is stopped by us. */
enum filter_answer filter_look(pid_t tid, const char **call);

#endif
