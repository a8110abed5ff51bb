/* SPDX-License-Identifier: MIT */
#include "stat_bootstrap.h"

#include "analyze/base/memory.h"
#include "stat.h"

#include <math.h>
#include <stdlib.h>

/* Numbers at random: a Weyl sequence, well mixed. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* Draw one stratum of `n` blocks for one replicate. */
static void draw(float *factors, size_t n, uint64_t *random)
{
    const double stretch = n > 1 ? sqrt((double)n / (double)(n - 1)) : 0;
    double *const counts = memory_get(n * sizeof *counts);
    for (size_t i = 0; i < n; i++)
        counts[next_random(random) % n]++;
    for (size_t i = 0; i < n; i++)
        factors[i] = (float)(1 + stretch * (counts[i] - 1));
    free(counts);
}

struct bootstrap *bootstrap_open(size_t n_blocks, size_t n_replicates, uint64_t seed)
{
    struct bootstrap *const plan = memory_get(sizeof *plan);
    const size_t n_strata = n_blocks / BOOTSTRAP_STRATUM > 0 ? n_blocks / BOOTSTRAP_STRATUM : 1;
    plan->n_strata = n_strata;
    plan->n_blocks = n_blocks;
    plan->n_replicates = n_replicates;
    plan->factors = memory_get(n_blocks * n_replicates * sizeof *plan->factors);
    plan->df = (double)(n_blocks - n_strata);
    for (size_t r = 0; r < n_replicates; r++) {
        for (size_t s = 0; s < n_strata; s++) {
            const size_t first = s * BOOTSTRAP_STRATUM;
            const size_t end = s + 1 < n_strata ? first + BOOTSTRAP_STRATUM : n_blocks;
            draw(plan->factors + r * n_blocks + first, end - first, &seed);
        }
    }
    return plan;
}

void bootstrap_close(struct bootstrap *plan)
{
    if (plan == NULL)
        return;
    free(plan->factors);
    free(plan);
}

/* Blocks are joined until this many are left; they are alike when joining adds this much. */
#define JOINED_BLOCKS_MIN 32u
#define ALIKE             1.1
/* Of the strata, this share is kept. */
#define KEPT 0.75

/* W times the variance within a stratum whose blocks are `join` blocks joined. */
static double stratum_variance(const double *x, size_t join)
{
    double sums[BOOTSTRAP_STRATUM] = {0}, mean = 0, squares = 0;
    for (size_t b = 0; b < BOOTSTRAP_STRATUM; b++) {
        for (size_t i = 0; i < join; i++)
            sums[b] += x[b * join + i];
        mean += sums[b] / BOOTSTRAP_STRATUM;
    }
    for (size_t b = 0; b < BOOTSTRAP_STRATUM; b++)
        squares += (sums[b] - mean) * (sums[b] - mean);
    return squares * BOOTSTRAP_STRATUM / (BOOTSTRAP_STRATUM - 1);
}

static int compare_doubles(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Variance per block of time, all rows together, of the quieter strata. */
static double quiet_variance(const double *const *rows, size_t n_rows, size_t n_blocks, size_t join)
{
    const size_t length = BOOTSTRAP_STRATUM * join, n = n_blocks / length;
    double *const strata = memory_get((n + 1) * sizeof *strata);
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t s = 0; s < n; s++)
            strata[s] += stratum_variance(rows[r] + s * length, join);
    }
    if (n > 1)
        qsort(strata, n, sizeof *strata, compare_doubles);
    double sum = 0;
    const size_t kept = (size_t)ceil(KEPT * (double)n);
    for (size_t s = 0; s < kept; s++)
        sum += strata[s];
    free(strata);
    return kept > 0 ? sum / (double)(kept * length) : 0;
}

struct bootstrap_correlation bootstrap_correlation(const double *const *rows, size_t n_rows,
                                                   size_t n_blocks)
{
    struct bootstrap_correlation l = {.inflation = 1};
    size_t join = 1;
    const double first = quiet_variance(rows, n_rows, n_blocks, 1);
    double now = first;
    while (first > 0 && n_blocks / (2 * join) >= JOINED_BLOCKS_MIN) {
        const double joined = quiet_variance(rows, n_rows, n_blocks, 2 * join);
        /* blocks that are the same double it; what adds more is no correlation but a phase */
        const double gain = joined < 2 * now ? joined / now : 2;
        /* what is missing halves with the length: as much again is still to come */
        l.inflation = now / first * (gain > 1 ? 2 * gain - 1 : 1);
        if (gain <= ALIKE)
            break;
        join *= 2;
        now *= gain;
    }
    l.inflation = l.inflation > 1 ? l.inflation : 1;
    const size_t left = n_blocks / join;
    l.df = (double)(left - (left / BOOTSTRAP_STRATUM > 0 ? left / BOOTSTRAP_STRATUM : 1));
    return l;
}

/* The blocks in which there is anything: of most rows, few. */
static size_t list_filled(const double *x, size_t n, size_t *filled)
{
    size_t n_filled = 0;
    for (size_t i = 0; i < n; i++) {
        if (x[i] != 0)
            filled[n_filled++] = i;
    }
    return n_filled;
}

double bootstrap_sum(const struct bootstrap *plan, const double *x)
{
    double sum = 0;
    for (size_t s = 0; s < plan->n_strata; s++) {
        const size_t first = s * BOOTSTRAP_STRATUM;
        const size_t end = s + 1 < plan->n_strata ? first + BOOTSTRAP_STRATUM : plan->n_blocks;
        sum += (double)(end - first) * stat_variance(x + first, end - first);
    }
    return sum;
}

double *bootstrap_draw(const struct bootstrap *plan, const double *w)
{
    double *const drawn = memory_get(plan->n_replicates * sizeof *drawn);
    for (size_t r = 0; r < plan->n_replicates; r++) {
        for (size_t i = 0; i < plan->n_blocks; i++)
            drawn[r] += (double)plan->factors[r * plan->n_blocks + i] * w[i];
    }
    return drawn;
}

double bootstrap_ratio(const struct bootstrap *plan, const double *x, double sum_w,
                       const double *drawn)
{
    if (sum_w <= 0)
        return 0;
    size_t *const filled = memory_get(plan->n_blocks * sizeof *filled);
    const size_t n = list_filled(x, plan->n_blocks, filled);
    double sum_x = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum_x += x[filled[i]];
    for (size_t r = 0; r < plan->n_replicates; r++) {
        const float *const factors = plan->factors + r * plan->n_blocks;
        double drawn_x = 0;
        for (size_t i = 0; i < n; i++)
            drawn_x += (double)factors[filled[i]] * x[filled[i]];
        const double ratio = drawn[r] > 0 ? drawn_x / drawn[r] : sum_x / sum_w;
        squares += (ratio - sum_x / sum_w) * (ratio - sum_x / sum_w);
    }
    free(filled);
    return squares / (double)plan->n_replicates;
}
