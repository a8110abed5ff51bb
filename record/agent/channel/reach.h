/* SPDX-License-Identifier: MIT */
/*
 * reach - the ways from a recorded process to pyrec, and whether it is pyrec who is there.
 *
 * On the line:  link (the hello) and notice (the board) go through here.
 * Threads:      any; safe in a child of a fork.
 * Memory:       the caller's; a descriptor that is handed out is the caller's.
 *
 * A socket in pyrec's directory is found from every network namespace; an abstract one from every
 * mount namespace; pyrec's directory seen through /proc/PID/root from where another /tmp is
 * mounted. Whatever answers must be pyrec: the kernel's word for who listens against the settings.
 * What somebody else has put there is told nothing.
 */
#ifndef PYREC_AGENT_REACH_H
#define PYREC_AGENT_REACH_H

#include "link_settings.h"
#include <sys/socket.h>

/* How a try ended. */
struct reach_failure {
    enum wire_missing reason; /* WIRE_MISSING_NONE: it did not fail */
    int error;                /* errno; 0 = none */
};

/*
 * A connection to pyrec (not blocking), or -1 and why. *peer gets pyrec's pid as it is seen from
 * here, 0 = from here it is not.
 */
int reach_connect(const struct link_settings *settings, int32_t *peer,
                  struct reach_failure *failure);

/* pyrec's board, for writing (not blocking), or -1. */
int reach_board(const struct link_settings *settings);

/*
 * Whether whoever has these credentials is pyrec: its number and the time of its start, if it is
 * seen from here, and root or this user.
 */
bool reach_is_pyrec(const struct link_settings *settings, const struct ucred *peer);

#endif
