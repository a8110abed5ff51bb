/* SPDX-License-Identifier: MIT */
/*
 * child - the command pyrec has started, and the signals that pass between the two.
 *
 * On the line:  beside it; session's.
 * Threads:      one.
 * Memory:       caller's storage.
 *
 * pyrec changes no disposition: it blocks the signals it has to live through and reads them from a
 * descriptor. What the terminal sends reaches the command by itself, as both are in the same
 * process group; SIGTERM and SIGHUP that somebody sent to pyrec are passed on. When the command
 * is stopped, pyrec stops, too, where there is a shell to notice, and goes on when it does.
 */
#ifndef PYREC_RECORD_CHILD_H
#define PYREC_RECORD_CHILD_H

#include "demise.h"
#include "format/status.h"
#include "launch.h"

struct child {
    pid_t pid;
    int signal_fd;
    bool has_ended;
    bool was_interrupted; /* a signal asked us to stop, the command being gone already */
    bool has_flush;       /* SIGUSR1 came: write everything; whoever does so takes it back */
    struct demise demise;
    struct launch_inherited inherited;
};

/*
 * Remember what was inherited; block what writing may raise; raise our own limit of descriptors to
 * *max_fds. pyrec can still be interrupted.
 */
void child_prepare(struct child *child, uint64_t *max_fds);

/* From here on signals are read from signal_fd: the command is about to start. */
MUST_CHECK enum status child_watch(struct child *child, struct problem *why);

/* What the signal descriptor has to say. `dying` is called once, while the command is a zombie. */
void child_take_signals(struct child *child, void (*dying)(void *closure, pid_t pid),
                        void *closure);

void child_close(struct child *child);

/* End this process by a signal, as the command did; returns when that is impossible. */
void child_die_alike(uint32_t signal);

#endif
