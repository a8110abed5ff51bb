/* SPDX-License-Identifier: MIT */
/*
 * fnv - short texts told apart by 64 bits (FNV-1a).
 *
 * On the line:  beside it; names of threads, labels and texts are known again by it.
 * Threads:      any.
 * Loss:         two texts may have one hash: what that costs is the caller's to say.
 */
#ifndef PYREC_AGENT_FNV_H
#define PYREC_AGENT_FNV_H

#include <stddef.h>
#include <stdint.h>

#define FNV_BEGIN UINT64_C(0xcbf29ce484222325)

static inline uint64_t fnv_more(uint64_t hash, const void *bytes, size_t len)
{
    const uint8_t *const at = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

/* Never 0. */
static inline uint64_t fnv_of(const void *bytes, size_t len)
{
    return fnv_more(FNV_BEGIN, bytes, len) | 1;
}

#endif
