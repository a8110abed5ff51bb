/* SPDX-License-Identifier: MIT */
#include "stat.h"

#include "analyze/base/memory.h"

#include <math.h>
#include <stdlib.h>

/* From here on t and the normal distribution are the same to seven digits. */
#define DF_NORMAL      1e7
#define FRACTION_TERMS 400
#define CONFIDENCE     0.95

/*
 * The regularized incomplete beta function by its continued fraction, from the last term kept to
 * the first. It converges for x below (a + 1) / (a + b + 2); beyond, the other tail is taken.
 */
static double beta_fraction(double a, double b, double x)
{
    double f = 1;
    for (int k = FRACTION_TERMS; k > 0; k--) {
        const int m = k / 2;
        const double d = k % 2 == 0 ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
                                    : -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        f = 1 + d / f;
    }
    const double log_front =
        a * log(x) + b * log1p(-x) + lgamma(a + b) - lgamma(a) - lgamma(b) - log(a);
    return exp(log_front) / f;
}

static double beta_regularized(double a, double b, double x)
{
    if (x <= 0)
        return 0;
    if (x >= 1)
        return 1;
    return x < (a + 1) / (a + b + 2) ? beta_fraction(a, b, x) : 1 - beta_fraction(b, a, 1 - x);
}

double stat_t_tails(double t, double df)
{
    if (isinf(t))
        return 0;
    if (df >= DF_NORMAL)
        return erfc(fabs(t) / sqrt(2));
    return beta_regularized(df / 2, 0.5, df / (df + t * t));
}

double stat_t_quantile(double tails, double df)
{
    double low = 0, high = 2;
    while (stat_t_tails(high, df) > tails && high < 1e300)
        high *= 2;
    for (int i = 0; i < 60 && high - low > 1e-12 * high; i++) {
        const double middle = (low + high) / 2;
        if (stat_t_tails(middle, df) > tails)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

double stat_mean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return n > 0 ? sum / (double)n : 0;
}

double stat_variance(const double *x, size_t n)
{
    const double mean = stat_mean(x, n);
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    return n > 1 ? squares / (double)(n - 1) : 0;
}

struct stat_difference stat_compare(const struct stat_side *first, const struct stat_side *second)
{
    struct stat_difference d = {.value = second->mean - first->mean};
    const double u = first->variance, v = second->variance;
    if (u + v <= 0) {
        d.p = d.value != 0 ? 0 : 1;
        return d;
    }
    const double df = (u + v) * (u + v) / (u * u / first->df + v * v / second->df);
    d.margin = stat_t_quantile(1 - CONFIDENCE, df) * sqrt(u + v);
    d.p = stat_t_tails(d.value / sqrt(u + v), df);
    return d;
}

struct ranked {
    double p;
    size_t index;
};

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *const a = left, *const b = right;
    return (a->p < b->p) - (a->p > b->p); /* largest first */
}

void stat_adjust(const double *p, double *q, size_t n)
{
    struct ranked *const ranked = memory_get(n * sizeof *ranked);
    double least = 1;
    for (size_t i = 0; i < n; i++)
        ranked[i] = (struct ranked){p[i], i};
    if (n > 1)
        qsort(ranked, n, sizeof *ranked, compare_ranked);
    for (size_t i = 0; i < n; i++) {
        const double scaled = ranked[i].p * (double)n / (double)(n - i);
        least = scaled < least ? scaled : least;
        q[ranked[i].index] = least;
    }
    free(ranked);
}
