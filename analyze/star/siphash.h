/* SPDX-License-Identifier: MIT */
/*
 * siphash - SipHash-2-4: 64 bits of some bytes that nobody without the key can tell or look up.
 *
 * On the line:  names and numbers of a recording -> [siphash] -> star_key
 * Threads:      pure.
 *
 * The function of Aumasson and Bernstein (2012), as they define it, so that the same key gives the
 * same number on every machine and in every later version.
 */
#ifndef PYREC_ANALYZE_SIPHASH_H
#define PYREC_ANALYZE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_LEN 16u

uint64_t siphash(const uint8_t key[SIPHASH_KEY_LEN], const void *bytes, size_t len);

#endif
