/* SPDX-License-Identifier: MIT */
/*
 * annotate - what the lines of a source file, and the expressions in them, took.
 *
 * On the line:  profile (with expressions) + source -> [annotate] -> rows of a table
 * Memory:       in the view's arena.
 *
 * Rows are in the order of the file. A line's weights are those of all functions that have code in
 * it; cum counts a stack once, however often the line is in it. Expressions follow their line, the
 * heaviest first; they are parts of it and not counted again.
 */
#ifndef PYREC_ANALYZE_ANNOTATE_H
#define PYREC_ANALYZE_ANNOTATE_H

#include "analyze/view/view.h"
#include "analyze/weigh/profile.h"
#include "source.h"

/* Of a row. */
struct source_row {
    const char *text; /* NULL = not known */
    struct position position;
};

struct annotate_wish {
    uint32_t module; /* the file: number in symbols->modules */
    bool all_lines;  /* else those that took something, and some around them */
    uint32_t around;
    bool machine; /* only what took something, expressions with their line, no marks */
};

/* Add a group without heading for the file; `source` is NULL when it cannot be read. */
struct group *annotate_add(struct view *view, const struct profile *profile,
                           const struct basis *basis, const struct source *source,
                           const struct annotate_wish *wish);

/*
 * Is the source what was recorded? NULL, or one line that says why not: changed since the process
 * began, or what the trace names is not there.
 */
const char *annotate_doubt(struct arena *arena, const struct profile *profile, uint32_t module,
                           const struct source *source);

#endif
