/* SPDX-License-Identifier: MIT */
#include "aside.h"
#include "record/agent/base/proc_read.h"
#include "record/agent/interpose/alone.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* It takes ticks, or is about to, or waits for the time to; and this is no child of vfork(). */
static bool has_sampler(const struct agent *agent)
{
    return agent->thread_made && (int32_t)syscall(SYS_getpid) == agent->pid &&
           atomic_load_explicit(&agent->state, memory_order_acquire) != AGENT_STOPPED;
}

static void step_away(struct agent *agent)
{
    agent_pause(agent);
    if (atomic_load_explicit(&agent->state, memory_order_acquire) == AGENT_STOPPED)
        return;
    if (agent->link.head != NULL)
        atomic_store_explicit(&agent->link.head->state, WIRE_PAUSED, memory_order_release);
    atomic_store_explicit(&agent->state, AGENT_PAUSED, memory_order_release);
}

bool aside_step(struct agent *agent)
{
    if (!has_sampler(agent) || proc_count_threads() != 2)
        return false;
    step_away(agent);
    return true;
}

/* ---- around the calls ---- */

static bool before(enum alone_call call)
{
    struct agent *const agent = agent_get();
    switch (call) {
    case ALONE_NAMESPACE:
        return aside_step(agent);
    case ALONE_FILTER_SHARED:
        if (!has_sampler(agent))
            return false;
        step_away(agent);
        return true;
    case ALONE_FILTER:
        return has_sampler(agent);
    }
    return false;
}

static void after(enum alone_call call, bool is_done)
{
    struct agent *const agent = agent_get();
    if (call == ALONE_FILTER_SHARED && is_done) {
        agent_leave_for(agent,
                        "the program has put a filter on the system calls of all its threads, "
                        "which would kill it for what the recorder does");
    } else if (call == ALONE_FILTER) {
        if (is_done)
            agent_restrict(agent);
    } else {
        agent_start(agent);
    }
}

void aside_watch(void)
{
    alone_watch(before, after);
}
