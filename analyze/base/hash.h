/* SPDX-License-Identifier: MIT */
/*
 * hash - find an entry of an array by its content.
 *
 * On the line:  under symbols and tree.
 * Threads:      one at a time.
 * Memory:       struct hash is the caller's, zeroed before the first use; hash_clear takes its
 *               heap. The entries stay with their owner; here are only their numbers.
 *
 * The owner walks: for (uint64_t at = h;; at++) { n = hash_slot(hash, at); if n is HASH_NONE or
 * entry n is the one: stop }. Room for the next entry is made by hash_reserve before. An entry that
 * is known to be a new one is put in by hash_add.
 *
 * Always true:  at least a quarter of the slots is empty.
 */
#ifndef PYREC_ANALYZE_HASH_H
#define PYREC_ANALYZE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_NONE UINT32_MAX

struct hash {
    uint32_t *slots; /* number of an entry + 1, 0 = empty */
    size_t size;     /* power of two, or 0 */
    size_t n;
};

/* The hash of entry n; for moving entries when the table grows. */
typedef uint64_t hash_fn(const void *owner, uint32_t n);

void hash_reserve(struct hash *hash, hash_fn *of, const void *owner);
/* Empty again; the room stays. */
void hash_reset(struct hash *hash);
void hash_clear(struct hash *hash);

static inline uint32_t hash_slot(const struct hash *hash, uint64_t at)
{
    return hash->slots[at & (hash->size - 1)] - 1;
}

static inline void hash_put(struct hash *hash, uint64_t at, uint32_t n)
{
    hash->slots[at & (hash->size - 1)] = n + 1;
    hash->n++;
}

/* Reserve, and put in entry n of the owner's, which is not in it. */
void hash_add(struct hash *hash, hash_fn *of, const void *owner, uint32_t n);

/* A good mixture of two numbers. */
static inline uint64_t hash_pair(uint64_t a, uint64_t b)
{
    uint64_t h = a * 0x9E3779B97F4A7C15u ^ (b + 0xD1B54A32D192ED03u) * 0xBF58476D1CE4E5B9u;
    h ^= h >> 32;
    h *= 0x94D049BB133111EBu;
    return h ^ h >> 29;
}

uint64_t hash_text(const char *text);

#endif
