/* SPDX-License-Identifier: MIT */
/*
 * wall - when somebody set the wall clock while a recording was made.
 *
 * On the line:  CLOCK_STEP events -> [wall] -> times of day
 * Threads:      one at a time.
 * Memory:       caller's storage, zeroed; wall_clear takes it back.
 * Loss:         the recorder looks once a second: between a step and the look at which it was
 *               noticed, times of day are those of the clock as it was before.
 *
 * Every process notes the same step; after wall_settle each is there once, in order of time.
 */
#ifndef PYREC_ANALYZE_WALL_H
#define PYREC_ANALYZE_WALL_H

#include <stddef.h>
#include <stdint.h>

struct wall_step {
    uint64_t time_ns; /* when it was noticed, on the common clock of all files */
    int64_t by_ns;    /* forward, or back when negative */
};

struct wall {
    struct wall_step *steps;
    size_t n, size;
};

void wall_clear(struct wall *wall);

/* In any order. Steps of more than 70 years, or after 70 years, are nonsense and left out. */
void wall_add(struct wall *wall, struct wall_step step);

/* Sort, and keep one of those that are the same. May be called again after more were added. */
void wall_settle(struct wall *wall);

/* By how much the clock had been set since the start of the recording; settled before. */
int64_t wall_ahead_ns(const struct wall *wall, uint64_t time_ns);

#endif
