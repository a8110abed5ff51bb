/* SPDX-License-Identifier: MIT */
/*
 * crc32c - CRC-32C (Castagnoli), the checksum of chunk headers and payloads.
 *
 * On the line:  under chunk, chunk_write and chunk_read.
 * Threads:      any; there is no state.
 *
 * Always true:  crc32c_add(crc32c_add(0, a), b) == crc32c_add(0, ab).
 */
#ifndef PYREC_FORMAT_CRC32C_H
#define PYREC_FORMAT_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what `crc` is the checksum of (0 = nothing), followed by `len` bytes. */
uint32_t crc32c_add(uint32_t crc, const void *bytes, size_t len);

/* The same without the CPU's own instruction; for tests, and for CPUs that have none. */
uint32_t crc32c_add_portable(uint32_t crc, const void *bytes, size_t len);

#endif
