/* SPDX-License-Identifier: MIT */
#include "date.h"

#include <stdio.h>
#include <time.h>

const char *date_print(struct arena *arena, int64_t unix_ns, unsigned parts)
{
    char date[32], ms[8] = "", zone[8] = "";
    struct tm tm;
    const time_t seconds = (time_t)(unix_ns / 1000000000);
    if (unix_ns <= 0 || localtime_r(&seconds, &tm) == NULL ||
        strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm) == 0 ||
        strftime(zone, sizeof zone, " %z", &tm) == 0)
        return NULL;
    if (parts & DATE_MS)
        snprintf(ms, sizeof ms, ".%03d", (int)(unix_ns % 1000000000 / 1000000));
    return arena_print(arena, "%s%s%s", date, ms, parts & DATE_ZONE ? zone : "");
}
