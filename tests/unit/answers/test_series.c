/* SPDX-License-Identifier: MIT */
/* A series says the same as a profile of the same trace: only the time is kept apart. */
#include "analyze/compare/series.h"
#include "analyze/weigh/fold.h"
#include "analyze/weigh/profile.h"
#include "opened.h"
#include "tests/unit/support/reference.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_SEEDS 40

/* What all rows of the profile with this name, file (and line) weigh; *n is how many there are. */
static double sum_rows(const struct profile *profile, const struct fold_row *rows, size_t n_rows,
                       const struct key *key, const struct frame *frame, uint32_t line,
                       const struct series_plan *plan, size_t *n)
{
    double sum = 0;
    *n = 0;
    for (size_t i = 0; i < n_rows; i++) {
        const struct frame f = key->frame(&profile->symbols, rows[i].value);
        if (strcmp(f.function, frame->function) != 0 || strcmp(f.file, frame->file) != 0 ||
            (plan->key == SERIES_LINE && f.line != line))
            continue;
        sum += (double)plan->metric->of(plan->cumulative ? &rows[i].cum : &rows[i].self);
        ++*n;
    }
    return sum;
}

static void check_row(const struct series_row *row, double wanted, const struct series *s)
{
    double sum = 0;
    for (size_t b = 0; b < s->n_blocks; b++) {
        require(row->blocks[b] >= 0);
        sum += row->blocks[b];
    }
    require(fabs(sum - row->total) <= 1e-9 * (1 + row->total));
    require(fabs(row->total - wanted) <= 1e-9 * (1 + wanted));
    require((row->total > 0) == (row->samples > 0));
}

static void check_books(const struct series *s)
{
    double whole = 0, cpu = 0;
    for (size_t b = 0; b < s->n_blocks; b++) {
        whole += s->whole[b];
        cpu += s->cpu[b];
    }
    ck_assert_double_eq_tol(whole, s->total, 1e-9 * (1 + whole));
    ck_assert_double_eq_tol(cpu, s->cpu_ns, 1e-9 * (1 + cpu));
}

static void check_series(const char *path, const struct series_plan *plan)
{
    const struct key *const key = &keys[plan->key == SERIES_LINE ? KEY_LINE : KEY_FUNCTION];
    struct arena arena = {0};
    struct symbols names = {0};
    struct profile profile = {0};
    struct trace *const trace = opened(path, NULL), *const again = opened(path, NULL);
    size_t n, n_rows, n_checked = 0;
    profile_build(&profile, trace, plan->select, 1);
    struct fold *const fold = fold_open(&profile, key);
    const struct fold_row *const rows =
        fold_threads(fold, profile.threads, profile.n_threads, &arena, &n_rows);
    struct series *const s = series_read(again, plan, &names, &n);
    ck_assert_uint_eq(n, 1);
    check_books(s);
    for (uint32_t number = 0; number < s->n_rows; number++) {
        const struct series_row *const row = s->rows[number];
        size_t n_same;
        if (row == NULL || row->total <= 0)
            continue;
        const struct frame frame = series_frame(&names, plan->key, number);
        const double wanted =
            sum_rows(&profile, rows, n_rows, key, &frame, row->line, plan, &n_same);
        /* functions of one name are one row here: their stacks may overlap */
        if (n_same == 1 || (n_same > 1 && !plan->cumulative)) {
            check_row(row, wanted, s);
            n_checked++;
        }
    }
    ck_assert(n_checked > 0 || s->total <= 0);
    series_clear(s, n);
    symbols_clear(&names);
    fold_close(fold);
    arena_clear(&arena);
    profile_clear(&profile);
    trace_close(trace);
    trace_close(again);
}

START_TEST(equals_profile)
{
    static const enum metric_id by[] = {METRIC_CPU, METRIC_WALL, METRIC_SAMPLES, METRIC_BLOCKED};
    const struct select all = {0};
    struct reference reference = {0};
    const char *const path = scratch_path("series.trace");
    random_trace(&reference, path, (uint64_t)_i + 1);
    struct series_plan plan = {.metric = &metrics[by[_i % 4]], .select = &all, .n_blocks = 128};
    for (int cumulative = 0; cumulative < 2; cumulative++) {
        plan.cumulative = cumulative != 0;
        plan.key = SERIES_FUNCTION;
        check_series(path, &plan);
        plan.key = SERIES_LINE;
        check_series(path, &plan);
    }
    reference_clear(&reference);
}
END_TEST

/* Paths: what is below one, and in it itself, is what it has; what begins at the root is
 * everything. */
START_TEST(paths_add_up)
{
    const struct select all = {0};
    struct reference reference = {0};
    struct symbols names = {0};
    struct tree paths = {0};
    const char *const path = scratch_path("paths.trace");
    random_trace(&reference, path, (uint64_t)_i + 1);
    const struct series_plan functions = {
        .metric = &metrics[METRIC_WALL], .select = &all, .n_blocks = 16};
    struct series_plan plan = functions;
    plan.key = SERIES_PATH;
    plan.paths = &paths;
    tree_init(&paths);
    struct series_question asked[] = {{.plan = &plan, .names = &names},
                                      {.plan = &functions, .names = &names}};
    struct trace *const trace = opened(path, NULL);
    series_read_all(trace, asked, 2);
    const struct series *const s = asked[0].series, *const own = asked[1].series;
    double *const below = calloc(paths.n, sizeof *below);
    double top = 0;
    double *const self = calloc(names.n_functions, sizeof *self);
    for (uint32_t node = (uint32_t)paths.n - 1; node > TREE_ROOT; node--) {
        const double total = node < s->n_rows && s->rows[node] != NULL ? s->rows[node]->total : 0;
        double blocks = 0;
        for (size_t b = 0; b < s->n_blocks && total > 0; b++)
            blocks += s->rows[node]->blocks[b];
        ck_assert_double_eq_tol(blocks, total, 1e-9 * (1 + total));
        ck_assert(below[node] <= total * (1 + 1e-9));
        self[paths.nodes[node].place] += total - below[node];
        if (paths.nodes[node].parent == TREE_ROOT)
            top += total;
        else
            below[paths.nodes[node].parent] += total;
    }
    ck_assert_double_eq_tol(top, s->total, 1e-9 * (1 + top));
    for (uint32_t f = 0; f < names.n_functions; f++) {
        const double wanted = f < own->n_rows && own->rows[f] != NULL ? own->rows[f]->total : 0;
        ck_assert_double_eq_tol(self[f], wanted, 1e-9 * (1 + s->total));
    }
    check_books(s);
    free(below);
    free(self);
    for (int i = 0; i < 2; i++)
        series_clear(asked[i].series, asked[i].n);
    trace_close(trace);
    tree_clear(&paths);
    symbols_clear(&names);
    reference_clear(&reference);
}
END_TEST

/* One thread that blocks for a long time is one span; its time is in the blocks it passed in. */
START_TEST(long_span_is_spread)
{
    const char *const path = scratch_path("long.trace"), *argv[] = {"python3", NULL};
    const struct maker_settings settings = {.interval_ns = 1000000};
    const struct maker_frame frame = {"wait", "/p/w.py", 1, 2, 0};
    const struct select all = {0};
    const struct series_plan plan = {
        .metric = &metrics[METRIC_WALL], .select = &all, .n_blocks = 10};
    struct symbols names = {0};
    size_t n;
    struct maker *const m = maker_open(path, &settings);
    const uint32_t p = maker_process(m, 7, 1, argv), t = maker_thread(m, p, 7, "MainThread", 0);
    const uint32_t stack = maker_stack(m, p, &frame, 1);
    for (int i = 0; i < 1000; i++) {
        maker_tick(m, p, 0, 0, 0);
        if (i == 0)
            maker_change(m, p, t, &(struct maker_sample){.stack = stack});
    }
    maker_process_end(m, p, 0);
    maker_close(m, "done");
    struct trace *const trace = opened(path, NULL);
    struct series *const s = series_read(trace, &plan, &names, &n);
    ck_assert_uint_eq(s->n_blocks, 10);
    ck_assert_double_eq_tol(s->total, 1e9, 1e6);
    for (size_t b = 0; b < 10; b++) {
        ck_assert(s->whole[b] >= 98e6);
        ck_assert(s->whole[b] <= 102e6);
    }
    series_clear(s, n);
    symbols_clear(&names);
    trace_close(trace);
}
END_TEST

/* The same program in two places: one row; a folder that only begins alike is another. */
START_TEST(folders_are_mapped)
{
    static const char *const files[] = {"/a/x.py", "/b/x.py", "/ab/x.py", "/a"};
    static const struct series_map maps[] = {{"/none", "/b", 5}, {"/a", "/b", 2}};
    const char *const path = scratch_path("maps.trace"), *argv[] = {"python3", NULL};
    const struct select all = {0};
    struct symbols names = {0};
    size_t n, n_found = 0;
    struct maker *const m = maker_open(path, NULL);
    const uint32_t p = maker_process(m, 7, 1, argv), t = maker_thread(m, p, 7, "MainThread", 0);
    for (int i = 0; i < 40; i++) {
        const struct maker_frame frame = {"f", files[i % 4], 1, 2, 0};
        maker_tick(m, p, 0, 0, 0);
        maker_change(m, p, t, &(struct maker_sample){maker_stack(m, p, &frame, 1), 1, 1000, NULL});
    }
    maker_process_end(m, p, 0);
    maker_close(m, "done");
    const struct series_plan plan = {.metric = &metrics[METRIC_SAMPLES],
                                     .select = &all,
                                     .n_blocks = 8,
                                     .maps = maps,
                                     .n_maps = 2};
    struct trace *const trace = opened(path, NULL);
    struct series *const s = series_read(trace, &plan, &names, &n);
    for (uint32_t number = 0; number < s->n_rows; number++) {
        if (s->rows[number] == NULL || s->rows[number]->total <= 0)
            continue;
        const char *const file = series_frame(&names, SERIES_FUNCTION, number).file;
        ck_assert_double_eq(s->rows[number]->total, strcmp(file, "/b/x.py") == 0 ? 20 : 10);
        n_found++;
    }
    ck_assert_uint_eq(n_found, 3);
    series_clear(s, n);
    symbols_clear(&names);
    trace_close(trace);
}
END_TEST

START_TEST(threads_are_grouped)
{
    static const char *const called[] = {"Worker-1", "Worker-22", "MainThread", "Thread-3 (f)"};
    const char *const path = scratch_path("threads.trace"), *argv[] = {"python3", NULL};
    const struct maker_frame frame = {"f", "/p/w.py", 1, 2, 0};
    struct select some = {0};
    struct series_plan plan = {
        .metric = &metrics[METRIC_SAMPLES], .key = SERIES_THREAD, .select = &some, .n_blocks = 8};
    struct maker *const m = maker_open(path, NULL);
    const uint32_t p = maker_process(m, 7, 1, argv);
    const uint32_t stack = maker_stack(m, p, &frame, 1);
    for (uint32_t i = 0; i < 4; i++)
        maker_thread(m, p, 7 + i, called[i], 0);
    for (int k = 0; k < 100; k++) {
        maker_tick(m, p, 0, 0, 0);
        for (uint32_t t = 1; t <= 4; t++)
            maker_change(m, p, t, &(struct maker_sample){stack, 1, 1000, NULL});
    }
    maker_process_end(m, p, 0);
    maker_close(m, "done");
    for (int pass = 0; pass < 2; pass++) {
        struct symbols names = {0};
        size_t n, found = 0;
        if (pass == 1)
            select_add_thread(&some, "Worker-22");
        struct trace *const trace = opened(path, NULL);
        struct series *const s = series_read(trace, &plan, &names, &n);
        for (uint32_t number = 0; number < s->n_rows; number++) {
            if (s->rows[number] == NULL || s->rows[number]->total <= 0)
                continue;
            const bool pool =
                strcmp(series_frame(&names, SERIES_THREAD, number).function, "Worker-*") == 0;
            ck_assert_double_eq(s->rows[number]->total, pool && pass == 0 ? 200 : 100);
            found++;
        }
        ck_assert_uint_eq(found, pass == 0 ? 3 : 1);
        series_clear(s, n);
        symbols_clear(&names);
        trace_close(trace);
    }
    select_clear(&some);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("series");
    TCase *const tests = tcase_create("series");
    tcase_add_loop_test(tests, equals_profile, 0, N_SEEDS);
    tcase_add_loop_test(tests, paths_add_up, 0, N_SEEDS);
    tcase_add_test(tests, long_span_is_spread);
    tcase_add_test(tests, folders_are_mapped);
    tcase_add_test(tests, threads_are_grouped);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
