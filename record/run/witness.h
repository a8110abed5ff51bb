/* SPDX-License-Identifier: MIT */
/*
 * witness - a process that does nothing but be in pyrec's process group.
 *
 * On the line:  beside it; relay asks.
 * Threads:      one.
 * Memory:       struct witness is the caller's; witness_start, then witness_end.
 *
 * The kernel does not say whether a signal was sent to pyrec or to its whole group. The command is
 * in that group, too, and has got the signal by itself then. Nobody signals this process for its
 * own sake: neither `ps` nor pkill(1) knows it by pyrec's name. So what it gets was for everybody.
 */
#ifndef PYREC_RECORD_WITNESS_H
#define PYREC_RECORD_WITNESS_H

#include <stdbool.h>
#include <sys/types.h>

#define WITNESS_NAME "group-witness"

struct witness {
    pid_t pid; /* -1: there is none */
    int fd;    /* readable when it has got something that nobody asked for yet; -1 */
};

/* A signal that it got. The sender is 0 when it is outside of our PID namespace. */
typedef void witness_said(void *closure, int signal, pid_t sender);

/* All signals are to be blocked already. False: no process or no descriptor to be had. */
bool witness_start(struct witness *witness);

/* Whether it has got something (or is gone), and says so by itself. */
bool witness_has_news(const struct witness *witness);

/*
 * What it has got since it was asked last; whatever was sent before the question is among it.
 * False when it does not answer; it is then to be ended.
 */
bool witness_ask(const struct witness *witness, witness_said *said, void *closure);

void witness_end(struct witness *witness);

#endif
