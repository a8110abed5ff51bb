/* SPDX-License-Identifier: MIT */
/*
 * source - a file of source code, line by line, as it is now, or as the trace has it.
 *
 * On the line:  a file that the user named -> [source] -> annotate
 * Memory:       struct source is the caller's, zeroed before source_read; source_clear takes it
 *               back.
 * Loss:         only plain files and members of zip archives of at most 16 MiB are read: a trace
 *               can hold any path.
 */
#ifndef PYREC_ANALYZE_SOURCE_H
#define PYREC_ANALYZE_SOURCE_H

#include "analyze/base/arena.h"
#include "analyze/model/cell.h"
#include "analyze/model/census.h"
#include "format/status.h"

struct source {
    struct arena arena;
    const char *path;
    const char **lines; /* line n is lines[n - 1]; clean UTF-8, tabs as they are */
    size_t n_lines, lines_size;
    int64_t changed_unix_ns;
    bool is_kept;               /* it was in the trace .. */
    bool is_ambiguous;          /* .. with other texts of that name, this is the newest */
    const char *unknown_coding; /* that the file says it is written in; NULL = it was read */
};

/* STATUS_IO says in one line why it cannot be read. */
MUST_CHECK enum status source_read(struct source *source, const char *path, struct problem *why);

/* The same of a file whose text the trace has, if it has; that is what ran, whatever is there now.
 */
MUST_CHECK enum status source_find(struct source *source, const struct census *census,
                                   const char *path, struct problem *why);
void source_clear(struct source *source);

/* The path of `file` below `folder`: with as much of its own path as there is; NULL = none. */
const char *source_below(struct arena *arena, const char *folder, const char *file);

/* A line as it is shown: tabs as blanks. */
const char *source_shown(struct arena *arena, const char *line);

/*
 * As many carets as an expression is wide, below where it stands in source_shown(line); NULL when
 * that is the whole line or not in it.
 */
const char *source_mark(struct arena *arena, const char *line, struct position position);

/* Does a function or class of that name begin at the line, or its decorators? */
bool source_defines(const struct source *source, const char *name, uint32_t line);

#endif
