/* SPDX-License-Identifier: MIT */
/*
 * diff - two sides of recordings, row by row, and what of it is real.
 *
 * On the line:  series of both sides -> stat -> [diff] -> rows of a table
 * Threads:      one.
 * Memory:       struct diff is the caller's, zeroed before diff_build; diff_clear takes it back.
 *               Frames borrow from the names.
 *
 * With several recordings on a side, what counts is how they differ among themselves (Welch). A
 * side with one recording is taken to vary as the other does; with one on each side, the blocks
 * of time within them are all there is to go by (stat_bootstrap.h). In all cases a row varies at
 * least by what sampling itself brings, which three recordings can hide by accident.
 */
#ifndef PYREC_ANALYZE_DIFF_H
#define PYREC_ANALYZE_DIFF_H

#include "series.h"
#include "stat.h"

/* By what the numbers of a recording are divided. */
enum diff_scale {
    DIFF_TOTAL, /* 1 */
    DIFF_WALL,  /* seconds that it lasted */
    DIFF_CPU,   /* CPU seconds in it */
    DIFF_COUNT, /* what the user says */
};

struct diff_side {
    const struct series *series;
    size_t n;
    const double *counts; /* for DIFF_COUNT, > 0 */
};

struct diff_plan {
    enum series_key key;
    enum diff_scale scale;
    const struct select *select; /* its expressions choose rows, but of paths all are there */
    enum cell_unit unit;         /* of the metric */
    const struct tree *paths;    /* of SERIES_PATH: the series' own */
};

/* Rows with fewer samples on both sides together are not tested: no difference could be shown. */
#define DIFF_SAMPLES_MIN 8u

/* How sure is sure enough: of the rows that are called real, 5 % are expected to be chance. */
#define DIFF_LEVEL 0.05

struct diff_row {
    enum cell_unit unit; /* of the values */
    struct frame frame;  /* as it is on the second side, if it is there */
    uint32_t number;     /* of the series' row */
    uint32_t lines[2];   /* 0 = not there */
    double values[2];    /* means of the recordings, scaled; seconds in ns */
    uint64_t samples[2];
    struct stat_difference difference;
    double q; /* p after the correction for many rows */
    bool tested, real;
};

struct diff {
    struct diff_row *rows; /* real, then tested, then the others; large differences first */
    size_t n_rows;
    struct diff_row whole; /* all rows together, not part of the correction */
    size_t n_tested, n_real;
};

/* Series of both sides were read with the same names. */
void diff_build(struct diff *diff, const struct diff_side sides[2], const struct diff_plan *plan,
                const struct symbols *names);
void diff_clear(struct diff *diff);

/* In a word: more, less, new, gone; new?, gone?, noise where it is not real; few = not tested. */
const char *diff_verdict(const struct diff_row *row);

#endif
