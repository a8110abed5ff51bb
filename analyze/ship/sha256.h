/* SPDX-License-Identifier: MIT */
/*
 * sha256 - SHA-256 (FIPS 180-4) and HMAC with it (RFC 2104).
 *
 * On the line:  bytes -> [sha256] -> signing
 * Threads:      any; pure functions.
 */
#ifndef PYREC_ANALYZE_SHIP_SHA256_H
#define PYREC_ANALYZE_SHIP_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN 32u

void sha256(const void *bytes, size_t len, uint8_t digest[SHA256_LEN]);
void sha256_hmac(const uint8_t *key, size_t key_len, const char *text, size_t len,
                 uint8_t digest[SHA256_LEN]);

#endif
