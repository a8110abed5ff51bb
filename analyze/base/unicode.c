/* SPDX-License-Identifier: MIT */
#include "unicode.h"

#include <string.h>
#include <wchar.h>

size_t unicode_next(const char *text, uint32_t *character)
{
    const unsigned char *const s = (const unsigned char *)text;
    if (s[0] < 0x80) {
        *character = s[0];
        return 1;
    }
    const size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    uint32_t c = s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *character = c;
    return len;
}

static const char *first_wrong(const char *text)
{
    uint32_t c;
    while (*text != '\0') {
        const size_t len = unicode_next(text, &c);
        if (len == 0)
            return text;
        text += len;
    }
    return NULL;
}

const char *unicode_clean(struct arena *arena, const char *text)
{
    const char *wrong = first_wrong(text);
    if (wrong == NULL)
        return text;
    static const char mark[] = "\xef\xbf\xbd";
    size_t n = 0;
    for (const char *at = wrong; at != NULL; at = first_wrong(at + 1))
        n++;
    char *const clean = arena_get(arena, strlen(text) + (sizeof mark - 2) * n + 1);
    char *end = clean;
    for (; wrong != NULL; wrong = first_wrong(text)) {
        end = (char *)mempcpy(end, text, (size_t)(wrong - text));
        end = (char *)mempcpy(end, mark, sizeof mark - 1);
        text = wrong + 1;
    }
    strcpy(end, text);
    return clean;
}

size_t unicode_width(uint32_t character)
{
    if (character >= 0x20 && character < 0x7f)
        return 1;
    const int width = wcwidth((wchar_t)character);
    return width >= 0 ? (size_t)width : 1;
}

size_t unicode_length(const char *text)
{
    size_t n = 0;
    for (uint32_t c; *text != '\0'; n++) {
        const size_t len = unicode_next(text, &c);
        text += len > 0 ? len : 1;
    }
    return n;
}

size_t unicode_prefix(const char *text, size_t most)
{
    size_t len = strnlen(text, most + 1);
    if (len <= most)
        return len;
    for (len = most; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
        len--;
    return len;
}
