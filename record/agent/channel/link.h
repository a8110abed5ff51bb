/* SPDX-License-Identifier: MIT */
/*
 * link - the agent's tie to pyrec: settings from the environment, shared memory, one message.
 *
 * On the line:  before everything: makes the ring that the collector drains.
 * Threads:      link_settings in the constructor; the rest on the sampler thread, whose table of
 *               file descriptors is its own, so the program never sees one of ours.
 * Memory:       the mapping lives until link_close; a forked child does not inherit it.
 * Loss:         no pyrec there, no memory: the program runs unprofiled.
 */
#ifndef PYREC_AGENT_LINK_H
#define PYREC_AGENT_LINK_H

#include "record/agent/cpython/interp.h"

struct link_settings {
    char socket_name[64];               /* abstract; "" = there is none */
    char directory[WIRE_DIRECTORY_MAX]; /* of pyrec's socket and board; "" = there is none */
    int32_t pyrec_pid;                  /* who listens there .. */
    uint64_t pyrec_start;               /* .. and since when; 0 = not known */
    char cookie[32];
    uint64_t interval_ns;
    uint32_t max_depth;
    uint32_t flags;        /* enum wire_flags */
    uint64_t max_cost_ppm; /* of one CPU; 0 = no limit */
    uint64_t begin_ns;     /* CLOCK_MONOTONIC: record nothing before; 0 = at once */
    bool has_waited;       /* for that, in this process */
    bool is_forked;        /* this process began by a fork .. */
    uint64_t born_ns;      /* .. or an exec, then; CLOCK_MONOTONIC */
    uint64_t cpu_zero_ns;  /* process's CPU clock when this program began: exec does not reset it */
    struct wire_hooks hooks; /* 0 = not attached */
};

struct link {
    struct wire_head *head;
    int socket;   /* kept open: its end means that pyrec is gone; -1 = could not be kept */
    int32_t peer; /* pyrec's pid; 0 = it is not seen from here */
    enum wire_missing failed; /* why it could not be made */
};

/* Parse what the environment variable holds. False when that is NULL or makes no sense. */
bool link_settings(struct link_settings *settings, const char *text);

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
