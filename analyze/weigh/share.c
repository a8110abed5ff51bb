/* SPDX-License-Identifier: MIT */
#include "share.h"

#include <math.h>

/* 95 % of a normal distribution lie within this many standard deviations. */
#define Z 1.959964

bool basis_is_empty(const struct basis *basis)
{
    return basis->metric->of(&basis->total) == 0;
}

double basis_samples(const struct basis *basis)
{
    const double unit = basis->metric->unit == UNIT_SECONDS ? SHARE_UNIT_NS : 1;
    const double sum = (double)basis->metric->of(&basis->total) / unit;
    const double squares = (double)basis->metric->of(&basis->squares);
    const double all = (double)weights_sum(&basis->total).samples;
    if (squares <= 0 || sum * sum > squares * all) /* rounded: there are not more than that */
        return all > 1 ? all : 1;
    return sum * sum > squares ? sum * sum / squares : 1;
}

double share_of(const struct basis *basis, const struct weights *weights)
{
    return (double)basis->metric->of(weights) / (double)basis->metric->of(&basis->total);
}

double share_error(const struct basis *basis, double p)
{
    const double c = Z * Z / basis_samples(basis);
    const double inside = p > 0 && p < 1 ? p * (1 - p) : 0;
    return (sqrt(c * inside + c * c / 4) + c * fabs(0.5 - p)) / (1 + c);
}

double share_noise(const struct basis *basis)
{
    /* p == share_error(p), solved for p */
    const double c = Z * Z / basis_samples(basis);
    const double p = 2 * c * (1 + c) / ((1 + 2 * c) * (1 + 2 * c) + c);
    return p < 1 ? p : 1;
}
