/* SPDX-License-Identifier: MIT */
#include "analyze/compare/stat.h"
#include "analyze/compare/stat_bootstrap.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

/* Two tails; from tables of Student's t. */
static const struct {
    double df, t, tails;
} known_t[] = {
    {1, 12.7062047364, 0.05},  {2, 4.3026527297, 0.05},   {4, 2.7764451052, 0.05},
    {10, 2.2281388520, 0.05},  {30, 2.0422724563, 0.05},  {120, 1.9799304051, 0.05},
    {1e9, 1.9599639845, 0.05}, {1, 63.6567411629, 0.01},  {5, 4.0321429836, 0.01},
    {60, 2.6602830288, 0.01},  {3, 12.9239786367, 0.001}, {7, 0, 1},
};

START_TEST(students_t)
{
    for (size_t i = 0; i < sizeof known_t / sizeof *known_t; i++) {
        const double df = known_t[i].df, t = known_t[i].t, tails = known_t[i].tails;
        ck_assert_double_eq_tol(stat_t_tails(t, df), tails, 1e-9);
        ck_assert_double_eq_tol(stat_t_tails(-t, df), tails, 1e-9);
        if (tails < 1)
            ck_assert_double_eq_tol(stat_t_quantile(tails, df), t, 1e-8 * t);
    }
    /* t = 1 with one degree of freedom is 45 degrees of an arc: exactly half */
    ck_assert_double_eq_tol(stat_t_tails(1, 1), 0.5, 1e-12);
    /* with two there is a closed form */
    ck_assert_double_eq_tol(stat_t_tails(1.5, 2), 1 - 1.5 / sqrt(2 + 1.5 * 1.5), 1e-12);
    ck_assert_double_eq(stat_t_tails(0.3, 4.5), stat_t_tails(-0.3, 4.5));
    ck_assert_double_eq(stat_t_tails(INFINITY, 3), 0);
    /* far out nothing is lost to rounding */
    ck_assert(stat_t_tails(40, 100) > 0 && stat_t_tails(40, 100) < 1e-50);
}
END_TEST

START_TEST(mean_and_variance)
{
    const double x[] = {2, 4, 4, 4, 5, 5, 7, 9};
    ck_assert_double_eq(stat_mean(x, 8), 5);
    ck_assert_double_eq_tol(stat_variance(x, 8), 32.0 / 7, 1e-12);
    ck_assert_double_eq(stat_variance(x, 1), 0);
    ck_assert_double_eq(stat_mean(x, 0), 0);
}
END_TEST

/* Samples of unlike size and spread: what R's t.test says of them. */
START_TEST(welch)
{
    const double a[] = {19.8, 20.4, 19.6, 17.8, 18.5, 18.9, 18.3, 18.9, 19.5, 22.0};
    const double b[] = {28.2, 26.6, 20.1, 23.3, 25.2, 22.1, 17.7, 27.6, 20.6, 13.7,
                        23.2, 17.5, 20.6, 18.0, 23.9, 21.6, 24.3, 20.4, 24.0, 13.2};
    const struct stat_side first = {stat_mean(a, 10), stat_variance(a, 10) / 10, 9};
    const struct stat_side second = {stat_mean(b, 20), stat_variance(b, 20) / 20, 19};
    const struct stat_difference d = stat_compare(&first, &second);
    ck_assert_double_eq_tol(d.value, 2.22, 1e-12);
    ck_assert_double_eq_tol(d.p, 0.035972271029797, 1e-9);
    ck_assert_double_eq_tol(d.margin, 2.062394, 1e-5);
}
END_TEST

START_TEST(sides_alike)
{
    /* equal sizes and variances: Welch is Student with n + n - 2 degrees of freedom */
    const struct stat_side first = {10, 0.5, 4}, second = {12, 0.5, 4};
    const struct stat_difference d = stat_compare(&first, &second);
    ck_assert_double_eq_tol(d.p, stat_t_tails(2, 8), 1e-12);
    ck_assert_double_eq_tol(d.margin, 2.3060041350, 1e-8);
}
END_TEST

START_TEST(no_variance)
{
    const struct stat_side first = {10, 0, 1}, second = {12, 0, 1};
    ck_assert_double_eq(stat_compare(&first, &second).p, 0);
    ck_assert_double_eq(stat_compare(&first, &first).p, 1);
    ck_assert_double_eq(stat_compare(&first, &second).margin, 0);
    const struct stat_side noisy = {12, 1, 5};
    ck_assert_double_eq_tol(stat_compare(&first, &noisy).p, stat_t_tails(2, 5), 1e-12);
}
END_TEST

START_TEST(false_discoveries)
{
    /* the worked example of the method's authors: 15 tests, of which four hold */
    const double p[] = {0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                        0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.000};
    double q[15];
    size_t n_real = 0;
    stat_adjust(p, q, 15);
    for (int i = 0; i < 15; i++)
        n_real += q[i] <= 0.05;
    ck_assert_uint_eq(n_real, 4);
    ck_assert_double_eq_tol(q[0], 0.0015, 1e-12);
    ck_assert_double_eq_tol(q[3], 0.0095 * 15 / 4, 1e-12);
    ck_assert_double_eq_tol(q[5], 0.0298 * 15 / 7, 1e-12); /* no larger than the one behind it */
    ck_assert_double_eq(q[14], 1);

    double mixed[] = {0.04, 0.001, 0.03};
    stat_adjust(mixed, mixed, 3); /* in place, in any order */
    ck_assert_double_eq_tol(mixed[0], 0.04, 1e-12);
    ck_assert_double_eq_tol(mixed[1], 0.003, 1e-12);
    ck_assert_double_eq_tol(mixed[2], 0.04, 1e-12);
    stat_adjust(NULL, NULL, 0);
}
END_TEST

/* What resampling tends to: per stratum, W times the variance within it. */
static double expected_variance(const double *x, size_t n)
{
    double sum = 0;
    const size_t n_strata = n / BOOTSTRAP_STRATUM;
    for (size_t s = 0; s < n_strata; s++) {
        const size_t first = s * BOOTSTRAP_STRATUM;
        const size_t end = s + 1 < n_strata ? first + BOOTSTRAP_STRATUM : n;
        sum += (double)(end - first) * stat_variance(x + first, end - first);
    }
    return sum;
}

START_TEST(bootstrap_of_sums)
{
    double x[130];
    uint32_t random = 12345;
    for (int i = 0; i < 130; i++) {
        random = random * 1664525u + 1013904223u;
        x[i] = (double)(random >> 16) / 65536 + (i < 65 ? 0 : 10); /* noise on two phases */
    }
    struct bootstrap *const plan = bootstrap_open(130, 4000, 1);
    const double wanted = expected_variance(x, 130);
    ck_assert_double_eq_tol(bootstrap_sum(plan, x), wanted, 1e-9 * wanted);
    ck_assert_double_eq(plan->df, 130 - 32);
    /* the phase costs the one stratum it changes in, not the whole */
    ck_assert(wanted < 130 * 100 / 4.0 / 10);
    bootstrap_close(plan);
}
END_TEST

START_TEST(bootstrap_is_the_same_again)
{
    const double x[] = {1, 2, 3, 4, 5, 6, 7, 80, 9}, w[] = {9, 8, 7, 6, 5, 4, 3, 2, 1};
    struct bootstrap *const a = bootstrap_open(9, 500, 7), *const b = bootstrap_open(9, 500, 7);
    double *const drawn_a = bootstrap_draw(a, w), *const drawn_b = bootstrap_draw(b, w);
    ck_assert_double_eq(bootstrap_ratio(a, x, 45, drawn_a), bootstrap_ratio(b, x, 45, drawn_b));
    free(drawn_a);
    free(drawn_b);
    bootstrap_close(a);
    bootstrap_close(b);
}
END_TEST

START_TEST(bootstrap_of_ratios)
{
    double x[64], w[64], same[64], e[64], sum_x = 0, sum_w = 0;
    uint32_t random = 99;
    for (int i = 0; i < 64; i++) {
        random = random * 1664525u + 1013904223u;
        w[i] = 50 + (double)(random >> 24);
        random = random * 1664525u + 1013904223u;
        x[i] = w[i] * (0.2 + (double)(random >> 24) / 2560);
        same[i] = 0.3 * w[i];
        sum_x += x[i];
        sum_w += w[i];
    }
    struct bootstrap *const plan = bootstrap_open(64, 4000, 3);
    /* a constant share does not vary, however the whole does */
    double *const drawn = bootstrap_draw(plan, w);
    ck_assert_double_eq_tol(bootstrap_ratio(plan, same, sum_w, drawn), 0, 1e-18);
    /* else as the residuals do, to first order */
    for (int i = 0; i < 64; i++)
        e[i] = (x[i] - sum_x / sum_w * w[i]) / sum_w;
    const double wanted = expected_variance(e, 64);
    ck_assert_double_eq_tol(bootstrap_ratio(plan, x, sum_w, drawn), wanted, 0.1 * wanted);
    const double none[64] = {0};
    ck_assert_double_eq(bootstrap_ratio(plan, none, 0, none), 0);
    ck_assert_double_eq(bootstrap_sum(plan, none), 0);
    /* a share in few blocks, as most rows have: of the same draws, whatever is left out */
    double few[64] = {0}, sum_few = 0, squares = 0;
    for (int i = 20; i < 23; i++)
        sum_few += few[i] = x[i];
    double *const drawn_few = bootstrap_draw(plan, few);
    for (size_t r = 0; r < plan->n_replicates; r++)
        squares += pow(drawn_few[r] / drawn[r] - sum_few / sum_w, 2);
    const double drawn_variance = squares / (double)plan->n_replicates;
    ck_assert_double_eq_tol(bootstrap_ratio(plan, few, sum_w, drawn), drawn_variance,
                            1e-9 * drawn_variance);
    free(drawn_few);
    free(drawn);
    bootstrap_close(plan);
}
END_TEST

/* A value that stays on average 5 of the 31 steps that a block has, on two phases: 0 or 1. */
static void fill_alike(double *x, size_t n_blocks, uint32_t *random, double stay, double phase)
{
    double state = 0;
    for (size_t i = 0; i < n_blocks; i++) {
        x[i] = i < n_blocks / 2 ? 0 : phase;
        for (int k = 0; k < 31; k++) {
            *random = *random * 1664525u + 1013904223u;
            if ((double)(*random >> 8) / 16777216 > stay) {
                *random = *random * 1664525u + 1013904223u;
                state = (double)(*random >> 31);
            }
            x[i] += state;
        }
    }
}

static double mean_stretch(double stay, double phase, size_t n_blocks, double *df)
{
    enum { ROWS = 12, ROUNDS = 40 };
    static double x[ROWS][128];
    const double *rows[ROWS];
    uint32_t random = 4711;
    double sum = 0;
    *df = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int r = 0; r < ROWS; r++) {
            fill_alike(x[r], n_blocks, &random, stay, phase);
            rows[r] = x[r];
        }
        const struct bootstrap_correlation l = bootstrap_correlation(rows, ROWS, n_blocks);
        ck_assert(l.inflation >= 1);
        sum += l.inflation / ROUNDS;
        *df += l.df / ROUNDS;
    }
    return sum;
}

START_TEST(blocks_that_are_alike)
{
    double df;
    /* nothing to mend; the estimate is never below 1, so its mean is above */
    ck_assert_double_eq_tol(mean_stretch(0, 0, 128, &df), 1.0, 0.15);
    ck_assert_double_eq_tol(df, 96, 10);
    /* a change of phase, hundred times as large as the noise, changes nothing */
    ck_assert_double_eq_tol(mean_stretch(0, 1000, 128, &df), 1.0, 0.15);
    /* alike by 0.95 from step to step: the block says 1 - 2 * 0.95 / (31 * (1 - 0.95^2)) = 0.5 of
       the variance, and within strata still less */
    ck_assert_double_eq_tol(mean_stretch(0.95, 0, 128, &df), 2.2, 0.5);
    ck_assert(df < 80);
    /* too few to say anything */
    ck_assert_double_eq_tol(mean_stretch(0.95, 0, 8, &df), 1, 1e-12);
    ck_assert_double_eq_tol(df, 6, 1e-12);
    ck_assert_double_eq(bootstrap_correlation(NULL, 0, 2).inflation, 1);
    ck_assert_double_eq(bootstrap_correlation(NULL, 0, 2).df, 1);
}
END_TEST

START_TEST(bootstrap_of_few)
{
    const double x[] = {1, 3};
    struct bootstrap *const plan = bootstrap_open(2, 4000, 5);
    ck_assert_double_eq(plan->df, 1);
    ck_assert_double_eq_tol(bootstrap_sum(plan, x), 2 * stat_variance(x, 2), 0.3);
    bootstrap_close(plan);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("stat");
    TCase *const tests = tcase_create("stat");
    tcase_add_test(tests, students_t);
    tcase_add_test(tests, mean_and_variance);
    tcase_add_test(tests, welch);
    tcase_add_test(tests, sides_alike);
    tcase_add_test(tests, no_variance);
    tcase_add_test(tests, false_discoveries);
    tcase_add_test(tests, bootstrap_of_sums);
    tcase_add_test(tests, bootstrap_is_the_same_again);
    tcase_add_test(tests, bootstrap_of_ratios);
    tcase_add_test(tests, blocks_that_are_alike);
    tcase_add_test(tests, bootstrap_of_few);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
