/* SPDX-License-Identifier: MIT */
#include "utf8.h"

#include <stdint.h>
#include <string.h>

static bool is_tail(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

static bool is_surrogate(const uint8_t *p, size_t left)
{
    return left >= 3 && p[0] == 0xed && p[1] >= 0xa0 && p[1] <= 0xbf && is_tail(p[2]);
}

/* Bytes of the character at p, 0 when there is none (RFC 3629: no overlong form, no surrogate). */
static size_t character_len(const uint8_t *p, size_t left)
{
    if (p[0] < 0x80)
        return p[0] != 0;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < 2 || !is_tail(p[1]))
        return 0;
    if (p[0] < 0xe0)
        return 2;
    if (left < 3 || !is_tail(p[2]))
        return 0;
    if (p[0] < 0xf0)
        return (p[0] == 0xe0 && p[1] < 0xa0) || is_surrogate(p, left) ? 0 : 3;
    if (left < 4 || !is_tail(p[3]) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return 4;
}

bool utf8_valid(const char *bytes, size_t len)
{
    const uint8_t *p = (const uint8_t *)bytes;
    for (size_t at = 0, n; at < len; at += n) {
        n = character_len(p + at, len - at);
        if (n == 0)
            return false;
    }
    return true;
}

/* The escape of what is at p, which is no character; its length, and in *used the bytes it is for.
 */
static size_t escape_write(const uint8_t *p, size_t left, char *out, size_t *used)
{
    static const char digits[] = "0123456789abcdef";
    if (is_surrogate(p, left)) {
        const unsigned code = 0xd000u | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
        const char escape[6] = {
            '\\', 'u', 'd', digits[code >> 8 & 15], digits[code >> 4 & 15], digits[code & 15]};
        memcpy(out, escape, sizeof escape);
        *used = 3;
        return sizeof escape;
    }
    const char escape[4] = {'\\', 'x', digits[p[0] >> 4], digits[p[0] & 15]};
    memcpy(out, escape, sizeof escape);
    *used = 1;
    return sizeof escape;
}

size_t utf8_clean(const char *bytes, size_t len, char *out, size_t room)
{
    const uint8_t *p = (const uint8_t *)bytes;
    size_t written = 0;
    for (size_t at = 0, used; at < len; at += used) {
        char piece[6];
        size_t n = used = character_len(p + at, len - at);
        if (n != 0)
            memcpy(piece, p + at, n);
        else
            n = escape_write(p + at, len - at, piece, &used);
        if (n > room - written)
            break;
        memcpy(out + written, piece, n);
        written += n;
    }
    return written;
}
