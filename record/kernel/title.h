/* SPDX-License-Identifier: MIT */
/*
 * title - what a process calls itself, which it may change at any time.
 *
 * On the line:  /proc/PID/cmdline, /proc/PID/comm -> [title] -> TITLE events, Meta
 * Threads:      one at a time.
 * Memory:       the caller's.
 * Loss:         a title that a process has for less than the time between two looks. The looks come
 *               0.1, 0.2, 0.4 s .. after the process began, then every 2 s, and once more when
 *               recording is stopped. A process that has ended has no title any more.
 *
 * Servers overwrite their arguments (setproctitle, gunicorn, celery, postgres): these are the title
 * then. Where a process only names its main thread (PR_SET_NAME), that name is the title. A process
 * that was forked by another thread has that thread's name, though: Python names its threads so
 * from 3.14 on.
 */
#ifndef PYREC_RECORD_TITLE_H
#define PYREC_RECORD_TITLE_H

#include "procfs.h"

#define TITLE_MAX 1024

struct title {
    char text[TITLE_MAX];            /* "" = the arguments it began with */
    char fork_name[PROCFS_COMM_MAX]; /* the caller's: see struct wire_head; no title */
    uint64_t next_look_ns;
};

/*
 * Look, if it is time to. The process began with these arguments, NUL-terminated one behind the
 * other, and runs the file `executable`. True when the title is another one now.
 */
bool title_look(struct title *title, pid_t pid, const char *argv, size_t argv_len,
                const char *executable, uint64_t age_ns, uint64_t now_ns);

#endif
