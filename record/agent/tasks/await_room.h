/* SPDX-License-Identifier: MIT */
/*
 * await_room - now and then, what the suspended tasks of each asyncio loop wait for.
 *
 * On the line:  await chains, the clock of the loop's thread -> [await_room, await_looks] -> WIRE_CHAIN, WIRE_AWAITS
 * Threads:      the sampler only.
 * Memory:       some 170 KiB, reserved at start, touched where there are loops.
 * Loss:         all that was not seen is counted: times in which the thread never stood still,
 *               tasks beyond AWAITS_TASKS, tasks that changed while they were read.
 *
 * A look is taken when the loop's thread is blocked in a call, and believed if its CPU clock is
 * the same afterwards: it has changed nothing meanwhile. Other threads might have. Where the GIL
 * was the thread's last all the while, none has run any Python; else every task is read once more
 * when all have been read: what is the same each time was so at the moment between.
 *
 * Time is cut into slots of AWAITS_SLOT_NS: one look each, at the first tick that finds the thread
 * blocked. While its clock stands still, the next ones are the same and cost one clock. Looks that
 * take long are made rarer, so that all together take no more than 1/AWAITS_SHARE of the time.
 */
#ifndef PYREC_AGENT_AWAIT_ROOM_H
#define PYREC_AGENT_AWAIT_ROOM_H

#include "await_chain.h"

#define AWAITS_SLOT_NS     50000000u
#define AWAITS_SLOT_MAX_NS 6400000000u
#define AWAITS_SHARE       200u
#define AWAITS_LOOK_NS     2000000u /* then a look ends, read or not */
#define AWAITS_LOOPS       16u      /* that are looked at */
#define AWAITS_TASKS       1024u    /* read in a look; of more, every n-th */
#define AWAITS_CHAINS      256u     /* different ones in a look */
#define AWAITS_FRAMES      4096u    /* of these */

struct await_loop {
    uint32_t thread;        /* id */
    uint64_t due_ns;        /* when the slot began that has no look yet */
    uint64_t not_before_ns; /* the one before has cost so much */
    bool holds;             /* there was one, and .. */
    uint64_t cpu_ns;        /* .. this was the thread's clock, .. */
    uint64_t held_ns;       /* .. until then at least */
    uint32_t every, turn;   /* of many tasks, those with number turn, turn + every .. are read */
};

/* A task that was read in this look. */
struct await_record {
    uintptr_t task;
    uint64_t hash, context;
    uint32_t group;
    bool is_unsure; /* it was another one when it was read again */
};

/* Tasks of this look that wait alike. */
struct await_group {
    uint64_t key;
    uint32_t count, first, n; /* frames */
    uint32_t entry;           /* what is told of it + 1; 0 = nothing */
    bool is_cut;
    uint8_t waits, name_len, on_len;
    char name[TASK_NAME_MAX], on[TASK_NAME_MAX];
};

struct awaits_room {
    struct await_record records[AWAITS_TASKS];
    struct await_group groups[AWAITS_CHAINS];
    uint64_t frames[AWAITS_FRAMES];
    uint16_t group_of[4 * AWAITS_CHAINS];  /* by key: number + 1 */
    uint64_t sent[2 * WIRE_CHAINS_MAX];    /* by what a chain is: known to the other side .. */
    uint16_t numbers[2 * WIRE_CHAINS_MAX]; /* .. by this number */
    struct wire_frame wire[AWAIT_FRAMES_MAX];
    struct wire_await_entry entries[AWAITS_CHAINS];
    struct wire_await_context contexts[AWAITS_TASKS];
};

struct awaits {
    struct awaits_room *room;
    struct await_loop loops[AWAITS_LOOPS];
    uint32_t n_loops;
    uint32_t n_sent;
    uint32_t find_at, hint;
    uint64_t find_ns;
    uint64_t slot_ns;
};

/* Reserve memory. False when there is none. */
bool awaits_init(struct awaits *awaits);
void awaits_free(struct awaits *awaits);

/* After a fork: nothing was told yet. */
void awaits_reset(struct awaits *awaits);

/* Forget which chains were told: their numbers are given anew. */
void awaits_forget_chains(struct awaits *awaits);

/* Until then nothing has run. */
void awaits_rested(struct awaits *awaits, uint64_t end_ns);

#endif
