/* SPDX-License-Identifier: MIT */
/*
 * link_settings - what pyrec wants of an agent, and where it is to be found.
 *
 * On the line:  environment, or pyrec_attach() -> [link_settings] -> link, reach, notice
 * Threads:      any; it is parsed in the constructor, or on the thread that attaches.
 * Memory:       a value.
 */
#ifndef PYREC_AGENT_LINK_SETTINGS_H
#define PYREC_AGENT_LINK_SETTINGS_H

#include "record/wire/wire.h"
#include <stdbool.h>

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
    char fork_name[16];    /* .. as in struct wire_head */
    uint64_t born_ns;      /* .. or an exec, then; CLOCK_MONOTONIC */
    uint64_t cpu_zero_ns;  /* process's CPU clock when this program began: exec does not reset it */
    struct wire_hooks hooks; /* 0 = not attached */
};

/* Parse what the environment variable holds. False when that is NULL or makes no sense. */
bool link_settings(struct link_settings *settings, const char *text);

#endif
