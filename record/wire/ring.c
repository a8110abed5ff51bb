/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include <string.h>

#define ALIGN 8u

void ring_init(struct ring *ring, struct wire_head *shared, void *bytes, uint32_t len)
{
    *ring = (struct ring){.shared = shared, .bytes = bytes, .len = len};
}

/* Bytes between the last tail seen and `at` that are free; 0 when the tail makes no sense. */
static uint64_t room_known(const struct ring *ring)
{
    const uint64_t used = ring->at - ring->other;
    return used <= ring->len ? ring->len - used : 0;
}

static bool has_room(struct ring *ring, uint64_t need)
{
    if (room_known(ring) >= need)
        return true;
    /* Pairs with the release store in ring_release: the consumer has copied what it gives back. */
    ring->other = atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
    return room_known(ring) >= need;
}

static struct wire_record *record_at(struct ring *ring, uint64_t at)
{
    return (struct wire_record *)(void *)(ring->bytes + (at & (ring->len - 1)));
}

void *ring_reserve(struct ring *ring, uint16_t type, size_t len)
{
    if (len < sizeof(struct wire_record) || len > WIRE_RECORD_MAX)
        return NULL;
    const uint32_t need = (uint32_t)((len + ALIGN - 1) & ~(size_t)(ALIGN - 1));
    const uint32_t to_end = ring->len - (uint32_t)(ring->at & (ring->len - 1));
    const uint32_t pad = need > to_end ? to_end : 0;
    if (!has_room(ring, (uint64_t)need + pad))
        return NULL;

    if (pad != 0) {
        *record_at(ring, ring->at) = (struct wire_record){.len = pad, .type = WIRE_PAD};
        ring->at += pad;
    }
    struct wire_record *record = record_at(ring, ring->at);
    memset((uint8_t *)record + need - ALIGN, 0, ALIGN); /* what rounding adds says nothing */
    *record = (struct wire_record){.len = need, .type = type};
    ring->at += need;
    return record;
}

void ring_commit(struct ring *ring)
{
    /* Pairs with the acquire load in ring_take: whoever sees the head sees the records. */
    atomic_store_explicit(&ring->shared->head, ring->at, memory_order_release);
}

size_t ring_free(struct ring *ring)
{
    ring->other = atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
    return (size_t)room_known(ring);
}

/* A header that can be one: it lies between `at` and the head and does not leave the ring. */
static bool record_fits(const struct ring *ring, const struct wire_record *record)
{
    const uint32_t to_end = ring->len - (uint32_t)(ring->at & (ring->len - 1));
    if (record->len < sizeof *record || record->len % ALIGN != 0 || record->len > WIRE_RECORD_MAX)
        return false;
    if (record->len > ring->other - ring->at || record->len > to_end)
        return false;
    return record->type != WIRE_PAD || record->len == to_end;
}

int64_t ring_take(struct ring *ring, void *copy)
{
    for (;;) {
        if (ring->at == ring->other) {
            ring->other = atomic_load_explicit(&ring->shared->head, memory_order_acquire);
            if (ring->at == ring->other)
                return 0;
            if (ring->other - ring->at > ring->len || ring->other % ALIGN != 0)
                return -1;
        }
        struct wire_record record;
        const uint8_t *from = ring->bytes + (ring->at & (ring->len - 1));
        memcpy(&record, from, sizeof record);
        if (!record_fits(ring, &record))
            return -1;
        ring->at += record.len;
        if (record.type == WIRE_PAD)
            continue;
        memcpy(copy, from, record.len);
        memcpy(copy, &record, sizeof record); /* the header that was checked */
        return record.len;
    }
}

void ring_release(struct ring *ring)
{
    /* Pairs with the acquire loads in has_room and ring_free. */
    atomic_store_explicit(&ring->shared->tail, ring->at, memory_order_release);
}
