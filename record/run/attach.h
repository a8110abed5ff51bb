/* SPDX-License-Identifier: MIT */
/*
 * attach - begin to record processes that run already (pyrec -p).
 *
 * On the line:  session -> [attach] -> inject -> the agent in each process
 * Threads:      one; pyrec waits meanwhile, some milliseconds per process.
 * Memory:       none of its own.
 * Loss:         a process that cannot be attached to is named, with the reason; the others are.
 *
 * From there on a process is recorded as one that pyrec has started: its agent says hello as all
 * do. It leaves when the recording ends, and when pyrec is gone.
 */
#ifndef PYREC_RECORD_ATTACH_H
#define PYREC_RECORD_ATTACH_H

#include "launch.h"
#include "record/collect/lobby.h"
#include "record/collect/patrol.h"
#include "record/inject/inject.h"

struct attach_plan {
    const pid_t *pids;
    uint32_t n_pids;             /* SETTINGS_MAX_PIDS at most */
    const struct launch *launch; /* where the library is */
    const struct launch_agent *agent;
    struct lobby *lobby;
    struct collect *collect; /* is told how it went, before the processes are heard */
    void (*say)(const char *sentence);
};

/* Can any of them be attached to? Looks only; else says why not, each, and *last is the last's. */
bool attach_look(const struct attach_plan *plan, enum inject_outcome *last);

/*
 * How many processes are being recorded now: those, and unless children are not wanted, what runs
 * below them. *last is how it went with the last of those named that is not; INJECT_DONE when all
 * are. Who is below and cannot be attached to is missing in `collect`, by name.
 */
uint32_t attach_all(const struct attach_plan *plan, enum inject_outcome *last);

/* Let the patrol look below them, and attach to whom it finds without a recorder. Borrows plan. */
void attach_patrol(const struct attach_plan *plan, struct patrol *patrol);

/*
 * The recording is over, and its agents know: wait until all have left, those of followed children
 * too, two seconds at most; say so if one has not. Who comes next finds the processes free.
 */
void attach_await_leave(const struct attach_plan *plan);

#endif
