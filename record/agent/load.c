/* SPDX-License-Identifier: MIT */
/*
 * The constructor: what is this process, and is it to be recorded? Where the library comes into a
 * program that runs already, only its entry begins anything (entry.h).
 */
#include "agent.h"
#include "arrive.h"
#include "aside.h"
#include "record/agent/base/atfork.h"
#include "record/agent/base/clock.h"
#include "record/agent/interpose/exec.h"
#include "record/agent/interpose/interpose.h"
#include "record/agent/interpose/preload.h"
#include "record/agent/interpose/sigmask.h"
#include "record/agent/interpose/signals.h"
#include "record/agent/interpose/thread_ends.h"
#include <errno.h>
#include <gnu/libc-version.h>
#include <stdlib.h>
#include <unistd.h>

/* Another libc has no such function; and see floor.h. */
extern __typeof__(gnu_get_libc_version) gnu_get_libc_version __attribute__((weak));
extern __typeof__(pthread_join) pthread_join __attribute__((weak));
extern __typeof__(pthread_key_create) pthread_key_create __attribute__((weak));

void agent_refuse(struct agent *agent, const char *reason)
{
    struct link link;
    if (link_open(&link, &agent->settings, &agent->interp, reason))
        link_close(&link);
}

const char *agent_unfit(void)
{
    struct symbols symbols;
    if (gnu_get_libc_version == NULL)
        return "its C library is not glibc";
    if (pthread_join == NULL || pthread_key_create == NULL)
        return "its C library got threads only after we were loaded";
    if (symbols_open(&symbols, "__tsan_init"))
        return "ThreadSanitizer, in which it runs, allows no thread of ours";
    return NULL;
}

/* There is a Python in this process. */
static void agent_begin(struct agent *agent)
{
    char reason[256];
    const char *const unfit = agent_unfit();
    if (unfit != NULL) {
        agent_refuse(agent, unfit);
        return;
    }
    if (!signals_share_faults(agent_fault))
        return;
    const enum interp_found found = interp_find(&agent->interp, reason, sizeof(reason));
    if (found == INTERP_FOUND) {
        if (!(agent->settings.flags & WIRE_NO_SIGNALS)) /* else nobody is asked */
            (void)signals_take(agent_answer);
        (void)sigmask_begin(); /* of the thread that will run main() */
        exec_watch(agent->pid, agent_exec);
        agent_watch_codes(agent);
        fork_watch();
        aside_watch();
        if (agent->settings.flags & WIRE_C_FRAMES)
            thread_ends_note_births();
        thread_ends_watch();
        agent_start(agent);
        agent_await(agent, AGENT_AWAIT_NS);
    } else {
        signals_give_back();
        if (found == INTERP_REFUSED)
            agent_refuse(agent, reason);
    }
}

/* It has come only now; this process, and maybe this thread, have a past that does not count. */
static void agent_arrive(void)
{
    struct agent *const agent = agent_get();
    if (atomic_load(&agent->state) != AGENT_OFF || atomic_load(&agent->thread_made))
        return; /* it was attached to meanwhile */
    agent->pid = getpid();
    agent->settings.has_waited = true;
    agent->settings.born_ns = clock_now();
    agent->settings.cpu_zero_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID);
    agent->main_zero_ns = clock_of_thread(agent->pid);
    agent_begin(agent);
}

/* These come last before a fork, and first after it: the first that are registered. */
static void loader_before_fork(void)
{
    elf_images_fork(ELF_IMAGES_BEFORE);
}

static void loader_after_in_parent(void)
{
    elf_images_fork(ELF_IMAGES_PARENT);
}

static void loader_after_in_child(void)
{
    elf_images_fork(ELF_IMAGES_CHILD);
}

__attribute__((constructor)) static void agent_load(void)
{
    struct agent *const agent = agent_get();
    const int saved = errno;
    (void)atfork(loader_before_fork, loader_after_in_parent, loader_after_in_child);
    clocks_find();
    agent->link.socket = -1;
    agent->pid = getpid();
    if (!interpose_is_late() && link_settings(&agent->settings, getenv(WIRE_ENV))) {
        agent->settings.born_ns = clock_now();
        agent->settings.cpu_zero_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID);
        agent->main_zero_ns = clock_read(CLOCK_THREAD_CPUTIME_ID);
        preload_keep(WIRE_ENV, getenv(WIRE_ENV), interpose_own_path());
        if (symbols_open(&agent->interp.symbols, "PyCode_Type")) {
            if (agent->settings.flags & WIRE_NO_CHILDREN) { /* what this process starts .. */
                preload_keep(NULL, NULL, NULL);
                unsetenv(WIRE_ENV); /* .. finds nothing */
            }
            agent_begin(agent);
        } else {
            arrive_watch(agent_arrive);
        }
    }
    errno = saved;
}
