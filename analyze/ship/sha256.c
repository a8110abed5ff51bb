/* SPDX-License-Identifier: MIT */
#include "sha256.h"

#include <string.h>

#define BLOCK  64u
#define ROUNDS 64u
#define WORDS  8u

struct state {
    uint32_t words[WORDS];
    uint8_t block[BLOCK]; /* what is not a whole one yet */
    uint64_t len;         /* of all */
};

/* Of the cube roots of the first 64 primes, the first 32 bits behind the point. */
static const uint32_t constants[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static const struct state beginning = {
    /* of the square roots of the first 8 primes */
    .words = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
              0x5be0cd19},
};

static uint32_t rotated(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static void block_take(struct state *s, const uint8_t *block)
{
    uint32_t w[ROUNDS], v[WORDS];
    for (unsigned i = 0; i < 16; i++, block += 4)
        w[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 |
               block[3];
    for (unsigned i = 16; i < ROUNDS; i++)
        w[i] = w[i - 16] + w[i - 7] +
               (rotated(w[i - 15], 7) ^ rotated(w[i - 15], 18) ^ w[i - 15] >> 3) +
               (rotated(w[i - 2], 17) ^ rotated(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(v, s->words, sizeof v);
    for (unsigned i = 0; i < ROUNDS; i++) {
        const uint32_t one = v[7] + (rotated(v[4], 6) ^ rotated(v[4], 11) ^ rotated(v[4], 25)) +
                             ((v[4] & v[5]) ^ (~v[4] & v[6])) + constants[i] + w[i];
        const uint32_t two = (rotated(v[0], 2) ^ rotated(v[0], 13) ^ rotated(v[0], 22)) +
                             ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, (WORDS - 1) * sizeof *v);
        v[4] += one;
        v[0] = one + two;
    }
    for (unsigned i = 0; i < WORDS; i++)
        s->words[i] += v[i];
}

static void bytes_take(struct state *s, const void *from, size_t len)
{
    const uint8_t *bytes = from;
    size_t kept = s->len % BLOCK;
    s->len += len;
    while (len > 0) {
        if (kept == 0 && len >= BLOCK) {
            block_take(s, bytes);
            bytes += BLOCK;
            len -= BLOCK;
            continue;
        }
        const size_t n = len < BLOCK - kept ? len : BLOCK - kept;
        memcpy(s->block + kept, bytes, n);
        kept = (kept + n) % BLOCK;
        if (kept == 0)
            block_take(s, s->block);
        bytes += n;
        len -= n;
    }
}

static void end(struct state *s, uint8_t digest[SHA256_LEN])
{
    static const uint8_t padding[BLOCK] = {0x80};
    const uint64_t bits = s->len * 8;
    const size_t kept = s->len % BLOCK;
    uint8_t length[8];
    for (unsigned i = 0; i < sizeof length; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    bytes_take(s, padding, (kept < BLOCK - 8 ? BLOCK - 8 : 2 * BLOCK - 8) - kept);
    bytes_take(s, length, sizeof length);
    for (unsigned i = 0; i < SHA256_LEN; i++)
        digest[i] = (uint8_t)(s->words[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256(const void *bytes, size_t len, uint8_t digest[SHA256_LEN])
{
    struct state s = beginning;
    bytes_take(&s, bytes, len);
    end(&s, digest);
}

void sha256_hmac(const uint8_t *key, size_t key_len, const char *text, size_t len,
                 uint8_t digest[SHA256_LEN])
{
    uint8_t inner[BLOCK] = {0}, outer[BLOCK];
    struct state s = beginning;
    if (key_len > BLOCK)
        sha256(key, key_len, inner);
    else
        memcpy(inner, key, key_len);
    for (unsigned i = 0; i < BLOCK; i++) {
        outer[i] = inner[i] ^ 0x5c;
        inner[i] ^= 0x36;
    }
    bytes_take(&s, inner, BLOCK);
    bytes_take(&s, text, len);
    end(&s, digest);
    s = beginning;
    bytes_take(&s, outer, BLOCK);
    bytes_take(&s, digest, SHA256_LEN);
    end(&s, digest);
    explicit_bzero(inner, sizeof inner);
    explicit_bzero(outer, sizeof outer);
}
