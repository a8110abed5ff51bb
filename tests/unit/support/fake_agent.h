/* SPDX-License-Identifier: MIT */
/*
 * fake_agent - an agent without a Python: writes records as the real one does, and the truth.
 *
 * On the line:  tests -> [fake_agent: ring, wire records] -> what is tested
 * Memory:       fake_open gives what fake_close takes.
 *
 * The truth is a text of one line per thread and tick,
 *     NUMBER TIME_NS THREAD CPU_NS STATE CALL FUNCTION:LINE;FUNCTION:LINE;..
 * root first, with which readback.c compares a trace. Everything follows from the seed.
 */
#ifndef PYREC_TESTS_FAKE_AGENT_H
#define PYREC_TESTS_FAKE_AGENT_H

#include "record/wire/ring.h"

#include <stdio.h>

#define FAKE_THREADS 512
#define FAKE_DEPTH   40
#define FAKE_CODES   200
#define FAKE_TASKS   30

struct fake_thread {
    uint32_t id; /* 0 = not alive */
    uint64_t cpu_ns;
    uint32_t state;
    int32_t call;
    uint32_t task; /* 0 = none, else below FAKE_TASKS */
    uint32_t depth;
    struct wire_frame frames[FAKE_DEPTH];
};

struct fake {
    int memfd;
    struct wire_head *head;
    struct ring ring;
    uint64_t random;
    FILE *truth; /* NULL = nobody wants to know */
    uint64_t number, time_ns;
    uint32_t next_thread;
    bool is_described[FAKE_CODES + 1];
    bool is_named[FAKE_TASKS]; /* tasks */
    struct fake_thread threads[FAKE_THREADS];
    uint64_t n_samples, n_overflowed;
};

/* A head and a ring in a sealed memfd, as of now; interval_ns as the agent was told. */
void fake_open(struct fake *fake, uint64_t seed, uint64_t interval_ns, uint32_t ring_len);
void fake_close(struct fake *fake);

/* Connect as PYREC_AGENT in the environment says, and pass the memfd. False when nobody is there.
 */
bool fake_hello(const struct fake *fake);

/* Records. Nothing is visible before fake_commit. */
uint32_t fake_start_thread(struct fake *fake, const char *name);
void fake_end_thread(struct fake *fake, uint32_t id, uint64_t cpu_ns); /* 0 = not known */
void fake_tick(struct fake *fake, uint64_t time_ns);
void fake_sample(struct fake *fake, struct fake_thread *thread, uint32_t keep);
void fake_event(struct fake *fake, uint32_t event, uint32_t thread, int64_t value);
void fake_commit(struct fake *fake);

/* The truth about the tick that is complete now: one line per living thread. */
void fake_tell(struct fake *fake);

/*
 * One tick of a made-up program with up to `busy` busy threads at `time_ns`: threads come and go,
 * stacks change, some block. The truth of the tick is told.
 */
void fake_step(struct fake *fake, uint64_t time_ns, unsigned busy);

/* The next tick's due time: now is its time when the agent is not late. */
uint64_t fake_due_ns(const struct fake *fake, uint64_t number);

uint64_t fake_random(struct fake *fake, uint64_t below);

#endif
