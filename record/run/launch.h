/* SPDX-License-Identifier: MIT */
/*
 * launch - find the command and start it with the agent in its environment.
 *
 * On the line:  settings -> [launch] -> the recorded program
 * Threads:      one; nothing else may run in this process when the child is made.
 * Memory:       struct launch is the caller's; launch_open, then launch_close.
 *
 * The child is what the shell would have started: same directory, descriptors, process group,
 * terminal, signal mask, dispositions, interval timers and limits; only LD_PRELOAD and WIRE_ENV
 * are new.
 */
#ifndef PYREC_RECORD_LAUNCH_H
#define PYREC_RECORD_LAUNCH_H

#include "format/status.h"
#include "record/collect/hello.h"
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

/* What a shell exits with when it cannot start a command. */
enum { LAUNCH_NOT_EXECUTABLE = 126, LAUNCH_NOT_FOUND = 127 };

/* What pyrec was started with, and changes only for itself. */
struct launch_inherited {
    uint64_t mask; /* see rawsig.h */
    struct sigaction on_child;
    struct rlimit descriptors;
    struct itimerval timers[3]; /* those of setitimer() and alarm(), which an exec keeps */
    bool is_killed_with_parent; /* by prctl(PR_SET_PDEATHSIG), which an exec keeps, too */
};

struct launch {
    char path[PATH_MAX];    /* of the command */
    char library[PATH_MAX]; /* of the agent, without a character that LD_PRELOAD cannot take; "" =
                               do not record */
    char directory[64];     /* private, of a symbolic link to the agent; "" = none */
    int gate, report;       /* of a child that has not become the command; else -1 */
};

/*
 * Find `command`. STATUS_NOT_FOUND (exit with 127) or STATUS_UNSUPPORTED (with 126), why->detail
 * being what a shell would say.
 */
MUST_CHECK enum status launch_find_command(struct launch *launch, const char *command,
                                           struct problem *why);

/* Find the agent's library; without it the command can still be started. */
MUST_CHECK enum status launch_find_agent(struct launch *launch, struct problem *why);

/* What an agent must know. */
struct launch_agent {
    const struct hello *hello;
    uint64_t interval_ns;
    uint32_t max_depth, flags;
    uint64_t max_cost_ppm; /* of one CPU; 0 = no limit */
    uint64_t begin_ns;     /* CLOCK_MONOTONIC: not before; 0 = at once */
};

/*
 * The text for such an agent: a variable's value, or what its entry takes. With `library`: children
 * of a program that runs already find it there. Malloced; NULL = no memory.
 */
char *launch_agent_text(const struct launch_agent *agent, const char *library);

/*
 * Make the child; `agent` NULL: without recording. It is in our process group and has all signals
 * blocked, but waits for launch_go to become the command. On failure *exit_code is what a shell
 * would return.
 */
MUST_CHECK enum status launch_fork(struct launch *launch, char *const *command,
                                   const struct launch_agent *agent,
                                   const struct launch_inherited *inherited, pid_t *pid,
                                   int *exit_code, struct problem *why);

/* Let it become the command; on failure it is a zombie. */
MUST_CHECK enum status launch_go(struct launch *launch, const char *command, int *exit_code,
                                 struct problem *why);

/* Become the command, unrecorded, without a child; returns when that is impossible. */
void launch_become(struct launch *launch, char *const *command,
                   const struct launch_inherited *inherited, int *exit_code, struct problem *why);

/* Remove what was made for it. */
void launch_close(struct launch *launch);

#endif
