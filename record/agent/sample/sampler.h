/* SPDX-License-Identifier: MIT */
/*
 * sampler - once per interval, look at every thread.
 *
 * On the line:  raw stacks, clocks, states -> [sampler] -> wire records
 * Threads:      runs on a thread of its own, "pyrec-sampler"; everything here is that thread's.
 * Memory:       reserved before it starts; it allocates nothing.
 * Loss:         ticks that came too late, samples without a stack and full rings are counted in
 *               struct wire_counters.
 *
 * Per thread and tick: read its CPU clock. Unmoved since its last sample: nothing has changed,
 * nothing is written (the sample is implied). Moved, but still now: read its stack from outside,
 * and the clock once more to prove that it stood still. Still moving: it is on a CPU, so it is
 * asked to write its stack down itself; the answer is fetched at the next tick. Still moving and
 * not to be asked: the sampler goes to its CPU, where it stands still.
 *
 * The clock value of an asked sample is the one read just before it was asked, not one read in
 * the handler: a thread CPU clock costs a system call (300 to 600 ns), more than the walk.
 */
#ifndef PYREC_AGENT_SAMPLER_H
#define PYREC_AGENT_SAMPLER_H

#include "c_threads.h"
#include "cold.h"
#include "pace.h"
#include "record/agent/channel/link.h"
#include "record/agent/kernel/affinity.h"
#include "record/agent/tasks/await_room.h"
#include "rest.h"
#include "thread_names.h"
#include "wire_writer.h"

struct sampler {
    const struct interp *interp;
    struct codes *codes;
    struct capture *capture;
    struct threads *threads;
    struct wire_writer *writer;
    struct thread_names *names;
    struct labels *labels;
    struct awaits *awaits;       /* NULL = nobody looks at suspended tasks */
    struct native_parts *native; /* NULL = no C frames */
    struct link *link;
    struct wire_head *head;
    uint64_t looked_ns; /* when it was last looked whether all is as it was, .. */
    uint64_t alone_ns;  /* .. and whether anybody else is there */
    uint64_t interval_ns, origin_ns;
    uint64_t number;    /* of the last tick */
    uint64_t last_ns;   /* time of the last tick */
    uint64_t before_ns; /* of the one before */
    uint64_t gap_ns;    /* unobserved since the last tick that was written */
    uint64_t skipped;   /* tick numbers since then */
    uint64_t process_cpu_ns, process_cpu_at;
    uint64_t earlier_cpu_ns; /* CPU time of sampler threads before a pause */
    struct c_threads c_threads;
    struct cold cold;
    struct pace pace;
    struct affinity affinity;
    struct rest rest;
    struct standing_tasks tasks; /* fd -1 until its descriptors are in nobody's way */
    bool is_quiet;               /* no thread was found to have run in this tick */
    _Atomic uint32_t *wake;      /* futex, enum wake */
    uintptr_t last_holder;       /* tstate, and .. */
    uint32_t last_holder_id;
    bool signals;       /* may ask threads */
    uint64_t signal_ns; /* what a signal took lately, at most; 0 = none was seen */
};

/* Another tick is over, or begins; see observe.c. */
void sampler_harvest(struct sampler *sampler);
void sampler_observe(struct sampler *sampler);

/* In a tick, when all threads were looked at: see record/agent/await_looks.c. */
void sampler_look_at_tasks(struct sampler *sampler, uint64_t now_ns);

/* Take note of the threads that have ended since. */
void sampler_note_ends(struct sampler *sampler);

/*
 * Has every thread of the program ended but ours? A child that was forked by another thread than
 * the main one ends so when that thread's function returns: with its last thread. When ours ends as
 * well, glibc does what it would have done then.
 */
bool sampler_is_alone(void);

/*
 * Take ticks until *wake says WAKE_STOP; true then. False when recording is over: pyrec is gone
 * or has said so, or somebody has taken our signal handlers away.
 */
bool sampler_run(struct sampler *sampler);

/* It goes on on another thread; with the last one our file descriptors are gone. */
void sampler_change_thread(struct sampler *sampler);

/* One tick at time `now_ns`, which is not before the next tick is due. For tests and the loop. */
void sampler_tick(struct sampler *sampler, uint64_t now_ns);

#endif
