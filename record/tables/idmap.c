/* SPDX-License-Identifier: MIT */
#include "idmap.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_SLOTS 64u

static void slot_put(uint64_t *slots, uint32_t n_slots, uint64_t slot)
{
    uint32_t probe = (uint32_t)(slot >> 32);
    while (slots[probe & (n_slots - 1)] != 0)
        probe++;
    slots[probe & (n_slots - 1)] = slot;
}

static bool grow(struct idmap *map)
{
    if (map->n_slots > UINT32_MAX / 2)
        return false;
    const uint32_t n_slots = map->n_slots == 0 ? FIRST_SLOTS : 2 * map->n_slots;
    uint64_t *slots = calloc(n_slots, sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t i = 0; i < map->n_slots; i++)
        if (map->slots[i] != 0)
            slot_put(slots, n_slots, map->slots[i]);
    free(map->slots);
    map->slots = slots;
    map->n_slots = n_slots;
    return true;
}

bool idmap_add(struct idmap *map, uint32_t hash, uint32_t id)
{
    if (map->n_used >= map->n_slots / 4 * 3 && !grow(map))
        return false;
    slot_put(map->slots, map->n_slots, (uint64_t)hash << 32 | id);
    map->n_used++;
    return true;
}

void idmap_reset(struct idmap *map)
{
    if (map->n_used != 0)
        memset(map->slots, 0, map->n_slots * sizeof *map->slots);
    map->n_used = 0;
}

void idmap_clear(struct idmap *map)
{
    free(map->slots);
    *map = (struct idmap){0};
}

uint64_t hash_new_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = (uint64_t)(uintptr_t)&seed; /* early in boot: what address randomisation gives */
    return seed;
}

uint32_t hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    uint64_t h = seed ^ len;
    uint64_t word = 0;
    for (; len >= sizeof word; p += sizeof word, len -= sizeof word) {
        memcpy(&word, p, sizeof word);
        h = hash_mix(h ^ word, 0x9E3779B97F4A7C15u ^ seed);
    }
    word = 0;
    memcpy(&word, p, len);
    return hash_pair(seed, h, word);
}
