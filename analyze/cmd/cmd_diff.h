/* SPDX-License-Identifier: MIT */
/* cmd_diff - what the parts of the command diff share. */
#ifndef PYREC_ANALYZE_CMD_DIFF_H
#define PYREC_ANALYZE_CMD_DIFF_H

#include "analyze/compare/diff.h"
#include "analyze/view/view.h"

/* Everything that lives as long as the view. */
struct sides {
    struct trace *traces[2]; /* the request's */
    struct series *series[2];
    size_t n[2];
    double *counts[2];
    double fail_on; /* share of A; < 0 = not asked */
    struct series_map *maps;
    size_t n_maps, maps_size;
    struct symbols names;
    struct diff diff;
};

/* Lines for people: how sure it is, and what is not alike on the two sides. */
void diff_add_notes(struct view *view, const struct sides *sides);

#endif
