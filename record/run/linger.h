/* SPDX-License-Identifier: MIT */
/*
 * linger - is somebody still on the way who could be recorded?
 *
 * On the line:  session asks, when the command has ended and nobody is being recorded.
 * Threads:      one.
 *
 * A command may end the moment after it has started a Python in the background, before that one's
 * agent has said hello. Everybody who was started under the recording carries the cookie in the
 * environment, so those that are not known yet can be found.
 */
#ifndef PYREC_RECORD_LINGER_H
#define PYREC_RECORD_LINGER_H

#include "record/collect/collect.h"

#define LINGER_GRACE_NS 500000000u /* how long they get to say hello */

/* Whether there is a process with this cookie that is not being recorded. */
bool linger_has_strangers(const struct collect *collect, const char *cookie);

#endif
