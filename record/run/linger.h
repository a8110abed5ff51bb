/* SPDX-License-Identifier: MIT */
/*
 * linger - is somebody still on the way who could be recorded?
 *
 * On the line:  session asks, when the command has ended and nobody is being recorded.
 * Threads:      one.
 *
 * A command may start a Python in the background and end at once, before the agent of that Python
 * has said hello. Every process that was started under the recording carries the cookie in its
 * environment, so the unknown ones can be found.
 */
#ifndef PYREC_RECORD_LINGER_H
#define PYREC_RECORD_LINGER_H

#include "record/collect/lobby.h"

/* How long they get to say hello, without waits for a CPU, and with them. */
#define LINGER_GRACE_NS 500000000u
#define LINGER_MAX_NS   10000000000u

/* Whether there is a process with this cookie that is not being recorded and may yet be, now that
 * so much time has passed. One that knocks while they are looked for is let in. */
bool linger_has_strangers(struct lobby *lobby, const char *cookie, uint64_t passed_ns);

#endif
