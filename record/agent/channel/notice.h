/* SPDX-License-Identifier: MIT */
/*
 * notice - a word for pyrec about somebody who cannot be recorded.
 *
 * On the line:  an agent that failed, or an exec of what cannot be preloaded -> [notice] -> missing
 * Threads:      any thread of the program, also in a child of fork or vfork: it needs no memory, no
 *               lock and no signal, and one descriptor for a moment.
 * Loss:         where pyrec's board cannot be reached nothing is said.
 */
#ifndef PYREC_AGENT_NOTICE_H
#define PYREC_AGENT_NOTICE_H

#include "link_settings.h"

enum notice_who {
    NOTICE_PROGRAM, /* a program that is about to be started, maybe not Python */
    NOTICE_PYTHON,  /* this process */
};

/*
 * Leave it. `name` is a file's, of which the last part is told; NULL: this program's. errno stays.
 */
void notice_leave(const struct link_settings *settings, enum notice_who who,
                  enum wire_missing reason, int error, const char *name);

#endif
