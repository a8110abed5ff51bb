/* SPDX-License-Identifier: MIT */
/*
 * exit_status - how a process died.
 *
 * On the line:  beside it; asked when a pidfd says that a process is gone.
 * Threads:      any.
 *
 * The kernel tells us how our own child ended. Of other processes it tells us only while nobody has
 * reaped them, if we may see it, or, since Linux 6.15, through the pidfd.
 */
#ifndef PYREC_RECORD_EXIT_STATUS_H
#define PYREC_RECORD_EXIT_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct exit_status {
    bool is_known;
    uint32_t status; /* exit status, when signal is 0 */
    uint32_t signal;
};

/* A child is not waited for, only looked at. pidfd may be -1. */
void exit_status_find(pid_t pid, int pidfd, struct exit_status *end);

/* From what wait() or the kernel calls an exit code. */
void exit_status_decode(int code, struct exit_status *end);

#endif
