/* SPDX-License-Identifier: MIT */
/*
 * stat - is a difference more than chance?
 *
 * On the line:  under diff; plain numbers in, plain numbers out.
 * Threads:      any.
 *
 * Student's t throughout: the variances are estimated, often from two or three recordings.
 */
#ifndef PYREC_ANALYZE_STAT_H
#define PYREC_ANALYZE_STAT_H

#include <stddef.h>

/* Chance of |t| or more by accident, with `df` > 0 degrees of freedom (not only whole ones). */
double stat_t_tails(double t, double df);

/* The t whose two tails have this chance together: 0 < tails < 1. */
double stat_t_quantile(double tails, double df);

double stat_mean(const double *x, size_t n);

/* Of the values, with n - 1 below; 0 when n < 2. */
double stat_variance(const double *x, size_t n);

/* What is known about one side's mean: the variance of the mean itself, not of the values. */
struct stat_side {
    double mean, variance, df;
};

struct stat_difference {
    double value;  /* second side minus first */
    double margin; /* the 95 % interval is value +- margin */
    double p;      /* chance of a value as far from 0 if there is no difference */
};

/*
 * After Welch: the sides need not vary alike; Satterthwaite's degrees of freedom. Without any
 * variance a difference is certain (p = 0), and none is certainly none (p = 1).
 */
struct stat_difference stat_compare(const struct stat_side *first, const struct stat_side *second);

/*
 * Benjamini and Hochberg: q[i] <= 0.05 picks rows of which at most one in twenty is expected to
 * be chance, however many rows are looked at. q may be p.
 */
void stat_adjust(const double *p, double *q, size_t n);

#endif
