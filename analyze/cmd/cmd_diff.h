/* SPDX-License-Identifier: MIT */
/* cmd_diff - what the parts of the command diff share. */
#ifndef PYREC_ANALYZE_CMD_DIFF_H
#define PYREC_ANALYZE_CMD_DIFF_H

#include "analyze/ask/request.h"
#include "analyze/compare/diff.h"
#include "analyze/view/view.h"

/* Everything that both sides are, whatever is compared. */
struct sides {
    struct trace *traces[2]; /* the request's */
    size_t n[2];             /* recordings */
    double *counts[2];
    double fail_on; /* share of A; < 0 = not asked */
    struct series_map *maps;
    size_t n_maps, maps_size;
};

/* The two sides, row by row: rows of one kind. */
struct comparison {
    enum series_key key;
    bool cumulative;
    struct series *series[2];
    struct symbols names;
    struct tree paths; /* of SERIES_PATH */
    struct diff diff;
};

/*
 * Fill comparisons of which key and `cumulative` are set, the rest is zeroed; the traces are read
 * once for all. comparison_clear takes each back.
 */
void comparisons_make(struct comparison *list, size_t n, const struct sides *sides,
                      const struct request *request);
void comparison_clear(struct comparison *comparison, const struct sides *sides);

/* As on the command line. */
const char *comparison_key_name(const struct comparison *comparison);

/* Its rows, the one for everything first. */
void comparison_fill_view(struct view *view, const struct comparison *comparison,
                          const struct sides *sides, const struct request *request);

/*
 * Lines for people: how sure it is, what is not alike on the two sides, and what is in no row.
 */
void diff_add_notes(struct view *view, const struct sides *sides,
                    const struct comparison *comparison, const struct request *request);

/*
 * What a page of it has: set the keys of all comparisons, and return how many there are. The first
 * is the one that was asked for.
 */
#define DIFF_COMPARISONS_MAX 8u
size_t diff_page_plan(struct comparison *list);

/* Everything that it needs besides, until the view is cleared. */
struct diff_page;
MUST_CHECK enum status diff_page_fill(struct diff_page **page, struct view *view,
                                      const struct sides *sides, const struct comparison *list,
                                      size_t n, const struct request *request, struct problem *why);
void diff_page_free(struct diff_page *page);

#endif
