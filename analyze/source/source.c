/* SPDX-License-Identifier: MIT */
#include "source.h"

#include "analyze/base/memory.h"
#include "analyze/base/path.h"
#include "analyze/base/plain_file.h"
#include "analyze/base/unicode.h"
#include "source_text.h"
#include "zip_member.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
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
        *stop = '\0';
        source->lines = memory_grow(source->lines, &source->lines_size, source->n_lines + 1,
                                    sizeof *source->lines);
        source->lines[source->n_lines++] = unicode_clean(&source->arena, at);
        at = next;
    }
}

/* The value of a hexadecimal digit as Python writes it; -1 = it is none. */
static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *const found = c != '\0' ? strchr(digits, c) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

/*
 * A path of bytes that are no UTF-8 is in the trace as Python's surrogateescape has it, written
 * out: "\\udcff" is the byte ff. NULL = there is none.
 */
static const char *real_path(struct arena *arena, const char *path)
{
    static const char escape[] = "\\udc";
    const size_t len = sizeof escape - 1;
    if (strstr(path, escape) == NULL)
        return NULL;
    char *const real = arena_get(arena, strlen(path) + 1);
    size_t n = 0;
    while (*path != '\0') {
        const bool escaped = strncmp(path, escape, len) == 0;
        const int high = escaped ? digit_of(path[len]) : -1;
        const int low = high >= 8 ? digit_of(path[len + 1]) : -1;
        if (low >= 0) {
            real[n++] = (char)(high << 4 | low);
            path += len + 2;
        } else {
            real[n++] = *path++;
        }
    }
    return real;
}

/* Code that no file has: why. NULL = its name is one of a file. */
static const char *why_nowhere(const char *path)
{
    const char *const name = path_name(path);
    if (strncmp(path, "<frozen ", 8) == 0)
        return "is frozen into the interpreter; its source is in the standard library's folder";
    if (strncmp(path, "<ipython-input", 14) == 0 || strncmp(path, "<ipykernel", 10) == 0)
        return "is a cell of a notebook, whose text was in the kernel's memory alone";
    if (path[0] == '<')
        return "is code that was not read from a file";
    if (strstr(path, "/ipykernel_") != NULL && access(path, F_OK) != 0 &&
        strspn(name, "0123456789") + 3 == strlen(name))
        return "is a cell of a notebook, whose text was in the kernel's memory alone";
    return NULL;
}

static enum status read_bytes(struct plain_file *file, const char *path, struct problem *why)
{
    struct stat info;
    if (stat(path, &info) != 0 && zip_archive_length(path) > 0)
        return zip_member_read(file, path, SIZE_LIMIT, why);
    return plain_file_read(file, path, SIZE_LIMIT, "source file", why);
}

enum status source_read(struct source *source, const char *path, struct problem *why)
{
    struct plain_file file;
    struct stat info;
    const char *const nowhere = why_nowhere(path);
    const char *const real = stat(path, &info) != 0 ? real_path(&source->arena, path) : NULL;
    if (nowhere != NULL)
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "%s %s", path, nowhere);
    TRY(read_bytes(&file, real != NULL ? real : path, why));
    source->path = arena_copy(&source->arena, path, strlen(path));
    source->changed_unix_ns = file.changed_unix_ns;
    if (memchr(file.bytes, '\0', file.len) != NULL) {
        free(file.bytes);
        return problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET,
                           "%s: no source of Python, which has no NUL bytes (UTF-16 has)", path);
    }
    const struct source_text made = source_text_make(&source->arena, file.bytes, file.len);
    source->unknown_coding = made.unknown;
    split(source, made.text, made.len);
    free(file.bytes);
    return STATUS_OK;
}

enum status source_find(struct source *source, const struct census *census, const char *path,
                        struct problem *why)
{
    bool is_only;
    const struct kept_source *const kept = census_find_source(census, path, &is_only);
    if (kept == NULL || memchr(kept->bytes, '\0', kept->len) != NULL)
        return source_read(source, path, why);
    const struct source_text made = source_text_make(&source->arena, kept->bytes, kept->len);
    source->path = arena_copy(&source->arena, path, strlen(path));
    source->is_kept = true;
    source->is_ambiguous = !is_only;
    split(source, made.text, made.len);
    return STATUS_OK;
}

static bool is_there(const char *path)
{
    struct stat info;
    return (stat(path, &info) == 0 && S_ISREG(info.st_mode)) || zip_archive_length(path) > 0;
}

const char *source_below(struct arena *arena, const char *folder, const char *file)
{
    for (const char *rest = file; rest != NULL; rest = strchr(rest, '/')) {
        rest += strspn(rest, "/");
        const char *const path = arena_print(arena, "%s/%s", folder, rest);
        if (rest[0] != '\0' && is_there(path))
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
