/* SPDX-License-Identifier: MIT */
#include "plain.h"

#include "format/base/spelling.h"

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

static bool is_escaped(uint32_t point, bool plain)
{
    return acts(point) || (plain && point >= 0x80);
}

/* The columns that it takes, escaped where it must be. */
static size_t width_of(uint32_t point, bool plain)
{
    char escape[SPELLING_ESCAPE];
    return is_escaped(point, plain) ? spelling_escape(escape, point) : 1;
}

static size_t text_width(const char *text, bool plain)
{
    size_t width = 0;
    for (struct character c; *text != '\0'; text += c.len) {
        c = character_read(text);
        width += width_of(c.point, plain);
    }
    return width;
}

/* As much from the beginning as `columns` hold. Returns what is left. */
static const char *write_fitting(FILE *to, const char *text, size_t columns, bool plain)
{
    struct character c;
    for (size_t used = 0; *text != '\0'; text += c.len) {
        char escape[SPELLING_ESCAPE];
        c = character_read(text);
        used += width_of(c.point, plain);
        if (used > columns)
            break;
        if (is_escaped(c.point, plain))
            fwrite(escape, 1, spelling_escape(escape, c.point), to);
        else
            fwrite(text, 1, c.len, to);
    }
    return text;
}

void plain_write(FILE *to, const char *text, unsigned columns)
{
    const bool plain = spelling_is_ascii();
    const size_t width = text_width(text, plain);
    if (columns <= 2 || width <= columns) {
        write_fitting(to, text, SIZE_MAX, plain);
        return;
    }
    const size_t before = (columns - 1) / 2, behind = columns - 2 - before;
    text = write_fitting(to, text, before, plain);
    fputs("..", to);
    for (size_t left = text_width(text, plain); left > behind;) {
        const struct character c = character_read(text);
        left -= width_of(c.point, plain);
        text += c.len;
    }
    write_fitting(to, text, SIZE_MAX, plain);
}
