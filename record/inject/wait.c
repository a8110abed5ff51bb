/* SPDX-License-Identifier: MIT */
#include "wait.h"

#include "record/base/clocks.h"
#include "record/kernel/freezer.h"
#include "record/kernel/procfs.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* The state of a thread, as its stat file has it; 0 = it is not there. */
static char state_of(pid_t pid, pid_t tid)
{
    char text[512];
    if (tid == 0 || procfs_read(text, sizeof text, "/proc/%d/task/%d/stat", pid, tid) <= 0)
        return 0;
    const char *const state = strrchr(text, ')');
    return state != NULL && state[1] == ' ' ? state[2] : '\0';
}

/* How long a thread has run since it was looked at last; 0 of another one than last time. */
static uint64_t ran_since(struct vigil *wait, pid_t tid)
{
    struct procfs_schedule schedule;
    const bool is_same = tid == wait->tid;
    const uint64_t before = wait->ran_ns;
    if (!procfs_schedule_read(wait->plan->pid, tid, &schedule))
        return 0;
    wait->tid = tid;
    wait->ran_ns = schedule.ran_ns;
    return is_same ? wait->ran_ns - before : 0;
}

/* Somebody wants pyrec to end: its signals are blocked, and wait for it to come back. */
static bool is_called_off(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    char status[16u << 10];
    uint64_t pending = 0;
    if (procfs_read(status, sizeof status, "/proc/%d/status", getppid()) <= 0 ||
        !procfs_status_number(status, "ShdPnd", 16, &pending))
        return false;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        if ((pending >> (signals[i] - 1) & 1) != 0)
            return true;
    return false;
}

bool wait_is_due(struct vigil *wait)
{
    wait->patience.second_ns = wait->plan->second_ns;
    return patience_is_due(&wait->patience, clocks_mono_ns());
}

void wait_look(struct vigil *wait, pid_t tid)
{
    static bool is_told; /* a process attaches once, and waits several times */
    const struct inject_plan *const plan = wait->plan;
    const bool is_ready =
        plan->on_slow != NULL && state_of(plan->pid, tid) == 'R' && !freezer_holds(plan->pid);
    patience_look(&wait->patience, clocks_mono_ns(), is_ready, ran_since(wait, tid));
    wait->is_called_off |= is_called_off();
    if (patience_is_slow(&wait->patience) && !is_told) {
        is_told = true;
        plan->on_slow(plan->pid);
    }
}

bool wait_goes_on(struct vigil *wait)
{
    wait->is_over = wait->is_called_off || patience_is_over(&wait->patience, clocks_mono_ns());
    return !wait->is_over;
}

uint64_t wait_idle_ns(const struct vigil *wait)
{
    return clocks_mono_ns() - wait->patience.begin_ns - wait->patience.starved_ns;
}

const char *wait_standstill(pid_t pid)
{
    if (freezer_holds(pid))
        return "was frozen meanwhile (a container that is paused): let it go on, and try again "
               "10 s later";
    const char state = state_of(pid, pid);
    return state == 'T' || state == 't'
               ? "was stopped meanwhile: let it go on (kill -CONT), and try again 10 s later"
               : NULL;
}

const char *wait_hindrance(const struct vigil *wait)
{
    const pid_t pid = wait->plan->pid;
    const char *const standstill = wait_standstill(pid);
    if (standstill != NULL)
        return standstill;
    if (state_of(pid, wait->tid) == 'D')
        return "hangs in the kernel (state D): try again when that is over";
    if (patience_was_starved(&wait->patience))
        return "has got no CPU for it within a minute: try again";
    return wait->is_called_off ? "was not waited for any longer: try again in 10 s" : NULL;
}
