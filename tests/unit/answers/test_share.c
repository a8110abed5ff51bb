/* SPDX-License-Identifier: MIT */
/*
 * Shares and their errors against ground truth: a made-up thread that goes from place to place in
 * continuous time, looked at by ticks as the recorder does; the share that it really spent in a
 * place must lie within share +- error as often as promised, however fast it changes.
 */
#include "analyze/weigh/share.h"
#include "format/tick.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#define INTERVAL_NS 10000000u
#define N_TICKS     400
#define N_RUNS      600

/* In (0, 1) */
static double random_part(uint64_t *state)
{
    return ((double)(scratch_random(state) >> 12) + 0.5) / 4503599627370496.0;
}

/* How long it stays: at random with that mean, or exactly so long. */
struct model {
    double inside_ns, outside_ns;
    bool fixed;
};

struct walker {
    const struct model *model;
    uint64_t random;
    double now_ns, next_ns;
    double inside_ns; /* so far */
    bool inside;
};

static double stay(struct walker *w)
{
    const double mean = w->inside ? w->model->inside_ns : w->model->outside_ns;
    return w->model->fixed ? mean : -mean * log(random_part(&w->random));
}

/* Where it is at `ns`. */
static bool walk_to(struct walker *w, double ns)
{
    while (w->next_ns <= ns) {
        w->inside_ns += w->inside ? w->next_ns - w->now_ns : 0;
        w->now_ns = w->next_ns;
        w->inside = !w->inside;
        w->next_ns += stay(w);
    }
    w->inside_ns += w->inside ? ns - w->now_ns : 0;
    w->now_ns = ns;
    return w->inside;
}

/* One recording: what ticks saw, and what was true. */
static double look(const struct model *model, uint64_t seed, struct basis *basis,
                   struct weights *inside)
{
    struct walker w = {.model = model, .random = seed * 2 + 1};
    double before_ns = 0;
    const uint64_t first = scratch_random(&w.random) >> 50;
    w.next_ns = stay(&w) * random_part(&w.random);
    for (uint64_t k = 0; k < N_TICKS; k++) {
        const double ns = (double)(tick_due_ns(0, INTERVAL_NS, first + k) - first * INTERVAL_NS);
        const bool here = walk_to(&w, ns);
        const struct weight one = {1, 1, INTERVAL_NS, 0};
        struct weight *const squares = &basis->squares.by[CLASS_ON_CPU];
        weight_add(&basis->total.by[CLASS_ON_CPU], &one);
        if (here)
            weight_add(&inside->by[CLASS_ON_CPU], &one);
        squares->samples++;
        squares->ticks++;
        squares->wall += (uint64_t)(INTERVAL_NS / SHARE_UNIT_NS * INTERVAL_NS / SHARE_UNIT_NS);
        before_ns = ns;
    }
    return w.inside_ns / before_ns;
}

/* In how many of the recordings the truth was where it was said to be. */
static double coverage(const struct model *model, enum metric_id metric)
{
    int good = 0;
    for (uint64_t run = 0; run < N_RUNS; run++) {
        struct basis basis = {.metric = &metrics[metric]};
        struct weights inside = {0};
        const double truth = look(model, run + 1, &basis, &inside);
        const double share = share_of(&basis, &inside);
        good += fabs(share - truth) <= share_error(&basis, share);
    }
    return (double)good / N_RUNS;
}

static const struct model models[] = {
    {300000, 700000, false},       /* far shorter than a tick: samples are independent */
    {100000, 9900000, false},      /* rare and short */
    {5000000, 5000000, false},     /* about a tick */
    {300000000, 700000000, false}, /* far longer: samples in a row are alike */
    {2500000, 7500000, true},      /* as regular as the ticks */
    {1000000, 19000000, true},
};

START_TEST(truth_is_within_the_error)
{
    const struct model *const model = &models[_i];
    ck_assert_double_ge(coverage(model, METRIC_SAMPLES), 0.94);
    ck_assert_double_ge(coverage(model, METRIC_WALL), 0.94);
}
END_TEST

/* Where samples are independent, it is an interval of 95 % and not one of 99.9 %. */
START_TEST(error_is_not_too_large)
{
    ck_assert_double_le(coverage(&models[0], METRIC_SAMPLES), 0.975);
    ck_assert_double_le(coverage(&models[0], METRIC_WALL), 0.975);
}
END_TEST

static struct basis equal_samples(uint64_t n)
{
    struct basis basis = {.metric = &metrics[METRIC_SAMPLES]};
    basis.total.by[CLASS_ON_CPU].samples = basis.squares.by[CLASS_ON_CPU].samples = n;
    return basis;
}

START_TEST(known_values)
{
    const struct basis basis = equal_samples(1000);
    ck_assert_double_eq_tol(basis_samples(&basis), 1000, 1e-9);
    ck_assert_double_eq_tol(share_error(&basis, 0.5), 0.030931, 1e-6);  /* Wilson, by hand */
    ck_assert_double_eq_tol(share_error(&basis, 0.01), 0.008309, 1e-6); /* 0.018309 - 0.01 */
    ck_assert_double_eq_tol(share_error(&basis, 0), 0.003827, 1e-6);
    ck_assert_double_eq_tol(share_error(&basis, 1), 0.003827, 1e-6);
    const double noise = share_noise(&basis);
    ck_assert_double_eq_tol(share_error(&basis, noise), noise, 1e-12);
    ck_assert_double_gt(share_error(&basis, noise * 0.9), noise * 0.9);
    ck_assert_double_lt(share_error(&basis, noise * 1.1), noise * 1.1);
}
END_TEST

/* One sample of 9 s and nine of 1 s know no more than two equal ones. */
START_TEST(uneven_samples_count_less)
{
    struct basis basis = {.metric = &metrics[METRIC_CPU]};
    basis.total.by[CLASS_ON_CPU] = (struct weight){10, 10, 0, 18 * UINT64_C(1000000000)};
    basis.squares.by[CLASS_ON_CPU] = (struct weight){10, 10, 0, 90 * UINT64_C(100000000)};
    ck_assert_double_eq_tol(basis_samples(&basis), 18.0 * 18 / 90, 1e-9);
}
END_TEST

START_TEST(nothing_has_no_share)
{
    const struct basis none = equal_samples(0), one = equal_samples(1);
    ck_assert(basis_is_empty(&none));
    ck_assert(!basis_is_empty(&one));
    ck_assert_double_gt(share_error(&one, 1), 0.3);
    ck_assert_double_le(share_error(&one, 1), 1);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("share");
    TCase *const tests = tcase_create("share");
    tcase_add_loop_test(tests, truth_is_within_the_error, 0, sizeof models / sizeof *models);
    tcase_add_test(tests, error_is_not_too_large);
    tcase_add_test(tests, known_values);
    tcase_add_test(tests, uneven_samples_count_less);
    tcase_add_test(tests, nothing_has_no_share);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
