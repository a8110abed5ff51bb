/* SPDX-License-Identifier: MIT */
/*
 * gecko_markers - what the program says of itself, as the Firefox Profiler shows it.
 *
 * On the line:  phases, labels and marks of a thread -> [gecko_markers] -> gecko
 * Threads:      any, with a sink and a table each.
 * Memory:       none; names go into the caller's table of texts.
 *
 * A phase or a label is a marker with a beginning and an end, in the thread that began it; one that
 * has no end in the recording is one that has only begun. A mark is a marker of a moment.
 */
#ifndef PYREC_ANALYZE_GECKO_MARKERS_H
#define PYREC_ANALYZE_GECKO_MARKERS_H

#include "analyze/cli/output.h"
#include "analyze/out/text/text_table.h"

struct gecko_markers {
    struct sink *to;
    struct text_table *strings; /* of the file */
    uint64_t from_ns;           /* what began before is not in it */
    unsigned category;          /* of all of them */
};

/* Number the names, before the file's texts are written. */
void gecko_markers_number(const struct gecko_markers *m, const struct course *course);

/* "markerSchema" of the file: what the front end shows where. */
void gecko_markers_schema(struct sink *to);

/* "markers" of a thread. */
void gecko_markers_write(const struct gecko_markers *m, const struct course *course);

#endif
