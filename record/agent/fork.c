/* SPDX-License-Identifier: MIT */
/*
 * What happens to the agent when the program forks.
 *
 * The child: its only thread is the one that forked; it gets a sampler and a ring of its own. We
 * come before Python has cleaned up after the fork, and while it does (locks, thread states) nobody
 * may ask it for anything. Nobody does: the sampler only reads.
 *
 * The parent, from 3.12 on: os.fork() counts the process's threads and warns when there is more
 * than one. When ours would be the second, it goes away before the fork and comes back after the
 * call that forked has returned. That moment is found by a pending call: it runs between
 * bytecodes, possibly still inside a Python hook that os.fork() calls (after_in_parent); as long
 * as the frame that called os.fork() is on the stack at the same instruction, with another frame
 * on top of it, the call has not returned, and the pending call puts itself off.
 */
#include "agent.h"
#include "aside.h"
#include "entry.h"
#include "record/agent/base/atfork.h"
#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WARNS_FROM   12u
#define ENTER_NAP_NS 100000
#define ENTER_NAPS   1000u

static bool is_watching;
static bool is_from_main; /* the fork under way is the main thread's */

/* Is this, on the thread that forked, still inside the call? See above. */
static bool still_forking(const struct agent *agent)
{
    return fork_point_here(&agent->interp).tstate == agent->fork_point.tstate &&
           fork_point_is_under(&agent->interp, &agent->fork_point);
}

/* The pending call, on the main thread. */
static int fork_over(void *opaque)
{
    struct agent *const agent = opaque;
    if (atomic_load_explicit(&agent->state, memory_order_acquire) != AGENT_PAUSED ||
        agent->thread_made) /* a call for an earlier fork has brought it back */
        return 0;
    if (still_forking(agent) && agent->interp.call.add_pending(fork_over, agent) == 0)
        return 0;
    agent_start(agent);
    return 0;
}

static void before_fork(void)
{
    struct agent *const agent = agent_get();
    const int saved = errno;
    is_from_main = atomic_load(&agent->is_restricted) || syscall(SYS_gettid) == getpid();
    if (agent_is_recording(agent) && agent->interp.ver.minor >= WARNS_FROM) {
        const struct fork_point here = fork_point_here(&agent->interp);
        if (atomic_load(&agent->is_restricted)) {
            agent_pause(agent);
            agent_leave_for(agent, "the program forks under a filter of its system calls, which a "
                                   "new sampler would inherit");
        } else if (aside_step(agent)) {
            agent->fork_point = here;
        }
    }
    errno = saved;
}

static void after_in_parent(void)
{
    struct agent *const agent = agent_get();
    const int saved = errno;
    if (atomic_load_explicit(&agent->state, memory_order_acquire) == AGENT_PAUSED &&
        agent->interp.call.add_pending(fork_over, agent) != 0)
        agent_start(agent); /* no room for a pending call: better with a warning than without */
    errno = saved;
}

/* Nothing of ours runs here, and what the parent's threads were in the middle of is not ours. */
static void child_adopt(struct agent *agent)
{
    agent->pid = getpid();
    atomic_store(&agent->thread_made, false);
    atomic_store(&agent->n_inside, 0);
    agent->link.head = NULL; /* was not inherited */
    agent->link.socket = -1;
}

/* Somebody who attaches to the child already is told at once that it is too early. */
static bool child_enter(void)
{
    const struct timespec nap = {.tv_nsec = ENTER_NAP_NS};
    for (unsigned i = 0; i < ENTER_NAPS; i++, syscall(SYS_nanosleep, &nap, NULL))
        if (entry_take())
            return true;
    return false;
}

static void after_in_child(void)
{
    struct agent *const agent = agent_get();
    const int saved = errno;
    const bool is_entered = child_enter();
    const uint32_t state = atomic_load_explicit(&agent->state, memory_order_acquire);
    const bool starting = state == AGENT_OFF && agent->thread_made;
    if (starting || state == AGENT_RUNNING || state == AGENT_PAUSED) {
        atomic_store_explicit(&agent->state, AGENT_OFF, memory_order_release);
        agent_forget(agent);
        agent->threads.fork_ident = (uint64_t)pthread_self();
        agent->threads.fork_tid = (int32_t)syscall(SYS_gettid);
        if (!(agent->settings.flags & WIRE_NO_CHILDREN) && !atomic_load(&agent->is_restricted)) {
            if (!is_from_main) /* which is called as that thread was */
                (void)prctl(PR_GET_NAME, agent->settings.fork_name);
            agent_start(agent);
            agent_await(agent, AGENT_AWAIT_NS);
        }
    } else {
        child_adopt(agent);
    }
    if (is_entered)
        entry_give();
    errno = saved;
}

void fork_watch(void)
{
    if (!is_watching)
        is_watching = atfork(before_fork, after_in_parent, after_in_child);
}

bool fork_is_under_way(const struct agent *agent)
{
    return is_watching && agent->pid != (int32_t)syscall(SYS_getpid);
}
