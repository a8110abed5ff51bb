/* SPDX-License-Identifier: MIT */
/*
 * star - a trace as tables for engines that answer questions about many: a star schema.
 *
 * On the line:  request -> [star] -> the output tables, which gives the rows a form
 * Threads:      one at a time.
 * Memory:       star_ask gives a star to the view, which frees it. Of samples it holds those of one
 *               bin and one generation; of stacks, what a profile holds (profile.h).
 *
 * docs/TABLES.md says what each column means. Every table is written for each recording by itself.
 * Numbers of functions, locations and stacks are the same in all recordings (star_key.h).
 *
 * Always true:  the weights of all rows of a thread add up to what a profile of the same selection
 *               gives it, and of a bin to that of the same range of time (--from, --to), where CPU
 *               that waited for its sample across the border is in no range; what a row refers to
 *               has a row of its own.
 */
#ifndef PYREC_ANALYZE_STAR_H
#define PYREC_ANALYZE_STAR_H

#include "analyze/ask/request.h"
#include "analyze/view/view.h"

enum star_table {
    STAR_RECORDINGS,
    STAR_PROCESSES,
    STAR_THREADS,
    STAR_FUNCTIONS,
    STAR_LOCATIONS,
    STAR_STACKS,
    STAR_WEIGHTS,
    STAR_STALLS,
    STAR_GIL,
    STAR_PHASES,
    STAR_MARKS,
    STAR_TABLES
};

struct star_column {
    const char *name;
    bool is_private; /* names, paths and words of the program: what --redact is about */
};

struct star_layout {
    const char *name;
    const struct star_column *columns;
    size_t n_columns;
};

extern const struct star_layout star_layouts[STAR_TABLES];

/* Who takes the rows. Values come in the order of the columns, and `end` behind the last. */
struct star_to {
    /* The rows that follow are of this table and recording; each pair comes once. */
    enum status (*open)(struct star_to *to, const struct star_layout *layout, const char *recording,
                        struct problem *why);
    void (*number)(struct star_to *to, int64_t value);
    void (*text)(struct star_to *to, const char *text);
    void (*nothing)(struct star_to *to); /* not known, or makes no sense here */
    void (*end)(struct star_to *to);
};

/*
 * What the options ask for; the view gets SHAPE_STAR. STATUS_USAGE for options that tables have
 * not, as they hold everything.
 */
MUST_CHECK enum status star_ask(struct request *request, struct view *view, struct problem *why);

/* Read, and hand out all rows; once. */
MUST_CHECK enum status star_write(struct star *star, struct star_to *to, struct problem *why);

#endif
