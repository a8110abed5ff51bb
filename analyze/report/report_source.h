/* SPDX-License-Identifier: MIT */
/*
 * report_source - the source code that goes into a page: of the hottest files the functions seen.
 *
 * On the line:  report -> [report_source] -> page
 * Memory:       struct report_sources is the caller's, zeroed before; report_sources_clear takes it
 *               back.
 * Loss:         at most REPORT_FILES_MAX files and REPORT_TEXT_MAX bytes, the hottest first; of
 *               those what cannot be read is listed with the reason.
 */
#ifndef PYREC_ANALYZE_REPORT_SOURCE_H
#define PYREC_ANALYZE_REPORT_SOURCE_H

#include "report_runs.h"

#define REPORT_FILES_MAX 40u
#define REPORT_TEXT_MAX  1000000u

/* Lines first .. first + n - 1. */
struct report_piece {
    uint32_t first, n;
    const char *text; /* with a newline behind each line */
};

struct report_file {
    const char *file; /* as in the scene's symbols: the same pointer */
    struct report_piece *pieces;
    size_t n_pieces, pieces_size;
    const char *doubt; /* why it may not be what was recorded; NULL = no doubt */
};

struct report_missing {
    const char *file, *why; /* why without the path */
};

struct report_sources {
    struct arena arena;
    struct report_file *files;
    size_t n_files, files_size;
    size_t n_lines, n_bytes;
    struct report_missing *missing; /* of the hottest ones; the hottest first */
    size_t n_missing, missing_size;
};

/* `folder` is where sources are looked for instead of their paths, NULL = at their paths. */
void report_sources_read(struct report_sources *sources, const struct report *report,
                         const struct census *census, const char *folder);
void report_sources_clear(struct report_sources *sources);

#endif
