/* SPDX-License-Identifier: MIT */
#include "buffer.h"

#include "memory.h"
#include "unicode.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_add(struct buffer *buffer, const char *bytes, size_t len)
{
    buffer->text = memory_grow(buffer->text, &buffer->size, buffer->len + len + 1, 1);
    if (len > 0)
        memcpy(buffer->text + buffer->len, bytes, len);
    buffer->len += len;
    buffer->text[buffer->len] = '\0';
}

void buffer_add_text(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

void buffer_print(struct buffer *buffer, const char *format, ...)
{
    const size_t room = buffer->size - buffer->len;
    char *const to = room > 0 ? buffer->text + buffer->len : NULL;
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    const int len = vsnprintf(to, room, format, list); /* mostly it fits */
    va_end(list);
    if (len < 0)
        memory_fail();
    if ((size_t)len >= room) {
        buffer->text = memory_grow(buffer->text, &buffer->size, buffer->len + (size_t)len + 1, 1);
        vsnprintf(buffer->text + buffer->len, (size_t)len + 1, format, again);
    }
    va_end(again);
    buffer->len += (size_t)len;
}

void buffer_add_blanks(struct buffer *buffer, size_t n)
{
    buffer->text = memory_grow(buffer->text, &buffer->size, buffer->len + n + 1, 1);
    memset(buffer->text + buffer->len, ' ', n);
    buffer->len += n;
    buffer->text[buffer->len] = '\0';
}

void hex_print(char *digits, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        *digits++ = "0123456789abcdef"[bytes[i] >> 4];
        *digits++ = "0123456789abcdef"[bytes[i] & 15];
    }
    *digits = '\0';
}

void buffer_add_hex(struct buffer *buffer, const uint8_t *bytes, size_t len)
{
    buffer->text = memory_grow(buffer->text, &buffer->size, buffer->len + 2 * len + 1, 1);
    hex_print(buffer->text + buffer->len, bytes, len);
    buffer->len += 2 * len;
}

void buffer_add_percent(struct buffer *buffer, const char *text, bool (*stays)(char))
{
    for (; *text != '\0'; text++) {
        if (stays(*text))
            buffer_add(buffer, text, 1);
        else
            buffer_print(buffer, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

/* Characters that print nothing of their own or change where others are printed. */
static bool is_invisible(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

void buffer_add_visible(struct buffer *buffer, const char *text)
{
    for (const char *at = text; *at != '\0';) {
        uint32_t c;
        const size_t len = unicode_next(at, &c);
        if (len == 0) {
            buffer_print(buffer, "\\x%02x", (unsigned)(unsigned char)*at);
            at++;
            continue;
        }
        if (!is_invisible(c))
            buffer_add(buffer, at, len);
        else if (c == '\n')
            buffer_add(buffer, "\\n", 2);
        else if (c == '\t')
            buffer_add(buffer, "\\t", 2);
        else if (c < 0x100)
            buffer_print(buffer, "\\x%02x", (unsigned)c);
        else
            buffer_print(buffer, "\\u%04x", (unsigned)c);
        at += len;
    }
    if (buffer->text == NULL)
        buffer_add(buffer, "", 0);
}

void buffer_reset(struct buffer *buffer)
{
    buffer->len = 0;
    if (buffer->text != NULL)
        buffer->text[0] = '\0';
}

void buffer_clear(struct buffer *buffer)
{
    free(buffer->text);
    *buffer = (struct buffer){0};
}
