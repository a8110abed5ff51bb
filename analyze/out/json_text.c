/* SPDX-License-Identifier: MIT */
#include "json_text.h"

#include <inttypes.h>

void json_text(struct sink *to, const char *text)
{
    FILE *const file = to->file;
    putc('"', file);
    for (const char *at = text; *at != '\0'; at++) {
        const unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\')
            putc('\\', file);
        /* Those beyond ASCII are 0xc2 and the character itself; some terminals obey them. */
        const unsigned char next = (unsigned char)at[1];
        if (c < 0x20 || c == 0x7f)
            fprintf(file, "\\u%04x", c);
        else if (c == 0xc2 && next >= 0x80 && next < 0xa0)
            fprintf(file, "\\u%04x", (unsigned char)*++at);
        else
            putc(c, file);
    }
    putc('"', file);
}

void json_member(struct sink *to, const char *name, const char *text)
{
    json_text(to, name);
    putc(':', to->file);
    json_text(to, text);
}

void json_texts(struct sink *to, const char *name, const char *const *texts, size_t n)
{
    json_text(to, name);
    sink_text(to, ":[");
    for (size_t i = 0; i < n; i++) {
        sink_text(to, i > 0 ? "," : "");
        json_text(to, texts[i]);
    }
    sink_text(to, "]");
}

void json_time(struct sink *to, uint64_t ns, int digits)
{
    uint64_t unit = 1;
    for (int i = 0; i < digits; i++)
        unit *= 10;
    uint64_t rest = ns % unit;
    sink_print(to, "%" PRIu64, ns / unit);
    if (rest == 0)
        return;
    for (; rest % 10 == 0; digits--)
        rest /= 10;
    sink_print(to, ".%0*" PRIu64, digits, rest);
}

void json_weight(struct sink *to, const struct metric *metric, uint64_t weight, int digits)
{
    json_time(to, weight, metric->unit == UNIT_SECONDS ? digits : 0);
}
