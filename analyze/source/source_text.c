/* SPDX-License-Identifier: MIT */
#include "source_text.h"

#include "format/status.h"

#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <string.h>

#define BOM         "\xef\xbb\xbf"
#define REPLACEMENT "\xef\xbf\xbd"
#define CODING_MAX  64u
/* No coding that Python can read sources in makes more of a byte. */
#define GROWTH_MAX 4u

static const char *line_end(const char *at, const char *end)
{
    while (at < end && *at != '\n' && *at != '\r')
        at++;
    return at;
}

static const char *line_next(const char *stop, const char *end)
{
    if (stop == end)
        return end;
    return stop + 1 + (stop + 1 < end && stop[0] == '\r' && stop[1] == '\n');
}

static bool is_blank(const char *at, const char *stop)
{
    while (at < stop && (*at == ' ' || *at == '\t' || *at == '\f'))
        at++;
    return at == stop || *at == '#';
}

/* "coding:" or "coding=", blanks, a name: in a comment that the line consists of. */
static void find_coding(const char *at, const char *stop, char *coding, size_t size)
{
    static const char word[] = "coding";
    const size_t len = sizeof word - 1;
    const char *comment = memchr(at, '#', (size_t)(stop - at));
    if (comment == NULL || !is_blank(at, stop))
        return;
    for (at = comment; (at = memmem(at, (size_t)(stop - at), word, len)) != NULL;) {
        at += len;
        if (at == stop || (*at != ':' && *at != '='))
            continue;
        at++;
        while (at < stop && (*at == ' ' || *at == '\t'))
            at++;
        size_t n = 0;
        while (at < stop && (isalnum((unsigned char)*at) || strchr("-_.", *at) != NULL) &&
               n + 1 < size)
            coding[n++] = (char)tolower((unsigned char)*at++);
        coding[n] = '\0';
        if (n > 0)
            return;
    }
}

void source_text_coding(const char *bytes, size_t len, char *coding, size_t size)
{
    const char *const end = bytes + len, *const first = line_end(bytes, end);
    coding[0] = '\0';
    find_coding(bytes, first, coding, size);
    if (coding[0] != '\0' || !is_blank(bytes, first))
        return;
    const char *const second = line_next(first, end);
    find_coding(second, line_end(second, end), coding, size);
}

/* Python's names of codings that iconv calls otherwise; the rest differs in hyphens at most. */
static const char *iconv_name(char *coding)
{
    static const char *const names[][2] = {
        {"latin-1", "ISO-8859-1"},  {"iso-latin-1", "ISO-8859-1"},
        {"iso8859", "ISO-8859-1"},  {"8859", "ISO-8859-1"},
        {"l1", "ISO-8859-1"},       {"latin", "ISO-8859-1"},
        {"latin-9", "ISO-8859-15"}, {"latin-2", "ISO-8859-2"},
        {"windows-1252", "CP1252"}, {"mac-roman", "MACINTOSH"},
        {"shift-jis", "SHIFT_JIS"}, {"sjis", "SHIFT_JIS"},
        {"s-jis", "SHIFT_JIS"},     {"ujis", "EUC-JP"},
        {"u-jis", "EUC-JP"},        {"euccn", "EUC-CN"},
        {"hebrew", "ISO-8859-8"},   {"cyrillic", "ISO-8859-5"},
        {"greek", "ISO-8859-7"},    {"us-ascii", "ASCII"},
        {"utf8", "UTF-8"},          {"utf-8-sig", "UTF-8"},
    };
    for (char *at = coding; *at != '\0'; at++) {
        if (*at == '_')
            *at = '-';
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(coding, names[i][0]) == 0)
            return names[i][1];
    }
    return coding;
}

/* Convert all of it; what cannot be is a replacement character each. */
static void convert(iconv_t to_utf8, const char *bytes, size_t len, char *out, size_t *n)
{
    char *in = (char *)(uintptr_t)bytes;
    size_t left = len, room = GROWTH_MAX * len + sizeof REPLACEMENT;
    char *at = out;
    while (left > 0 && iconv(to_utf8, &in, &left, &at, &room) == (size_t)-1) {
        if (errno == E2BIG || room < sizeof REPLACEMENT)
            break;
        memcpy(at, REPLACEMENT, sizeof REPLACEMENT - 1);
        at += sizeof REPLACEMENT - 1;
        room -= sizeof REPLACEMENT - 1;
        in++;
        left--;
    }
    *n = (size_t)(at - out);
}

/*
 * In two codings iconv has the old terminals' signs where Python, and every source, has ASCII: no
 * other bytes stand for these.
 */
static size_t keep_ascii(const char *coding, char *text, size_t len)
{
    static const char *const signs[][2] = {
        {"\xc2\xa5", "\\"}, {"\xe2\x80\xbe", "~"}, {"\xe2\x82\xa9", "\\"}};
    size_t n = 0;
    if (strcmp(coding, "SHIFT_JIS") != 0 && strcmp(coding, "johab") != 0)
        return len;
    for (size_t i = 0; i < len;) {
        size_t k = 0;
        while (k < ARRAY_LEN(signs) && strncmp(text + i, signs[k][0], strlen(signs[k][0])) != 0)
            k++;
        text[n++] = k < ARRAY_LEN(signs) ? signs[k][1][0] : text[i];
        i += k < ARRAY_LEN(signs) ? strlen(signs[k][0]) : 1;
    }
    text[n] = '\0';
    return n;
}

/* CR LF and CR become LF. */
static size_t end_lines(char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\r' && i + 1 < len && text[i + 1] == '\n')
            continue;
        text[n++] = text[i];
        if (text[n - 1] == '\r')
            text[n - 1] = '\n';
    }
    text[n] = '\0';
    return n;
}

struct source_text source_text_make(struct arena *arena, const char *bytes, size_t len)
{
    struct source_text made = {0};
    char coding[CODING_MAX];
    source_text_coding(bytes, len, coding, sizeof coding);
    const bool marked = len >= strlen(BOM) && memcmp(bytes, BOM, strlen(BOM)) == 0;
    if (marked) {
        bytes += strlen(BOM);
        len -= strlen(BOM);
    }
    const char *const name = iconv_name(coding);
    if (!marked && name[0] != '\0' && strcmp(name, "UTF-8") != 0) {
        /* a coding in which ASCII is not ASCII cannot be one that the comment was read in */
        const iconv_t to_utf8 = strncmp(name, "utf-16", 6) == 0 || strncmp(name, "utf-32", 6) == 0
                                    ? (iconv_t)-1
                                    : iconv_open("UTF-8", name);
        if (to_utf8 != (iconv_t)-1) {
            made.text = arena_get(arena, GROWTH_MAX * len + sizeof REPLACEMENT + 1);
            convert(to_utf8, bytes, len, made.text, &made.len);
            iconv_close(to_utf8);
            made.len = keep_ascii(name, made.text, made.len);
        } else {
            made.unknown = arena_copy(arena, coding, strlen(coding));
        }
    }
    if (made.text == NULL) {
        made.text = arena_copy(arena, bytes, len);
        made.len = len;
    }
    made.len = end_lines(made.text, made.len);
    return made;
}
