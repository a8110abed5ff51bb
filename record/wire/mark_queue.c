/* SPDX-License-Identifier: MIT */
#include "mark_queue.h"

static struct mark_slot *slot_at(struct mark_queue *queue, uint64_t at)
{
    return &queue->slots[at & (MARK_QUEUE_SLOTS - 1)];
}

bool mark_queue_push(struct mark_queue *queue, const struct mark *mark)
{
    uint64_t at = atomic_load_explicit(&queue->head, memory_order_relaxed);
    do {
        /* acquire; partner: the release in mark_queue_take, behind which the slot is ours */
        const uint64_t used = at - atomic_load_explicit(&queue->tail, memory_order_acquire);
        if (used >= MARK_QUEUE_SLOTS && used <= UINT64_MAX / 2) { /* else `at` is old by now */
            atomic_fetch_add_explicit(&queue->lost, 1, memory_order_relaxed);
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&queue->head, &at, at + 1, memory_order_relaxed,
                                                    memory_order_relaxed));
    struct mark_slot *const slot = slot_at(queue, at);
    slot->mark = *mark;
    atomic_store_explicit(&slot->number, at + 1, memory_order_release);
    return true;
}

bool mark_queue_take(struct mark_queue *queue, struct mark *copy, bool is_over)
{
    uint64_t at = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    const uint64_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
    for (; at != head && head - at <= MARK_QUEUE_SLOTS; at++) {
        struct mark_slot *const slot = slot_at(queue, at);
        const bool is_whole = atomic_load_explicit(&slot->number, memory_order_acquire) == at + 1;
        if (!is_whole && !is_over)
            return false;
        if (is_whole)
            *copy = slot->mark;
        else
            atomic_fetch_add_explicit(&queue->lost, 1, memory_order_relaxed);
        atomic_store_explicit(&queue->tail, at + 1, memory_order_release);
        if (is_whole)
            return true;
    }
    return false;
}
