/* SPDX-License-Identifier: MIT */
/*
 * closing - the one line about a recording that has ended, or could not begin.
 *
 * On the line:  collect's totals -> [closing] -> stderr, by main
 * Threads:      any.
 */
#ifndef PYREC_RECORD_CLOSING_H
#define PYREC_RECORD_CLOSING_H

#include "record/cli/settings.h"
#include "record/collect/collect.h"
#include <limits.h>

/* What the line is made of. */
struct closing {
    const char *output; /* the trace's name */
    const char *path;   /* of the command */
    uint64_t duration_ns;
    uint64_t file_bytes;
    uint64_t collector_cpu_ns;
    bool is_too_early;             /* recording had not begun yet */
    const struct collect *collect; /* its totals */
};

/*
 * What the closing line calls the trace: the file, or the first one and how many there are.
 */
void closing_output(char name[PATH_MAX], const struct settings *settings, const struct emit *emit);

/* Why nothing is recorded, to begin with; `output` is NULL where it is not the file's fault. */
void closing_refusal(char *line, size_t size, const char *output, const char *why,
                     bool is_attached);

/* The name of the last one. */
void closing_newest(char name[PATH_MAX], const struct settings *settings, const struct emit *emit);

void closing_write(char *line, size_t size, const struct closing *closing);

#endif
