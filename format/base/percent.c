/* SPDX-License-Identifier: MIT */
#include "percent.h"

#include <string.h>

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *const at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) % 16 : -1;
}

bool percent_decode(char *text, size_t *len)
{
    size_t to = 0;
    for (size_t from = 0; from < *len; to++) {
        if (text[from] != '%') {
            text[to] = text[from++];
            continue;
        }
        const bool is_whole = *len - from > 2;
        const int high = is_whole ? hex_digit(text[from + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[from + 2]) : -1;
        if (low < 0)
            return false;
        text[to] = (char)(high * 16 + low);
        from += 3;
    }
    *len = to;
    return true;
}
