/* SPDX-License-Identifier: MIT */
#include "source.h"

#include "analyze/base/memory.h"
#include "analyze/base/plain_file.h"
#include "analyze/base/unicode.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <wchar.h>

#define SIZE_LIMIT (16 << 20)
#define TAB        8u

/* A function may have so many lines of decorators before its def. */
#define DECORATORS_MAX 30u

void source_clear(struct source *source)
{
    arena_clear(&source->arena);
    free(source->lines);
    *source = (struct source){0};
}

static void split(struct source *source, char *text, size_t len)
{
    for (char *at = text, *const end = text + len; at < end;) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        char *const next = stop != NULL ? stop + 1 : end;
        if (stop == NULL)
            stop = end;
        if (stop > at && stop[-1] == '\r')
            stop--;
        *stop = '\0';
        source->lines = memory_grow(source->lines, &source->lines_size, source->n_lines + 1,
                                    sizeof *source->lines);
        source->lines[source->n_lines++] = unicode_clean(&source->arena, at);
        at = next;
    }
}

enum status source_read(struct source *source, const char *path, struct problem *why)
{
    struct plain_file file;
    TRY(plain_file_read(&file, path, SIZE_LIMIT, "source file", why));
    source->path = arena_copy(&source->arena, path, strlen(path));
    source->changed_unix_ns = file.changed_unix_ns;
    split(source, arena_copy(&source->arena, file.bytes, file.len), file.len);
    free(file.bytes);
    return STATUS_OK;
}

const char *source_below(struct arena *arena, const char *folder, const char *file)
{
    for (const char *rest = file; rest != NULL; rest = strchr(rest, '/')) {
        struct stat info;
        rest += strspn(rest, "/");
        const char *const path = arena_print(arena, "%s/%s", folder, rest);
        if (rest[0] != '\0' && stat(path, &info) == 0 && S_ISREG(info.st_mode))
            return path;
    }
    return NULL;
}

const char *source_shown(struct arena *arena, const char *line)
{
    size_t n_tabs = 0, n = 0;
    for (const char *at = line; *at != '\0'; at++)
        n_tabs += *at == '\t';
    if (n_tabs == 0)
        return line;
    char *const shown = arena_get(arena, strlen(line) + n_tabs * TAB + 1);
    for (const char *at = line; *at != '\0'; at++) {
        if (*at != '\t') {
            shown[n++] = *at;
            continue;
        }
        do
            shown[n++] = ' ';
        while (n % TAB != 0);
    }
    shown[n] = '\0';
    return shown;
}

/* How wide the first `bytes` bytes of a line are. */
static size_t shown_width(const char *line, size_t bytes)
{
    size_t width = 0;
    for (const char *at = line; *at != '\0' && (size_t)(at - line) < bytes;) {
        uint32_t c;
        const size_t len = unicode_next(at, &c);
        const int own = len > 0 ? wcwidth((wchar_t)c) : 1;
        if (*at == '\t')
            width += TAB - width % TAB;
        else
            width += own >= 0 ? (size_t)own : 1;
        at += len > 0 ? len : 1;
    }
    return width;
}

const char *source_mark(struct arena *arena, const char *line, struct position position)
{
    const size_t len = strlen(line), blank = strspn(line, " \t");
    if (position.column == 0 || position.column > len)
        return NULL;
    size_t first = position.column - 1u, end = position.end_column - 1u;
    if (position.lines_more > 0 || end > len)
        end = len;
    if (end <= first || (first <= blank && end >= len))
        return NULL;
    const size_t before = shown_width(line, first), wide = shown_width(line, end) - before;
    char *const mark = arena_get(arena, before + wide + 1);
    memset(mark, ' ', before);
    memset(mark + before, '^', wide);
    mark[before + wide] = '\0';
    return mark;
}

/* Does `text` begin with the word, and a blank behind it? */
static const char *behind_word(const char *text, const char *word)
{
    const size_t len = strlen(word);
    text += strspn(text, " \t");
    if (strncmp(text, word, len) != 0 || (text[len] != ' ' && text[len] != '\t'))
        return NULL;
    return text + len + strspn(text + len, " \t");
}

static bool line_defines(const char *line, const char *name)
{
    const size_t len = strlen(name);
    const char *at = behind_word(line, "async");
    if (at == NULL)
        at = line;
    const char *named = behind_word(at, "def");
    if (named == NULL)
        named = behind_word(at, "class");
    return named != NULL && strncmp(named, name, len) == 0 &&
           named[len + strspn(named + len, " \t")] != '\0' && strchr("(:[ \t", named[len]) != NULL;
}

bool source_defines(const struct source *source, const char *name, uint32_t line)
{
    for (size_t i = line; i >= 1 && i <= source->n_lines && i < line + DECORATORS_MAX; i++) {
        const char *const text = source->lines[i - 1];
        if (line_defines(text, name))
            return true;
        if (i == line && text[strspn(text, " \t")] != '@')
            return false;
    }
    return false;
}
