/* SPDX-License-Identifier: MIT */
/*
 * Is what is called real real? Made-up programs with known times, many pairs of recordings.
 *
 * A program makes a fixed number of visits to its functions; how long each one takes is random, so
 * that the samples of a visit are alike (correlated). In its second half it does other things than
 * in its first: phases.
 */
#include "analyze/compare/diff.h"
#include "tests/unit/support/make_trace.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_FUNCTIONS 12u
#define N_VISITS    800u
#define VISIT_TICKS 5.0
#define INTERVAL_NS 1000000u
#ifdef __SANITIZE_ADDRESS__
#define N_PAIRS 40u /* enough for mistakes with memory; rates are for the other build */
#else
#define N_PAIRS 200u
#endif
#define SLOW 2u /* the function that is slowed down: a third of the first half */

struct program {
    uint64_t seed;
    double slower;        /* SLOW takes so many times as long */
    double run_spread;    /* each run's SLOW takes up to so much more, all through the run */
    uint32_t moved;       /* lines by which all functions are further down */
    bool without, with;   /* SLOW never runs; a function runs that others do not have */
    unsigned n_visits;    /* 0 = N_VISITS */
    uint64_t interval_ns; /* 0 = INTERVAL_NS */
};

static double uniform(uint64_t *random)
{
    return (double)(scratch_random(random) >> 11) / 9007199254740992.0;
}

/* Visits to SLOW are a third of the first half; the others of a half share what is left. */
static uint32_t choose(uint64_t *random, bool second_half)
{
    const double x = uniform(random);
    if (second_half)
        return 6 + (uint32_t)(x * 6);
    if (x < 1.0 / 3)
        return SLOW;
    const uint32_t other = (uint32_t)((x - 1.0 / 3) * 1.5 * 5);
    return other < SLOW ? other : other + 1;
}

static uint32_t stack_of(struct maker *m, uint32_t p, uint32_t function,
                         const struct program *program)
{
    static const char *const names[] = {"f0", "f1", "f2", "f3",  "f4",  "f5", "f6",
                                        "f7", "f8", "f9", "f10", "f11", "f12"};
    const uint32_t first = 100 * function + program->moved;
    const struct maker_frame frames[] = {{"main", "/p/prog.py", 1, 2, 0},
                                         {names[function], "/p/prog.py", first, first + 3, 0}};
    return maker_stack(m, p, frames, 2);
}

static void write_program(const char *path, const struct program *program)
{
    const char *argv[] = {"python3", "prog.py", NULL};
    const uint64_t interval_ns = program->interval_ns > 0 ? program->interval_ns : INTERVAL_NS;
    const struct maker_settings settings = {.tag = (uint32_t)program->seed,
                                            .interval_ns = interval_ns};
    const double per_ms = (double)INTERVAL_NS / (double)interval_ns;
    uint64_t random = program->seed * 0x9E3779B97F4A7C15u | 1;
    for (int i = 0; i < 10; i++)
        scratch_random(&random);
    struct maker *const m = maker_open(path, &settings);
    const uint32_t p = maker_process(m, 7, 1, argv), t = maker_thread(m, p, 7, "MainThread", 0);
    const double this_run = 1 + program->run_spread * uniform(&random);
    const unsigned n_visits = program->n_visits > 0 ? program->n_visits : N_VISITS;
    double left = 0;
    for (unsigned visit = 0; visit < n_visits; visit++) {
        uint32_t function = choose(&random, visit >= n_visits / 2);
        if (function == SLOW && program->without)
            function = 0;
        if (visit % 10 == 0 && program->with)
            function = N_FUNCTIONS;
        const double slower = function == SLOW ? program->slower * this_run : 1;
        left -= log(1 - uniform(&random)) * VISIT_TICKS * slower * per_ms;
        for (; left >= 1; left--) {
            const struct maker_sample sample = {stack_of(m, p, function, program), 3,
                                                interval_ns / 1000, NULL};
            maker_tick(m, p, 0, 0, 0);
            maker_change(m, p, t, &sample);
        }
    }
    maker_process_end(m, p, 0);
    maker_close(m, "done");
}

struct loaded {
    struct trace *traces[2];
    struct series *series[2];
    size_t n[2];
    struct symbols names;
    struct tree paths;
    struct diff diff;
};

static void write_side(const struct program *program, size_t n, uint64_t seed, const char **paths)
{
    for (size_t i = 0; i < n; i++) {
        struct program one = *program;
        char name[32];
        snprintf(name, sizeof name, "%u.trace", (unsigned)(seed + i));
        one.seed = seed + i;
        paths[i] = strdup(scratch_path(name));
        write_program(paths[i], &one);
    }
}

static void compare(struct loaded *l, const struct program *a, size_t n_a, const struct program *b,
                    size_t n_b, uint64_t seed, enum series_key key)
{
    static const struct select all = {0};
    const struct program *const programs[2] = {a, b};
    const size_t n[2] = {n_a, n_b};
    const struct series_plan plan = {.metric = &metrics[METRIC_CPU],
                                     .key = key,
                                     .select = &all,
                                     .n_blocks = 128,
                                     .paths = &l->paths};
    const struct diff_plan diff_plan = {
        .key = key, .select = &all, .unit = UNIT_SECONDS, .paths = &l->paths};
    *l = (struct loaded){0};
    tree_init(&l->paths);
    for (size_t w = 0; w < 2; w++) {
        const char *paths[8];
        write_side(programs[w], n[w], 100 * seed + 10 * w + 1, paths);
        require(trace_open(&l->traces[w], paths, n[w], NULL, NULL, NULL) == STATUS_OK);
        l->series[w] = series_read(l->traces[w], &plan, &l->names, &l->n[w]);
        require(l->n[w] == n[w]);
        for (size_t i = 0; i < n[w]; i++) {
            remove(paths[i]);
            free((void *)(uintptr_t)paths[i]);
        }
    }
    const struct diff_side sides[2] = {{l->series[0], l->n[0], NULL},
                                       {l->series[1], l->n[1], NULL}};
    diff_build(&l->diff, sides, &diff_plan, &l->names);
}

static void clear(struct loaded *l)
{
    for (int w = 0; w < 2; w++) {
        series_clear(l->series[w], l->n[w]);
        trace_close(l->traces[w]);
    }
    diff_clear(&l->diff);
    symbols_clear(&l->names);
    tree_clear(&l->paths);
}

static const struct diff_row *find(const struct diff *diff, const char *function)
{
    for (size_t i = 0; i < diff->n_rows; i++) {
        if (strcmp(diff->rows[i].frame.function, function) == 0)
            return &diff->rows[i];
    }
    ck_abort_msg("no row %s", function);
}

/* How often which rows were called what, over many pairs. */
struct rates {
    unsigned tests, p_below, pairs_with_real, covered;
};

static struct rates count_rates(const struct program *a, size_t n_a, const struct program *b,
                                size_t n_b, unsigned n_pairs, uint64_t seed, enum series_key key)
{
    struct rates rates = {0};
    for (unsigned i = 0; i < n_pairs; i++) {
        struct loaded l;
        compare(&l, a, n_a, b, n_b, seed + i, key);
        for (size_t r = 0; r < l.diff.n_rows; r++) {
            const struct diff_row *const row = &l.diff.rows[r];
            if (!row->tested)
                continue;
            rates.tests++;
            rates.p_below += row->difference.p < 0.05;
            rates.covered += fabs(row->difference.value) <= row->difference.margin;
        }
        rates.pairs_with_real += l.diff.n_real > 0;
        clear(&l);
    }
    fprintf(stderr, "%u tests, %u with p < 0.05, %u pairs of %u with a real row\n", rates.tests,
            rates.p_below, rates.pairs_with_real, n_pairs);
    return rates;
}

/* Nothing changed: 5 % of the tests say something before the correction, and after it 5 % of the
   pairs. The bounds are five standard deviations of the binomial distribution. */
static void check_nominal(const struct rates *rates, unsigned n_pairs)
{
    const double n = rates->tests, expected = 0.05 * n, five = 5 * sqrt(n * 0.05 * 0.95);
    ck_assert_uint_ge(rates->tests, n_pairs * N_FUNCTIONS);
    ck_assert(rates->p_below <= expected + five);
    ck_assert(rates->p_below >= expected - five - 0.02 * n); /* it may be a little careful */
    ck_assert(rates->pairs_with_real <= 0.05 * n_pairs + 4 * sqrt(n_pairs * 0.05 * 0.95));
    ck_assert_uint_eq(rates->covered + rates->p_below, rates->tests);
}

START_TEST(same_program_one_recording_each)
{
    const struct program a = {.slower = 1};
    const struct rates rates = count_rates(&a, 1, &a, 1, N_PAIRS, 1000, SERIES_FUNCTION);
    check_nominal(&rates, N_PAIRS);
}
END_TEST

/* Of paths, which lie in each other, no more are called real either. */
START_TEST(same_program_by_paths)
{
    const struct program a = {.slower = 1};
    const struct rates rates = count_rates(&a, 1, &a, 1, N_PAIRS, 1500, SERIES_PATH);
    check_nominal(&rates, N_PAIRS);
}
END_TEST

/* Runs that differ: single recordings cannot know, several can. */
START_TEST(same_program_that_varies)
{
    const struct program a = {.slower = 1, .run_spread = 1};
    const struct rates several = count_rates(&a, 4, &a, 4, 40, 2000, SERIES_FUNCTION);
    check_nominal(&several, 40);
    const struct rates one_against_many = count_rates(&a, 1, &a, 5, 40, 3000, SERIES_FUNCTION);
    check_nominal(&one_against_many, 40);
}
END_TEST

#define MANY_VISITS 2400u

/* SLOW has a sixth of the visits, of VISIT_TICKS ms; now `share` more. */
static double expected_ns(double share)
{
    return MANY_VISITS / 6.0 * VISIT_TICKS * INTERVAL_NS * share;
}

static void check_found(size_t n, unsigned n_pairs, double share, unsigned least_found)
{
    const struct program a = {.slower = 1, .n_visits = MANY_VISITS};
    const struct program b = {.slower = 1 + share, .n_visits = MANY_VISITS};
    unsigned found = 0, first = 0, covered = 0, others = 0;
    double sum_ns = 0;
    for (unsigned i = 0; i < n_pairs; i++) {
        struct loaded l;
        compare(&l, &a, n, &b, n, 5000 + 100 * n + i, SERIES_LINE);
        const struct diff_row *const row = find(&l.diff, "f2");
        found += row->real && row->difference.value > 0;
        first += row == &l.diff.rows[0];
        covered += fabs(row->difference.value - expected_ns(share)) <= row->difference.margin;
        others += l.diff.n_real > row->real;
        sum_ns += row->difference.value;
        clear(&l);
    }
    fprintf(stderr, "found %u of %u, others %u, covered %u, mean %.4f s, expected %.4f s\n", found,
            n_pairs, others, covered, sum_ns / n_pairs / 1e9, expected_ns(share) / 1e9);
    ck_assert_uint_ge(found, least_found);
    ck_assert_uint_ge(first, least_found);
    ck_assert(covered >= 0.95 * n_pairs - 4 * sqrt(n_pairs * 0.05 * 0.95));
    ck_assert_uint_le(others, n_pairs / 10 + 2);
    ck_assert_double_eq_tol(sum_ns / n_pairs, expected_ns(share), 0.1 * expected_ns(share));
}

START_TEST(slower_line_is_found)
{
    check_found(1, 60, 0.6, 50);
}
END_TEST

START_TEST(slower_line_is_found_by_several)
{
    check_found(4, 30, 0.5, 22);
}
END_TEST

START_TEST(moved_lines_match)
{
    const struct program a = {.slower = 1}, b = {.slower = 1, .moved = 17};
    struct loaded l;
    compare(&l, &a, 1, &b, 1, 9000, SERIES_LINE);
    const struct diff_row *const row = find(&l.diff, "f7");
    ck_assert_uint_eq(row->lines[0], 703);
    ck_assert_uint_eq(row->lines[1], 720);
    ck_assert_uint_eq(row->frame.line, 720);
    ck_assert_uint_eq(l.diff.n_rows, N_FUNCTIONS);
    ck_assert_uint_eq(l.diff.n_real, 0);
    clear(&l);
}
END_TEST

START_TEST(new_and_gone)
{
    const struct program a = {.slower = 1}, b = {.slower = 1, .without = true, .with = true};
    struct loaded l;
    compare(&l, &a, 1, &b, 1, 9100, SERIES_FUNCTION);
    ck_assert_str_eq(diff_verdict(find(&l.diff, "f2")), "gone");
    ck_assert_str_eq(diff_verdict(find(&l.diff, "f12")), "new");
    ck_assert_double_eq(find(&l.diff, "f2")->values[1], 0);
    ck_assert_uint_eq(find(&l.diff, "f2")->frame.line, 200);
    ck_assert_str_eq(diff_verdict(find(&l.diff, "f0")), "more"); /* it does what f2 did */
    ck_assert_str_eq(diff_verdict(find(&l.diff, "f9")), "noise");
    clear(&l);
}
END_TEST

/* Half the rate: the same seconds. */
START_TEST(rates_may_differ)
{
    const struct program a = {.slower = 1}, b = {.slower = 1, .interval_ns = 2 * INTERVAL_NS};
    struct loaded l;
    compare(&l, &a, 1, &b, 1, 9200, SERIES_FUNCTION);
    ck_assert_double_eq_tol(l.diff.whole.values[0], l.diff.whole.values[1],
                            0.2 * l.diff.whole.values[0]);
    ck_assert_uint_eq(l.diff.n_real, 0);
    ck_assert_uint_ge(l.diff.whole.samples[0], l.diff.whole.samples[1] * 3 / 2);
    clear(&l);
}
END_TEST

/* What cannot vary by what was seen is still not certain. */
START_TEST(equal_counts_are_not_certain)
{
    struct series_row few = {.total = 3e6, .samples = 3}, more = {.total = 6e6, .samples = 6};
    struct series_row *rows[2][1] = {{&few}, {&more}};
    struct series a[3], b[3];
    struct symbols names = {0};
    const struct select all = {0};
    const struct diff_plan plan = {.select = &all, .unit = UNIT_SECONDS};
    struct diff diff = {0};
    double blocks[2] = {0, 0};
    symbols_function(&names, "f", "/p/prog.py", 0);
    few.blocks = more.blocks = blocks;
    for (int i = 0; i < 3; i++) {
        a[i] = b[i] = (struct series){.n_blocks = 2,
                                      .whole = blocks,
                                      .cpu = blocks,
                                      .n_rows = 1,
                                      .total = 1e9,
                                      .samples = 1000,
                                      .elapsed_ns = 1e9};
        a[i].rows = rows[0];
        b[i].rows = rows[1];
    }
    const struct diff_side sides[2] = {{a, 3, NULL}, {b, 3, NULL}};
    diff_build(&diff, sides, &plan, &names);
    ck_assert(diff.rows[0].tested);
    ck_assert_double_eq_tol(diff.rows[0].difference.value, 3e6, 1);
    /* 9 and 18 samples: a test of two counts says 0.12 */
    ck_assert(diff.rows[0].difference.p > 0.05);
    ck_assert(diff.rows[0].difference.p < 0.3);
    diff_clear(&diff);
    symbols_clear(&names);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("diff");
    TCase *const tests = tcase_create("diff");
    tcase_add_test(tests, same_program_one_recording_each);
    tcase_add_test(tests, same_program_by_paths);
    tcase_add_test(tests, same_program_that_varies);
    tcase_add_test(tests, slower_line_is_found);
    tcase_add_test(tests, slower_line_is_found_by_several);
    tcase_add_test(tests, moved_lines_match);
    tcase_add_test(tests, new_and_gone);
    tcase_add_test(tests, rates_may_differ);
    tcase_add_test(tests, equal_counts_are_not_certain);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
