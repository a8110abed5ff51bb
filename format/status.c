/* SPDX-License-Identifier: MIT */
#include "status.h"
#include <stdarg.h>
#include <stdio.h>

const char *status_text(enum status status)
{
    static const char *const texts[] = {
#define STATUS_TEXT(name, text) [STATUS_##name] = text,
        STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
    };
    return (size_t)status < ARRAY_LEN(texts) ? texts[status] : "unknown status";
}

enum status problem_set(struct problem *why, enum status status, uint64_t offset,
                        const char *format, ...)
{
    if (why == NULL)
        return status;
    why->status = status;
    why->offset = offset;
    va_list args;
    va_start(args, format);
    vsnprintf(why->detail, sizeof(why->detail), format, args);
    va_end(args);
    return status;
}
