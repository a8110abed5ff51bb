/* SPDX-License-Identifier: MIT */
/*
 * agent - the recorder's half that lives in the recorded process (libpyrec.so).
 *
 * On the line:  owns everything from capture to the ring.
 * Threads:      the constructor runs before main(); the fork handlers on the thread that forks;
 *               all else on the sampler thread. `state` is what others go by.
 * Memory:       the one global of the agent is here. Reserved when the sampler first starts; given
 *               back at the end in a program that was attached to.
 * Loss:         when something cannot be had, the program runs unprofiled.
 *
 * The rule of the house: nothing in here exits, aborts, prints, raises, changes a disposition the
 * program set, or waits for pyrec.
 */
#ifndef PYREC_AGENT_AGENT_H
#define PYREC_AGENT_AGENT_H

#include "record/agent/channel/link.h"
#include "record/agent/cpython/fork_point.h"
#include "record/agent/sample/sampler.h"
#include "record/agent/sample/thread_names.h"
#include <pthread.h>

enum agent_state {
    AGENT_OFF, /* not a process to record, or the memory is not there yet */
    AGENT_RUNNING,
    AGENT_PAUSED,  /* no sampler thread while the program forks */
    AGENT_STOPPED, /* for good */
};

struct agent {
    _Atomic uint32_t state; /* enum agent_state */
    int32_t pid;
    _Atomic bool initialized; /* memory is reserved, and all that stands on it is there */
    struct link_settings settings;
    uint64_t main_zero_ns; /* CPU clock of the main thread when this program began */
    struct interp interp;
    struct link link;
    struct codes codes;
    struct capture capture;
    struct threads threads;
    struct wire_writer writer;
    struct thread_names names;
    struct labels labels;
    struct awaits awaits;
    struct linecache linecache;
    struct native_parts native; /* if C frames are asked for and can be told */
    struct ring ring;
    struct sampler sampler;
    pthread_t thread;
    _Atomic bool thread_made;   /* and nobody has joined it yet: whoever clears this does so */
    _Atomic bool is_leaving;    /* the sampler is to end for good */
    _Atomic uint32_t n_inside;  /* threads of the program that use what is here; see agent_enter */
    _Atomic bool is_restricted; /* a filter of system calls is on threads of the program */
    _Atomic int32_t thread_tid;
    _Atomic uint32_t wake; /* futex, enum sampler_wake */
    struct fork_point
        fork_point;          /* when the program forked and the sampler went away; see fork.c */
    void (*dealloc)(void *); /* what PyCode_Type had .. */
    bool is_hooked;          /* .. before us, and we are there or behind somebody else */
};

struct agent *agent_get(void);

/*
 * Start the sampler thread (again), unless it is there. From the constructor, a fork handler or a
 * pending call.
 */
bool agent_start(struct agent *agent);

/*
 * Let a sampler that was just made say hello before the program goes on, so that a process that
 * lives for a moment is known on a crowded machine, too. It waits for our own thread only, and no
 * longer than that.
 */
#define AGENT_AWAIT_NS 200000000u
void agent_await(struct agent *agent, uint64_t most_ns);

/* Is this process being recorded, or about to be, with a sampler or while that has stepped aside?
 * Not in a child of vfork(). */
bool agent_is_recording(const struct agent *agent);

/* Why this process is left alone although it has a Python; NULL when it is not. */
const char *agent_unfit(void);

/* Tell pyrec why this Python is not recorded. */
void agent_refuse(struct agent *agent, const char *reason);

/*
 * Around what a thread of the program does with the agent's memory. False: recording is over, keep
 * off. The memory is given back only when nobody is inside.
 */
bool agent_enter(struct agent *agent);
void agent_exit(struct agent *agent);

/* End recording for good, from any thread but the sampler. */
void agent_end(struct agent *agent);

/* Recording is over: join the sampler, wait until nobody is inside, and give all memory back. */
void agent_release(struct agent *agent);

/* End the sampler thread and wait until the kernel has forgotten it. */
void agent_pause(struct agent *agent);

/* Stop for good, without a sampler thread now, and tell pyrec why. By writing to memory only: a
 * filter of system calls may be in force. */
void agent_leave_for(struct agent *agent, const char *reason);

/*
 * System calls of the program's threads are filtered from now on, and may kill: nothing of ours is
 * done on them that needs one, and nobody who inherits the filter is recorded.
 */
void agent_restrict(struct agent *agent);

/* In a forked child: forget the parent's state. */
void agent_forget(struct agent *agent);

/* What the interposed signals are for us; see interpose/signals.h. */
bool agent_fault(int signo, siginfo_t *info, void *context);
bool agent_answer(int signo, siginfo_t *info, void *context);

/* A thread is about to exec, or has failed to; see interpose/exec.h. */
void agent_exec(bool begins);

/* Have code objects tell us when they die. */
void agent_watch_codes(struct agent *agent);

/* Register the fork handlers, once. */
void fork_watch(void);

/* Whether this is a child that its thread has not yet taken through them. */
bool fork_is_under_way(const struct agent *agent);

#endif
