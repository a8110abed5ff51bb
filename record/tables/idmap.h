/* SPDX-License-Identifier: MIT */
/*
 * idmap - from a hash to the ids of the entries that have it.
 *
 * On the line:  beside it; the index of intern's dictionaries and of codebook.
 * Threads:      one at a time.
 * Memory:       idmap_clear gives back what idmap_add took. The entries are the caller's.
 * Idea:         open addressing; a slot holds hash and id, so that a search looks at an entry
 *               only when the whole hash is right, and growing needs no entry at all.
 *
 * Always true:  ids are not 0; at most three quarters of the slots are in use.
 */
#ifndef PYREC_RECORD_IDMAP_H
#define PYREC_RECORD_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is an empty map. */
struct idmap {
    uint64_t *slots;  /* hash << 32 | id; 0 = free */
    uint32_t n_slots; /* 0 or a power of two */
    uint32_t n_used;
};

/*
 * The next id with this hash. Start with *probe = hash; false when there are no more:
 *     for (uint32_t probe = hash, id; idmap_next(map, hash, &probe, &id);) ..
 */
static inline bool idmap_next(const struct idmap *map, uint32_t hash, uint32_t *probe, uint32_t *id)
{
    if (map->n_slots == 0)
        return false;
    for (;;) {
        const uint64_t slot = map->slots[(*probe)++ & (map->n_slots - 1)];
        if (slot == 0)
            return false;
        if (slot >> 32 == hash) {
            *id = (uint32_t)slot;
            return true;
        }
    }
}

/* Add an id under a hash. False when there is no memory. */
bool idmap_add(struct idmap *map, uint32_t hash, uint32_t id);

/* Forget all ids, keep the memory / give it back. */
void idmap_reset(struct idmap *map);
void idmap_clear(struct idmap *map);

/* 64 x 64 -> 128 bits, folded: every bit of the result depends on every bit of both. */
static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    __extension__ const unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The hash of two numbers, and of bytes. Whoever does not know the seed cannot aim at it. */
static inline uint32_t hash_pair(uint64_t seed, uint64_t a, uint64_t b)
{
    const uint64_t h =
        hash_mix(a ^ seed ^ 0x9E3779B97F4A7C15u, b ^ (seed >> 7) ^ 0xA0761D6478BD642Fu);
    return (uint32_t)(h ^ h >> 32);
}
uint32_t hash_bytes(uint64_t seed, const void *bytes, size_t len);
uint64_t hash_new_seed(void);

#endif
