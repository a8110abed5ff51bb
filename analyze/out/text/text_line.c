/* SPDX-License-Identifier: MIT */
#include "text_line.h"

#include "analyze/base/unicode.h"
#include "format/base/spelling.h"
#include "text_cell.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What tables, trees and notes are drawn with. */
static const struct {
    uint32_t character;
    const char *instead;
} plain[] = {
    {0x2026, ".."}, {0xb1, "+-"}, {0x2514, "`"}, {0x251c, "|"}, {0x2502, "|"}, {0xb7, "."},
};

static void add_plain(struct buffer *to, uint32_t c)
{
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        if (plain[i].character == c) {
            buffer_add_text(to, plain[i].instead);
            return;
        }
    }
    char escape[SPELLING_ESCAPE];
    buffer_add(to, escape, spelling_escape(escape, c));
}

void text_line_make_plain(struct buffer *text)
{
    struct buffer made = {0};
    buffer_add(&made, "", 0);
    for (size_t at = 0; at < text->len;) {
        uint32_t c;
        const size_t len = unicode_next(text->text + at, &c);
        if (len > 1)
            add_plain(&made, c);
        else
            buffer_add(&made, text->text + at, 1);
        at += len > 0 ? len : 1;
    }
    buffer_clear(text);
    *text = made;
}

char *text_line_plain(char *text)
{
    const char *at = text;
    while (*at != '\0' && (unsigned char)*at < 0x80)
        at++;
    if (*at == '\0')
        return text;
    struct buffer made = {.text = text, .len = strlen(text), .size = strlen(text) + 1};
    text_line_make_plain(&made);
    return made.text;
}

/* How many bytes of the text fit: up to the last blank before `room`, or to the first one at all.
 */
static size_t fitting(const char *text, size_t room)
{
    size_t width = 0, end = 0;
    for (size_t at = 0;;) {
        uint32_t c;
        const size_t len = unicode_next(text + at, &c);
        if (text[at] == ' ' || text[at] == '\0') {
            if (width > room && end > 0)
                return end;
            end = at;
            if (width > room || text[at] == '\0')
                return end;
        }
        width += len > 0 ? unicode_width(c) : 1;
        at += len > 0 ? len : 1;
    }
}

void text_line_write(struct sink *to, const char *text, size_t indent, enum text_weight weight)
{
    static const char *const codes[] = {"", "\033[1m", "\033[2m"};
    const bool colored = to->color && weight != TEXT_NORMAL;
    struct buffer visible = {0};
    buffer_add_visible(&visible, text);
    if (to->ascii)
        text_line_make_plain(&visible);
    const char *rest = visible.len > 0 ? visible.text : "";
    for (size_t before = 0;; before = indent) {
        const size_t room = to->width > before ? to->width - before : 1;
        const size_t len = to->width > 0 ? fitting(rest, room) : strlen(rest);
        sink_print(to, "%*s%s%.*s%s\n", (int)before, "", colored ? codes[weight] : "", (int)len,
                   rest, colored ? "\033[0m" : "");
        rest += len;
        rest += strspn(rest, " ");
        if (*rest == '\0')
            break;
    }
    buffer_clear(&visible);
}
