/* SPDX-License-Identifier: MIT */
/* Which lines of a program call a function that is not Python. */
#include "compare.h"

#include "analyze/base/memory.h"
#include "analyze/base/plain_file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file of source that is larger is none. */
#define SOURCE_MAX (16u << 20)

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
    if (source->path != NULL && strcmp(source->path, path) == 0)
        return source->text != NULL;
    compare_source_clear(source);
    source->path = memory_get(strlen(path) + 1);
    strcpy(source->path, path);
    struct plain_file file;
    struct problem why = {0};
    if (plain_file_read(&file, path, SOURCE_MAX, "source file", &why) != STATUS_OK)
        return false;
    source->text = file.bytes;
    return true;
}

void compare_source_clear(struct compare_source *source)
{
    free(source->path);
    free(source->text);
    *source = (struct compare_source){0};
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

bool compare_source_calls(struct compare_source *source, const char *path, uint32_t line,
                          const char *called)
{
    const size_t len = strlen(called);
    if (len == 0 || line == 0 || !compare_source_open(source, path))
        return false;
    const char *at = source->text;
    for (uint32_t n = 1; n < line; n++) {
        at = strchr(at, '\n');
        if (at == NULL)
            return false;
        at++;
    }
    const char *const start = at, *const end = at + strcspn(at, "\n");
    while ((at = strstr(at, called)) != NULL && at + len <= end) {
        const char *const behind = at + len + strspn(at + len, " ");
        if (*behind == '(' && (at == start || !is_name(at[-1])))
            return true;
        at += len;
    }
    return false;
}
