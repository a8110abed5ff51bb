/* SPDX-License-Identifier: MIT */
/*
 * date - moments of the calendar, in the local time of whoever reads.
 *
 * On the line:  commands: a time of a recording -> [date] -> a cell's text
 * Threads:      any (localtime_r).
 * Memory:       the text is in the arena that is given.
 */
#ifndef PYREC_ANALYZE_DATE_H
#define PYREC_ANALYZE_DATE_H

#include "arena.h"

#include <stdint.h>

enum date_part {
    DATE_MS = 1,   /* milliseconds */
    DATE_ZONE = 2, /* how far from UTC */
};

/* "2026-02-28 23:59:59.999 +0100", with the parts asked for; NULL when the moment is not known. */
const char *date_print(struct arena *arena, int64_t unix_ns, unsigned parts);

#endif
