/* SPDX-License-Identifier: MIT */
#include "context.h"
#include "record/agent/base/peek.h"
#include <stdatomic.h>
#include <string.h>

#define LEVELS     7u /* of 5 bits of the hash each */
#define LEVEL_BITS 5u
#define WORD       8u
/* bytes of the object with the number: struct marks_context (marks.h) */
#define CONTEXT_BYTES 24u

static struct {
    struct context_layout layout;
    uint64_t variables[CONTEXT_VARIABLES];
    uint32_t hashes[CONTEXT_VARIABLES];
    _Atomic uint32_t n_taken, n; /* taken; of these written, release store */
    _Atomic uint32_t layout_state;
} known;

enum { LAYOUT_NONE, LAYOUT_TAKEN, LAYOUT_THERE };

bool context_set_layout(const struct context_layout *layout)
{
    uint32_t none = LAYOUT_NONE;
    if (layout == NULL)
        atomic_store(&known.layout_state, LAYOUT_TAKEN);
    if (layout == NULL || layout->size != sizeof(*layout) || layout->head < WORD)
        return false;
    if (atomic_compare_exchange_strong(&known.layout_state, &none, LAYOUT_TAKEN)) {
        known.layout = *layout;
        atomic_store_explicit(&known.layout_state, LAYOUT_THERE, memory_order_release);
    }
    return true;
}

/* Of a hash as Python has it: what the map goes by. */
static uint32_t hash_fold(uint64_t hash)
{
    const uint32_t folded = (uint32_t)hash ^ (uint32_t)(hash >> 32);
    return folded == UINT32_MAX ? UINT32_MAX - 1 : folded;
}

bool context_add_variable(uint64_t variable, uint64_t hash)
{
    const uint32_t at = atomic_load(&known.n_taken) < CONTEXT_VARIABLES
                            ? atomic_fetch_add(&known.n_taken, 1)
                            : CONTEXT_VARIABLES;
    if (at >= CONTEXT_VARIABLES)
        return false;
    known.hashes[at] = hash_fold(hash);
    known.variables[at] = variable; /* 0 until now: no key is there */
    uint32_t before = at;           /* several at once: in order */
    while (!atomic_compare_exchange_weak_explicit(&known.n, &before, at + 1, memory_order_release,
                                                  memory_order_relaxed))
        before = at;
    return true;
}

/* The value under a key in a map; 0 = it is not there, or it cannot be told. */
static uintptr_t map_find(const struct context_layout *layout, uintptr_t node, uint64_t key,
                          uint32_t hash, uint32_t *bad)
{
    for (uint32_t level = 0; level < LEVELS && node != 0 && !*bad; level++) {
        const uint32_t bit = hash >> (LEVEL_BITS * level) & 31;
        const uint64_t type = peek(node + layout->head - WORD, bad);
        if (type == layout->array_type) { /* PyObject_HEAD, 32 nodes */
            node = peek(node + layout->head + WORD * (uint64_t)bit, bad);
            continue;
        }
        if (type != layout->bitmap_type) /* two keys of one hash */
            return 0;
        /* PyObject_VAR_HEAD, the bitmap, pairs of key and value; without a key: of nothing and a
         * node */
        const uint32_t bitmap = peek_u32(node + layout->head + WORD, bad);
        if (!(bitmap >> bit & 1))
            return 0;
        const uint32_t before = (uint32_t)__builtin_popcount(bitmap & ((1u << bit) - 1));
        const uintptr_t pair = node + layout->head + 2 * WORD + 2 * WORD * (uint64_t)before;
        const uint64_t found = peek(pair, bad);
        const uintptr_t value = peek(pair + WORD, bad);
        if (found == key)
            return value;
        node = found == 0 ? value : 0;
    }
    return 0;
}

/* Is there anything to be looked for? */
static bool is_there(void)
{
    return atomic_load_explicit(&known.n, memory_order_acquire) != 0 &&
           atomic_load_explicit(&known.layout_state, memory_order_acquire) == LAYOUT_THERE;
}

uint64_t context_behind(uintptr_t pointer)
{
    const struct context_layout *const layout = &known.layout;
    uint32_t bad = 0;
    if (!is_there() || pointer == 0)
        return 0;
    const uint32_t n = atomic_load_explicit(&known.n, memory_order_acquire);
    const uintptr_t context = peek(pointer, &bad);
    const uintptr_t map = context != 0 ? peek(context + layout->context_map, &bad) : 0;
    const uintptr_t root = map != 0 && !bad ? peek(map + layout->map_root, &bad) : 0;
    for (uint32_t i = 0; i < n && root != 0 && !bad; i++) {
        const uintptr_t value = map_find(layout, root, known.variables[i], known.hashes[i], &bad);
        const uintptr_t bytes = value != 0 && !bad ? peek(value + layout->slot, &bad) : 0;
        if (bytes == 0 || bad || peek(bytes + layout->head - WORD, &bad) != layout->bytes_type ||
            peek(bytes + layout->head, &bad) != CONTEXT_BYTES)
            continue;
        const uint64_t number = peek(bytes + layout->bytes, &bad);
        if (!bad)
            return number;
    }
    return 0;
}

uint64_t context_read(uintptr_t tstate)
{
    return is_there() && tstate != 0 ? context_behind(tstate + known.layout.tstate_context) : 0;
}
