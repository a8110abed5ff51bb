/* SPDX-License-Identifier: MIT */
/*
 * child - the command pyrec has started, and the signals that pass between the two.
 *
 * On the line:  beside it; session's.
 * Threads:      one.
 * Memory:       caller's storage.
 *
 * pyrec changes no disposition: it blocks all signals and reads them from a descriptor. It passes
 * on the signals that are meant for the command (relay.h), with the values that they carry. A
 * signal to the whole process group has reached the command already. SIGUSR1 also asks for
 * everything to be written. When the command is stopped and a shell is there to notice, pyrec stops
 * as well, and goes on when the command does; so does a process beside the command, which is what
 * the terminal shows. As PID 1 pyrec gets children that are not its own, and reaps them.
 */
#ifndef PYREC_RECORD_CHILD_H
#define PYREC_RECORD_CHILD_H

#include "format/status.h"
#include "launch.h"
#include "record/kernel/exit_status.h"
#include "relay.h"

struct child {
    pid_t pid;
    pid_t waker;  /* the last process that woke us, see child.c */
    pid_t beside; /* a child of ours that shows something meanwhile; -1 = none */
    bool has_ended;
    bool was_told_to_end; /* SIGTERM or SIGHUP came, for the command or for everybody */
    bool was_interrupted; /* a signal asked us to stop, the command being gone already */
    bool has_flush;       /* SIGUSR1 came: write everything; whoever does so takes it back */
    struct relay relay;
    struct exit_status end;
    struct launch_inherited inherited;
};

/* Called while a child is a zombie: the command, or what was left to us. */
typedef void child_dying(void *closure, pid_t pid);

/*
 * Remember what was inherited; block what writing may raise; raise our own limit of descriptors to
 * *max_fds. pyrec can still be interrupted.
 */
void child_prepare(struct child *child, uint64_t *max_fds);

/* From here on signals are events of epoll_fd, with `data`: the command is about to start. */
MUST_CHECK enum status child_watch(struct child *child, int epoll_fd, uint64_t data,
                                   struct problem *why);

/* The command is there, but does nothing yet: whatever our group gets from here on, it gets. */
void child_is_there(struct child *child, pid_t pid);

/* Take what the signals have to say, and what our children do. */
void child_take_signals(struct child *child, child_dying *dying, void *closure);

/* When to call it although nothing happens; UINT64_MAX = not. */
uint64_t child_due_ns(const struct child *child);

void child_close(struct child *child);

/* End this process by a signal, as the command did; returns when that is impossible. */
void child_die_alike(uint32_t signal);

#endif
