/* SPDX-License-Identifier: MIT */
#include "spelling.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t spelling_distance(const char *a, const char *b)
{
    const size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > SPELLING_MAX || b_len > SPELLING_MAX)
        return SIZE_MAX;
    size_t rows[3][SPELLING_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *const row = rows[i % 3];
        const size_t *const up = rows[(i + 2) % 3], *const two_up = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] = least(least(row[j - 1], up[j]) + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], two_up[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

bool spelling_is_ascii(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *const value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            return strcasestr(value, "utf-8") == NULL && strcasestr(value, "utf8") == NULL;
    }
    return true;
}

size_t spelling_escape(char to[SPELLING_ESCAPE], uint32_t character)
{
    const char *const form = character > 0xffff ? "\\U%08" PRIx32
                             : character > 0xff ? "\\u%04" PRIx32
                                                : "\\x%02" PRIx32;
    return (size_t)snprintf(to, SPELLING_ESCAPE, form, character);
}
