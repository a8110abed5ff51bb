/* SPDX-License-Identifier: MIT */
/*
 * link - the agent's tie to pyrec: shared memory, and one message.
 *
 * On the line:  before everything: makes the ring that the collector drains.
 * Threads:      the sampler thread, whose table of file descriptors is its own, so the program
 *               never sees one of ours.
 * Memory:       the mapping lives until link_close; a forked child does not inherit it.
 * Loss:         no pyrec there, no memory: the program runs unprofiled.
 */
#ifndef PYREC_AGENT_LINK_H
#define PYREC_AGENT_LINK_H

#include "link_settings.h"
#include "record/agent/cpython/interp.h"

struct link {
    struct wire_head *head;
    int socket;   /* kept open: its end means that pyrec is gone; -1 = could not be kept */
    int32_t peer; /* pyrec's pid; 0 = it is not seen from here */
    enum wire_missing failed; /* why it could not be made */
};

/* Make the calling thread's file descriptors its own and empty. False: they are still shared. */
bool link_private_files(void);

/*
 * Make the shared memory, fill in its head (who we are; `refused` instead of an interpreter when
 * that is not NULL) and tell pyrec. False when nobody is there, or something could not be had; then
 * a notice was left that says what.
 */
bool link_open(struct link *link, const struct link_settings *settings, const struct interp *interp,
               const char *refused);

/* Has pyrec gone? */
bool link_lost(struct link *link);

void link_close(struct link *link);

#endif
