/* SPDX-License-Identifier: MIT */
/*
 * patience - how long another process is waited for while it does not get ahead.
 *
 * On the line:  raw -> [patience]
 * Threads:      one.
 * Memory:       the caller's struct, zeroed.
 *
 * Ten seconds by the clock. A thread that is ready to run and gets no CPU cannot help it: such time
 * counts apart, a minute at most, and after three seconds of it somebody is told. Times are of
 * CLOCK_MONOTONIC, and the caller's: nothing in here looks at a clock.
 */
#ifndef PYREC_RECORD_PATIENCE_H
#define PYREC_RECORD_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

/* So often it is worth while to look what the thread does: twenty times a second. */
#define PATIENCE_LOOK_NS 50000000u

struct patience {
    uint64_t second_ns;         /* how long a second of all this is; 0 = a second */
    uint64_t begin_ns, look_ns; /* 0 = has not begun; when it was looked at last */
    uint64_t starved_ns;        /* of that, ready to run and without a CPU */
    bool is_told;
};

/* Is it time to look? The first call begins it. */
bool patience_is_due(struct patience *patience, uint64_t now_ns);

/* It was looked at: whether it is ready to run, and how long it has run since the last look. */
void patience_look(struct patience *patience, uint64_t now_ns, bool is_ready, uint64_t ran_ns);

/* Whether to tell somebody; true once. */
bool patience_is_slow(struct patience *patience);

/* Whether it is over; and then, whether for want of a CPU. */
bool patience_is_over(const struct patience *patience, uint64_t now_ns);
bool patience_was_starved(const struct patience *patience);

#endif
