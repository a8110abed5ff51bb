/* SPDX-License-Identifier: MIT */
/*
 * The constructor: what is this process, and is it to be recorded?
 */
#include "agent.h"
#include "clock.h"
#include "interpose/ends.h"
#include "interpose/exec.h"
#include "interpose/signals.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Tell pyrec why this Python is not recorded. */
static void agent_refuse(struct agent *agent, const char *reason)
{
    struct link link;
    if (link_open(&link, &agent->settings, &agent->interp, reason))
        link_close(&link);
}

__attribute__((constructor)) static void agent_load(void)
{
    struct agent *const agent = agent_get();
    char reason[256];
    const int saved = errno;
    clocks_find();
    agent->link.socket = -1;
    agent->pid = getpid();
    if (!symbols_open(&agent->interp.symbols, "PyCode_Type") || !link_settings(&agent->settings))
        return;
    agent->settings.born_ns = clock_now();
    agent->settings.cpu_zero_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID);
    agent->main_zero_ns = clock_read(CLOCK_THREAD_CPUTIME_ID);
    if (agent->settings.flags & WIRE_NO_CHILDREN)
        unsetenv(WIRE_ENV); /* what this process starts finds nothing */
    if (signals_share_faults(agent_fault)) {
        const enum interp_found found = interp_find(&agent->interp, reason, sizeof(reason));
        if (found == INTERP_FOUND) {
            if (!(agent->settings.flags & WIRE_NO_SIGNALS)) /* else nobody is asked */
                (void)signals_take(agent_answer);
            exec_gate_open(agent->pid, agent_exec);
            agent_watch_codes(agent);
            fork_watch();
            ends_watch();
            agent_start(agent);
            agent_await(agent);
        } else {
            signals_give_back();
            if (found == INTERP_REFUSED)
                agent_refuse(agent, reason);
        }
    }
    errno = saved;
}
