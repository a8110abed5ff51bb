/* SPDX-License-Identifier: MIT */
#include "text_cell.h"

#include "analyze/base/unicode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t text_width(const char *text)
{
    size_t width = 0;
    for (const char *at = text; *at != '\0';) {
        uint32_t c;
        const size_t len = unicode_next(at, &c);
        width += len > 0 ? unicode_width(c) : 1;
        at += len > 0 ? len : 1;
    }
    return width;
}

/* The buffer's text, given away. */
static char *take(struct buffer *buffer)
{
    if (buffer->text == NULL)
        buffer_add(buffer, "", 0);
    return buffer->text;
}

static void fill(struct buffer *to, const char *text, size_t least)
{
    const size_t width = text_width(text);
    if (width < least)
        buffer_add_blanks(to, least - width);
}

char *text_padded(const char *text, bool apart, size_t least)
{
    struct buffer padded = {0};
    if (apart)
        buffer_add_text(&padded, " ");
    fill(&padded, text, least);
    buffer_add_text(&padded, text);
    return take(&padded);
}

static void print_bytes(struct buffer *to, int64_t n)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double amount = (double)n;
    size_t unit = 0;
    for (; amount >= 1024 && unit < 4; unit++)
        amount /= 1024;
    buffer_print(to, unit == 0 ? "%.0f %s" : "%.1f %s", amount, units[unit]);
}

static void print_cell(struct buffer *to, const struct cell *cell, int decimals)
{
    struct buffer raw = {0};
    switch (cell->unit) {
    case UNIT_NONE:
        buffer_add_text(to, "-");
        break;
    case UNIT_SECONDS:
        seconds_print(to, cell->n, decimals);
        break;
    case UNIT_RATIO:
        buffer_print(to, "%.1f%%", 100 * cell->ratio);
        break;
    case UNIT_BYTES:
        print_bytes(to, cell->n);
        break;
    case UNIT_TEXT:
        for (uint32_t i = 0; i < cell->line; i++)
            buffer_add_text(to, "  ");
        buffer_add_visible(to, cell->text[0] != '\0' ? cell->text : "-");
        break;
    default:
        cell_print(&raw, cell);
        buffer_add_visible(to, raw.len > 0 ? raw.text : "-");
        buffer_clear(&raw);
    }
}

char *text_of_cell(const struct cell *cell, int decimals, bool apart, size_t least)
{
    struct buffer text = {0};
    print_cell(&text, cell, decimals);
    char *const padded = text_padded(take(&text), apart, least);
    buffer_clear(&text);
    return padded;
}

/* How wide the columns of a log are; texts are filled up on the right, numbers on the left. */
static size_t log_width(enum cell_unit unit)
{
    switch (unit) {
    case UNIT_TEXT:
        return 16;
    case UNIT_SECONDS:
        return 10;
    case UNIT_ID:
    case UNIT_COUNT:
        return 7;
    default:
        return 0;
    }
}

char *text_of_log_cell(const struct cell *cell, enum cell_unit unit, bool last)
{
    struct buffer text = {0}, filled = {0};
    const size_t least = last ? 0 : log_width(unit);
    print_cell(&text, cell, 6);
    const char *const shown = take(&text);
    if (!unit_is_text(unit))
        fill(&filled, shown, least);
    buffer_add_text(&filled, shown);
    if (unit_is_text(unit))
        fill(&filled, shown, least);
    buffer_clear(&text);
    return take(&filled);
}

char *text_of_fact(const struct cell *cell)
{
    struct buffer text = {0};
    print_cell(&text, cell, 6);
    if (cell->unit == UNIT_SECONDS)
        buffer_add_text(&text, " s");
    return take(&text);
}

char *text_of_name(const char *name)
{
    struct buffer text = {0};
    buffer_add_text(&text, "  ");
    buffer_add_visible(&text, name);
    for (char *at = text.text; *at != '\0'; at++) {
        if (*at == '_')
            *at = ' ';
    }
    return take(&text);
}

/* What stands for a part that is left out; in plain characters it becomes "..". */
#define DOTS "\xe2\x80\xa6"

/* The first `width` columns of a text end here. */
static const char *end_of(const char *text, size_t width)
{
    size_t used = 0;
    while (*text != '\0') {
        uint32_t c;
        const size_t len = unicode_next(text, &c);
        used += len > 0 ? unicode_width(c) : 1;
        if (used > width)
            break;
        text += len > 0 ? len : 1;
    }
    return text;
}

/* The text behind its first `width` columns, or one more where a wide character straddles them. */
static const char *rest_of(const char *text, size_t width)
{
    const char *const end = end_of(text, width);
    const bool straddles = text_width(text) - text_width(end) < width;
    return straddles ? end_of(text, width + 1) : end;
}

/* The innermost frames that fit behind "... 12 frames > "; false when not even one does. */
static bool cut_frames(char **text, size_t width, bool ascii)
{
    const size_t blanks = strspn(*text, " ");
    size_t n = 0;
    for (const char *at = *text; (at = strstr(at, " > ")) != NULL; at += 3) {
        n++;
        char mark[48];
        snprintf(mark, sizeof mark, "%*s%s %zu frame%s", (int)blanks, "", ascii ? ".." : DOTS, n,
                 n == 1 ? "" : "s");
        if (text_width(mark) + text_width(at) > width)
            continue;
        struct buffer cut = {0};
        buffer_print(&cut, "%s%s", mark, at);
        free(*text);
        *text = take(&cut);
        return true;
    }
    return false;
}

void text_cut(char **text, size_t width, enum text_part part, bool ascii)
{
    const size_t now = text_width(*text), mark = (size_t)(ascii ? 2 : 1);
    const size_t blanks = strspn(*text, " "); /* they keep the columns apart */
    if (now <= width || width <= mark + (part != TEXT_END ? blanks : 0))
        return;
    if (part == TEXT_FRAMES && cut_frames(text, width, ascii))
        return;
    part = part == TEXT_FRAMES ? TEXT_BEGIN : part;
    struct buffer cut = {0};
    const size_t kept = width - mark;
    const size_t before = part == TEXT_BEGIN ? blanks : part == TEXT_END ? kept : (kept + 1) / 2;
    const char *const end = end_of(*text, before);
    buffer_add(&cut, *text, (size_t)(end - *text));
    buffer_add_text(&cut, ascii ? ".." : DOTS);
    if (part != TEXT_END)
        buffer_add_text(&cut, rest_of(*text, now - (kept - before)));
    free(*text);
    *text = take(&cut);
}

bool text_is_nothing(const char *text)
{
    text += strspn(text, " ");
    if (text[0] == '\0')
        return false;
    return strcmp(text, "-") == 0 || text[strspn(text, "0.%")] == '\0';
}
