/* SPDX-License-Identifier: MIT */
/*
 * bytes - little-endian integers in a byte array, whatever the machine.
 *
 * On the line:  under chunk and chunk_index.
 * Memory:       nothing is owned; the caller knows that there are enough bytes.
 */
#ifndef PYREC_FORMAT_BYTES_H
#define PYREC_FORMAT_BYTES_H

#include <stdint.h>

static inline void bytes_put16(uint8_t *to, uint16_t v)
{
    to[0] = (uint8_t)v;
    to[1] = (uint8_t)(v >> 8);
}

static inline void bytes_put32(uint8_t *to, uint32_t v)
{
    bytes_put16(to, (uint16_t)v);
    bytes_put16(to + 2, (uint16_t)(v >> 16));
}

static inline void bytes_put64(uint8_t *to, uint64_t v)
{
    bytes_put32(to, (uint32_t)v);
    bytes_put32(to + 4, (uint32_t)(v >> 32));
}

static inline uint16_t bytes_get16(const uint8_t *from)
{
    return (uint16_t)(from[0] | from[1] << 8);
}

static inline uint32_t bytes_get32(const uint8_t *from)
{
    return (uint32_t)bytes_get16(from) | (uint32_t)bytes_get16(from + 2) << 16;
}

static inline uint64_t bytes_get64(const uint8_t *from)
{
    return (uint64_t)bytes_get32(from) | (uint64_t)bytes_get32(from + 4) << 32;
}

#endif
