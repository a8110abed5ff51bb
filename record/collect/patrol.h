/* SPDX-License-Identifier: MIT */
/*
 * patrol - notice the Pythons of the command that no agent speaks for.
 *
 * On the line:  /proc -> [patrol] -> missing
 * Threads:      one.
 * Memory:       caller's storage; patrol_init, then patrol_close. Borrows collect.
 * Loss:         who lives for less than PATROL_PATIENCE_NS, or is not ours by parent or
 *               environment, is not noticed.
 *
 * An agent that has failed leaves a notice. Where no agent could be loaded nobody can leave one,
 * but pyrec sees its descendants, and whether CPython is in their memory. What the kernel shows of
 * the process says why it is not recorded; what the kernel does not show us is counted as not
 * known.
 *
 * It reads nothing while no process or thread of the machine has begun since the last look, but for
 * processes that it has seen and not understood yet.
 */
#ifndef PYREC_RECORD_PATROL_H
#define PYREC_RECORD_PATROL_H

#include "collect.h"

#define PATROL_PERIOD_NS   1000000000u /* while there is somebody to find out about; else .. */
#define PATROL_QUIET_NS    2000000000u /* .. that: a look at all of /proc costs a millisecond */
#define PATROL_PATIENCE_NS 1000000000u /* so long an agent may take to say hello */

struct patrol_row;

struct patrol {
    struct collect *collect;
    pid_t command;
    const pid_t *roots; /* instead of a command: processes that were attached to */
    uint32_t n_roots;
    /* Whoever has a Python and no recorder is shown here first, once: true when it has one now;
     * else *why may say more than what is seen of it. NULL = nobody is asked. */
    bool (*join)(const void *closure, pid_t pid, struct problem *why);
    const void *closure;
    const char *cookie, *library; /* borrowed; library: the agent's path */
    uint64_t start;               /* who began before is none of ours; clock ticks since boot */
    struct patrol_row *rows;      /* every process of the machine, by number */
    uint32_t n, capacity;
    uint32_t n_open; /* of them, those that are to be looked at again */
    uint64_t due_ns;
    struct missing told; /* who is missing, as it was written last .. */
    uint32_t told_section;
    uint64_t told_ns; /* .. in this section and at this time */
    char newest[32];  /* what the kernel said of the newest process at the last look */
};

void patrol_init(struct patrol *patrol, struct collect *collect, const char *cookie,
                 const char *library);

/* Once in a while: does nothing before due_ns. `command`: pyrec's child. */
void patrol_look(struct patrol *patrol, pid_t command, uint64_t now_ns);

/*
 * Write who is missing as it looks now, if that has changed; they may still be heard of. It is
 * known at the end only, but is so told of a recording that has none. Once in a while, or at once.
 */
void patrol_tell(struct patrol *patrol, uint64_t now_ns, bool is_urgent);

/* The recording is over: whoever is still unaccounted for is missing. Gives its memory back. */
void patrol_close(struct patrol *patrol);

#endif
