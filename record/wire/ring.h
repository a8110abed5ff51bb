/* SPDX-License-Identifier: MIT */
/*
 * ring - a lossy byte queue from the agent's sampler to the collector, in shared memory.
 *
 * On the line:  sampler -> [ring] -> collect
 * Threads:      ring_reserve, ring_commit by the sampler only; ring_take, ring_release by the
 *               collector only. No locks, no system calls; wait-free on both sides.
 * Memory:       the caller's: a struct wire_head and ring_len bytes behind it, mapped by both.
 * Loss:         when full, ring_reserve returns NULL; what that means is the sampler's to count.
 *
 * Always true:  tail <= head, head - tail <= len; bytes in [tail, head) are whole records;
 *               a record never wraps around the end (a WIRE_PAD record fills the rest).
 * Idea:         reserve, fill, commit; nothing is visible before commit (LTTng's ring buffer).
 */
#ifndef PYREC_RECORD_RING_H
#define PYREC_RECORD_RING_H

#include "wire.h"
#include <stdbool.h>

/* One side's view of a ring. Not shared. */
struct ring {
    struct wire_head *shared;
    uint8_t *bytes;
    uint32_t len;   /* power of two; taken once, never read again from shared memory */
    uint64_t at;    /* producer: end of what is reserved; consumer: start of what is not taken */
    uint64_t other; /* producer: last tail seen; consumer: last head seen */
};

/*
 * One side's view of a mapped head and its ring (`len` a power of two, at least twice
 * WIRE_RECORD_MAX). A ring is used from its first byte: both sides start at 0.
 */
void ring_init(struct ring *ring, struct wire_head *shared, void *bytes, uint32_t len);

/*
 * Room for one record of `len` bytes (rounded up to a multiple of 8), its wire_record header
 * filled in; NULL when the ring has no room for it. Invisible until ring_commit.
 */
void *ring_reserve(struct ring *ring, uint16_t type, size_t len);

/* Publish everything that was reserved. */
void ring_commit(struct ring *ring);

/* Bytes that are free now. A record at the end of the ring may need more than its own length. */
size_t ring_free(struct ring *ring);

/*
 * Copy the next record into `copy` (WIRE_RECORD_MAX bytes). Returns its length, 0 when there is
 * none, -1 when the ring's content makes no sense (a broken or hostile producer; give up on it).
 * Fields are in the caller's hands only after the copy, so they cannot change under its checks.
 */
int64_t ring_take(struct ring *ring, void *copy);

/* Give the room of everything taken back to the producer. */
void ring_release(struct ring *ring);

#endif
