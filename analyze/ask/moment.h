/* SPDX-License-Identifier: MIT */
/*
 * moment - a point in time as the user says it, and what it is on a trace's clock.
 *
 * On the line:  --from, --to -> [moment] -> struct window of the trace
 * Memory:       values only.
 *
 * Spellings: "12.5", "12.5s", "2m", "1h30m" since the start of the recording; "-30s" before its
 * end; "14:03:05.5", a time of day; "2026-05-06 14:03" or "2026-05-06T14:03:05Z", a date. Without
 * a zone, times of day and dates are those of the place where they are asked (TZ).
 */
#ifndef PYREC_ANALYZE_MOMENT_H
#define PYREC_ANALYZE_MOMENT_H

#include "format/status.h"

#include "analyze/base/wall.h"

#include <stdbool.h>
#include <stdint.h>

#define MOMENT_HELP "12.5, 2m, -30s, 14:03:05 or \"2026-05-06 14:03\""

enum moment_kind {
    MOMENT_SINCE_START, /* ns after it */
    MOMENT_BEFORE_END,  /* ns before it */
    MOMENT_OF_DAY,      /* ns after midnight, by the local clock */
    MOMENT_DATE,        /* ns since 1970 in UTC */
};

struct moment {
    enum moment_kind kind;
    int64_t ns;
};

/* STATUS_USAGE when `text` is no time; `option` is what it was given to. */
MUST_CHECK enum status moment_parse(struct moment *moment, const char *option, const char *text,
                                    struct problem *why);

/* A recording, as far as times of day go. */
struct moment_span {
    int64_t start_unix_ns;
    uint64_t end_ns;         /* how long it is */
    const struct wall *wall; /* when the clock was set meanwhile, settled */
};

/*
 * In ns since the start of the recording; negative before it. A time of day is the first one that
 * lies within the recording, or, where none does, that of the day on which it began. A time that
 * the clock showed twice, because it was set back, is the first one; one that it never showed,
 * because it was set forward over it, is the moment at which it was set.
 */
int64_t moment_resolve(const struct moment *moment, const struct moment_span *span);

/* Does what it means depend on the wall clock? */
bool moment_is_absolute(const struct moment *moment);

#endif
