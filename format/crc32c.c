/* SPDX-License-Identifier: MIT */
#include "crc32c.h"
#include "bytes.h"
#include <stdbool.h>
#include <string.h>

/*
 * Slicing by 8: tables[k][n] is the CRC register n after k further zero bytes, so eight bytes cost
 * eight look-ups that do not wait for each other. A CRC is linear: an entry is the sum of the
 * entries of n's bits, and only those 64 numbers are written down.
 */
#define SUM(n, a, b, c, d, e, f, g, h)                                                             \
    (((n)&1 ? (a) : 0) ^ ((n)&2 ? (b) : 0) ^ ((n)&4 ? (c) : 0) ^ ((n)&8 ? (d) : 0) ^               \
     ((n)&16 ? (e) : 0) ^ ((n)&32 ? (f) : 0) ^ ((n)&64 ? (g) : 0) ^ ((n)&128 ? (h) : 0))
#define BITS_0(n)                                                                                  \
    SUM(n, 0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc,     \
        0x82f63b78)
#define BITS_1(n)                                                                                  \
    SUM(n, 0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604,     \
        0xfbc3faf9)
#define BITS_2(n)                                                                                  \
    SUM(n, 0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9,     \
        0x8b277743)
#define BITS_3(n)                                                                                  \
    SUM(n, 0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7,     \
        0x52a0c93f)
#define BITS_4(n)                                                                                  \
    SUM(n, 0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae,     \
        0x6ea2d55c)
#define BITS_5(n)                                                                                  \
    SUM(n, 0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb,     \
        0x1c08b7d6)
#define BITS_6(n)                                                                                  \
    SUM(n, 0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a,     \
        0xf56e0ef4)
#define BITS_7(n)                                                                                  \
    SUM(n, 0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32,     \
        0x34019664)

#define TIMES_4(m, n)  m(n), m((n) + 1), m((n) + 2), m((n) + 3)
#define TIMES_16(m, n) TIMES_4(m, n), TIMES_4(m, (n) + 4), TIMES_4(m, (n) + 8), TIMES_4(m, (n) + 12)
#define TIMES_64(m, n)                                                                             \
    TIMES_16(m, n), TIMES_16(m, (n) + 16), TIMES_16(m, (n) + 32), TIMES_16(m, (n) + 48)
#define TIMES_256(m) TIMES_64(m, 0), TIMES_64(m, 64), TIMES_64(m, 128), TIMES_64(m, 192)

static const uint32_t tables[8][256] = {
    {TIMES_256(BITS_0)}, {TIMES_256(BITS_1)}, {TIMES_256(BITS_2)}, {TIMES_256(BITS_3)},
    {TIMES_256(BITS_4)}, {TIMES_256(BITS_5)}, {TIMES_256(BITS_6)}, {TIMES_256(BITS_7)},
};

uint32_t crc32c_add_portable(uint32_t crc, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    crc = ~crc;
    for (; len >= 8; at += 8, len -= 8) {
        const uint32_t low = crc ^ bytes_get32(at);
        const uint32_t high = bytes_get32(at + 4);
        crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^ tables[5][low >> 16 & 0xff] ^
              tables[4][low >> 24] ^ tables[3][high & 0xff] ^ tables[2][high >> 8 & 0xff] ^
              tables[1][high >> 16 & 0xff] ^ tables[0][high >> 24];
    }
    for (; len > 0; at++, len--)
        crc = tables[0][(crc ^ *at) & 0xff] ^ crc >> 8;
    return ~crc;
}

#if defined(__x86_64__)
static bool cpu_has_crc32c(void)
{
    return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) static uint32_t add_by_cpu(uint32_t crc, const uint8_t *at,
                                                             size_t len)
{
    uint64_t wide = ~crc;
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    for (; len > 0; at++, len--)
        crc = __builtin_ia32_crc32qi(crc, *at);
    return ~crc;
}
#else
static bool cpu_has_crc32c(void)
{
    return false;
}

static uint32_t add_by_cpu(uint32_t crc, const uint8_t *at, size_t len)
{
    return crc32c_add_portable(crc, at, len);
}
#endif

uint32_t crc32c_add(uint32_t crc, const void *bytes, size_t len)
{
    return cpu_has_crc32c() ? add_by_cpu(crc, bytes, len) : crc32c_add_portable(crc, bytes, len);
}
