/* SPDX-License-Identifier: MIT */
/*
 * stat_bootstrap - how far would a sum be off if the recording were made again?
 *
 * On the line:  weights per time block (series) -> [stat_bootstrap] -> variance -> stat
 * Threads:      a plan is read-only once it is made.
 * Memory:       bootstrap_open gives, bootstrap_close takes; about 0.5 MB.
 *
 * Samples that follow each other are alike, so what is drawn with replacement is not samples but
 * blocks of time. And programs have phases: a block from the beginning says nothing about the
 * end. So a block is replaced only by one of its neighbours (a local block bootstrap): the
 * recording is cut into strata of BOOTSTRAP_STRATUM blocks, the last one up to twice that, and each
 * stratum is drawn from itself. Drawing W blocks out of W varies by (W - 1) / W too little; that
 * is made good.
 *
 * What it cannot see is what differs from one recording to the next but is the same all through
 * each of them. For that, several recordings are needed.
 */
#ifndef PYREC_ANALYZE_STAT_BOOTSTRAP_H
#define PYREC_ANALYZE_STAT_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

#define BOOTSTRAP_STRATUM 4u

struct bootstrap {
    size_t n_blocks, n_strata, n_replicates;
    float *factors; /* [replicate][block]: the block counts so often */
    double df;      /* what a variance from it is worth */
};

/* n_blocks >= 2. The same seed gives the same plan. */
struct bootstrap *bootstrap_open(size_t n_blocks, size_t n_replicates, uint64_t seed);
void bootstrap_close(struct bootstrap *plan);

/*
 * Blocks that follow each other can still be alike, and then the variance that a plan of this size
 * tells is too small. How much, is seen when blocks are joined to longer ones: independent ones
 * keep their variance, others gain. All rows of a recording are looked at together, and the
 * strata that vary most are left out: there a phase changes.
 */
struct bootstrap_correlation {
    double inflation; /* the true variance is so many times as large; >= 1 */
    double df;        /* what it is worth then */
};
struct bootstrap_correlation bootstrap_correlation(const double *const *rows, size_t n_rows,
                                                   size_t n_blocks);

/* The variance of the sum of x[n_blocks]. Nothing is drawn for it: of a sum it is known what any
 * number of replicates comes to. The page has the same in JavaScript (page/versus.js). */
double bootstrap_sum(const struct bootstrap *plan, const double *x);

/* The sum of w[n_blocks] in each replicate; the caller's to free. */
double *bootstrap_draw(const struct bootstrap *plan, const double *w);

/* The variance of sum(x) / sum(w), of which `drawn` are the sums by replicate; 0 when there is no
 * w. */
double bootstrap_ratio(const struct bootstrap *plan, const double *x, double sum_w,
                       const double *drawn);

#endif
