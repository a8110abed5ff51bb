/* SPDX-License-Identifier: MIT */
#include "hash.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_MIN_SLOTS 256

void hash_reserve(struct hash *hash, hash_fn *of, const void *owner)
{
    if (hash->n + 1 <= hash->size / 4 * 3)
        return;
    const size_t size = hash->size > 0 ? hash->size * 2 : SIZE_MIN_SLOTS;
    uint32_t *const slots = memory_get(size * sizeof *slots);
    for (size_t i = 0; i < hash->size; i++) {
        if (hash->slots[i] == 0)
            continue;
        uint64_t at = of(owner, hash->slots[i] - 1);
        while (slots[at & (size - 1)] != 0)
            at++;
        slots[at & (size - 1)] = hash->slots[i];
    }
    free(hash->slots);
    hash->slots = slots;
    hash->size = size;
}

void hash_add(struct hash *hash, hash_fn *of, const void *owner, uint32_t n)
{
    hash_reserve(hash, of, owner);
    uint64_t at = of(owner, n);
    while (hash_slot(hash, at) != HASH_NONE)
        at++;
    hash_put(hash, at, n);
}

void hash_reset(struct hash *hash)
{
    if (hash->n > 0)
        memset(hash->slots, 0, hash->size * sizeof *hash->slots);
    hash->n = 0;
}

void hash_clear(struct hash *hash)
{
    free(hash->slots);
    *hash = (struct hash){0};
}

/* FNV-1a, mixed at the end because its lower bits are weak for short texts. */
uint64_t hash_text(const char *text)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *at = text; *at != '\0'; at++)
        h = (h ^ (unsigned char)*at) * 0x100000001b3u;
    return hash_pair(h, 0);
}
