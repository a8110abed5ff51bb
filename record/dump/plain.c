/* SPDX-License-Identifier: MIT */
#include "plain.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct character {
    uint32_t point;
    unsigned len; /* bytes */
};

static struct character character_read(const char *at)
{
    const uint8_t *const bytes = (const uint8_t *)at;
    const unsigned len = bytes[0] < 0xc0 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    uint32_t point = len == 1 ? bytes[0] : bytes[0] & (0x7fu >> len);
    for (unsigned i = 1; i < len; i++) {
        if ((bytes[i] & 0xc0) != 0x80) /* it ends inside a character */
            return (struct character){bytes[0], 1};
        point = point << 6 | (bytes[i] & 0x3f);
    }
    return (struct character){point, len};
}

static bool acts(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029 ||
           (point >= 0x200b && point <= 0x200f) || (point >= 0x202a && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069) || point == 0xfeff;
}

/* The columns that it takes, escaped where it must be. */
static unsigned width_of(uint32_t point)
{
    return !acts(point) ? 1 : point < 0x100 ? 4 : 6;
}

static size_t text_width(const char *text)
{
    size_t width = 0;
    for (struct character c; *text != '\0'; text += c.len) {
        c = character_read(text);
        width += width_of(c.point);
    }
    return width;
}

void plain_write(FILE *to, const char *text, unsigned columns)
{
    const bool is_cut = columns > 2 && text_width(text) > columns;
    const unsigned room = is_cut ? columns - 2 : columns;
    unsigned used = 0;
    for (struct character c; *text != '\0'; text += c.len) {
        c = character_read(text);
        used += width_of(c.point);
        if (is_cut && used > room)
            break;
        if (!acts(c.point))
            fwrite(text, 1, c.len, to);
        else if (c.point < 0x100)
            fprintf(to, "\\x%02x", c.point);
        else
            fprintf(to, "\\u%04x", c.point);
    }
    if (is_cut)
        fputs("..", to);
}
