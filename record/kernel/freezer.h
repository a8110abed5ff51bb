/* SPDX-License-Identifier: MIT */
/*
 * freezer - whether a process is frozen: a container that is paused, a service that is.
 *
 * On the line:  /proc/PID/cgroup, /sys/fs/cgroup -> [freezer] -> regard, wait
 * Threads:      any.
 * Memory:       none.
 * Loss:         false where its group cannot be seen from here: no /sys/fs/cgroup, or another root.
 */
#ifndef PYREC_RECORD_FREEZER_H
#define PYREC_RECORD_FREEZER_H

#include <stdbool.h>
#include <sys/types.h>

/* It does not run until somebody thaws it, nor does the kernel stop it for a tracer. Costs some
 * reads of small files. */
bool freezer_holds(pid_t pid);

#endif
