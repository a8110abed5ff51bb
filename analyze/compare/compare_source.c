/* SPDX-License-Identifier: MIT */
/* Which lines of a program call a function that is not Python. */
#include "compare.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "<method 'append' of 'list' objects>", "<built-in method builtins.len>", "list.append" */
void compare_called_name(const char *name, char *called, size_t size)
{
    const char *start = strchr(name, '\'');
    size_t len;
    if (start != NULL) {
        len = strcspn(++start, "'");
    } else {
        len = strcspn(name, ">");
        start = name + len;
        while (start > name && (isalnum((unsigned char)start[-1]) || start[-1] == '_'))
            start--;
        len -= (size_t)(start - name);
    }
    snprintf(called, size, "%.*s", (int)len, start);
}

bool compare_source_open(struct compare_source *source, const char *path)
{
    struct problem why = {0};
    if (source->path != NULL && strcmp(source->path, path) == 0)
        return source->is_there;
    compare_source_clear(source);
    source->path = strdup(path);
    source->is_there = source_read(&source->source, path, &why) == STATUS_OK;
    return source->is_there;
}

void compare_source_clear(struct compare_source *source)
{
    free(source->path);
    source_clear(&source->source);
    *source = (struct compare_source){0};
}

/* Of letters that are not ASCII each byte is; Python has no other use for them outside of texts. */
static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

bool compare_source_calls(struct compare_source *source, const char *path, uint32_t line,
                          const char *called)
{
    const size_t len = strlen(called);
    if (len == 0 || line == 0 || !compare_source_open(source, path) ||
        line > source->source.n_lines)
        return false;
    const char *const start = source->source.lines[line - 1];
    const char *at = start;
    while ((at = strstr(at, called)) != NULL) {
        const char *const behind = at + len + strspn(at + len, " \t");
        if (*behind == '(' && (at == start || !is_name(at[-1])))
            return true;
        at += len;
    }
    return false;
}
