/* SPDX-License-Identifier: MIT */
/*
 * share - what part of a table a row is, and how well that is known.
 *
 * On the line:  weights of a row and of its table -> [share] -> columns, the line below a table
 * Threads:      pure functions.
 *
 * The error is that of looking now and then instead of all the time: the share that an unbroken
 * look at this very recording would have found lies within share +- error in 95 of 100 cases. It
 * is the farther end of Wilson's interval for independent samples. Samples that follow each other
 * are not independent, but that errs on the safe side: a thread that is found in one place twice
 * was most likely there all the time between, and the error comes from the changes alone. What
 * another run of the program would have done is another question, and not answered here.
 *
 * Samples count differently (CPU time, missed ticks), so the number of samples is Kish's: the
 * number of equal ones that would know as much, (sum of weights)^2 / sum of squares.
 */
#ifndef PYREC_ANALYZE_SHARE_H
#define PYREC_ANALYZE_SHARE_H

#include "analyze/model/metric.h"

#include <stdbool.h>

/* Squares of times are kept in units of this, squared. */
#define SHARE_UNIT_NS 100000.0

/* What shares are of: everything in a table. */
struct basis {
    const struct metric *metric;
    struct weights total;
    struct weights squares; /* sums over samples of squares: ticks^2, (wall / SHARE_UNIT_NS)^2 .. */
};

/* With a sum of 0 under the metric nothing has a share. */
bool basis_is_empty(const struct basis *basis);

/* How many equal samples would know as much as those that have weight under the metric. */
double basis_samples(const struct basis *basis);

/* 0 to 1; the basis is not empty. */
double share_of(const struct basis *basis, const struct weights *weights);

/* The +- of a share p. */
double share_error(const struct basis *basis, double p);

/* The share that is as large as its error: what is smaller cannot be told from nothing. */
double share_noise(const struct basis *basis);

#endif
