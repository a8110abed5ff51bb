/* SPDX-License-Identifier: MIT */
/*
 * Times of places against ground truth: a made-up thread goes from place a to place b to sleep in
 * continuous time, ticks look at it as the recorder's do, and what comes out must be what it did:
 * for programs as regular as the ticks, and no worse than a plain rule for all others.
 */
#include "analyze/read/attribute.h"
#include "analyze/read/range.h"
#include "analyze/weigh/profile.h"
#include "format/tick.h"
#include "tests/unit/support/make_trace.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define INTERVAL_NS 10000000u
#define QUANTUM_NS  1000u
#define PER_RANGE   200u
#define LATE_MAX_NS 80000u

enum place { PLACE_A, PLACE_B, ASLEEP, PLACES };

/*
 * How long it stays where, in intervals: exactly so long, one after the other; or at random with
 * that mean, then anywhere else.
 */
struct model {
    double stay[PLACES];
    bool fixed;
};

struct walker {
    const struct model *model;
    uint64_t random;
    double now, next; /* in intervals */
    double spent[PLACES];
    enum place place;
};

/* In (0, 1) */
static double random_part(uint64_t *state)
{
    return ((double)(scratch_random(state) >> 12) + 0.5) / 4503599627370496.0;
}

static double stay(struct walker *w)
{
    const double mean = w->model->stay[w->place];
    return w->model->fixed ? mean : -mean * log(random_part(&w->random));
}

static enum place next_place(struct walker *w)
{
    if (w->model->fixed)
        return (w->place + 1) % PLACES;
    for (;;) {
        const enum place place = scratch_random(&w->random) % PLACES;
        if (place != w->place && w->model->stay[place] > 0)
            return place;
    }
}

static void walk_to(struct walker *w, double when)
{
    while (w->next <= when) {
        w->spent[w->place] += w->next - w->now;
        w->now = w->next;
        w->place = next_place(w);
        w->next += stay(w);
    }
    w->spent[w->place] += when - w->now;
    w->now = when;
}

/* Somewhere within its period, if it has one. */
static struct walker walker_start(const struct model *model, uint64_t seed)
{
    struct walker w = {.model = model, .random = seed * 2 + 1};
    double period = 0;
    for (enum place p = 0; p < PLACES; p++)
        period += model->stay[p];
    w.next = stay(&w);
    walk_to(&w, period * random_part(&w.random));
    w.next -= w.now;
    w.now = 0;
    memset(w.spent, 0, sizeof w.spent);
    return w;
}

static double cpu_of(const struct walker *w)
{
    return w->spent[PLACE_A] + w->spent[PLACE_B];
}

/* ---- as regular as the ticks ---- */

#define N_REGULAR 3000u

static const struct model regular[] = {
    {{.05, .95, 0}, true},   {{.38, .62, 0}, true},   {{.62, .38, 0}, true},
    {{.95, .05, 0}, true},   {{.30, .30, .40}, true}, {{.10, .40, .50}, true},
    {{.40, .10, .50}, true}, {{.05, .05, .90}, true},
};
static const double periods[] = {1, 2, .5, 1.5};

/* Record it; `truth` is where it was when the last interval ended. */
static void record(const char *path, struct walker *w)
{
    static const char *const argv[] = {"python3", "regular.py", NULL};
    static const struct maker_frame frames[] = {{"a", "/x/regular.py", 1, 2, 0},
                                                {"b", "/x/regular.py", 4, 5, 0},
                                                {"idle", "/x/regular.py", 7, 8, 0}};
    struct maker *const m = maker_open(
        path, &(struct maker_settings){.interval_ns = INTERVAL_NS, .quantum_ns = QUANTUM_NS});
    const uint32_t p = maker_process(m, 7, 1, argv);
    const uint32_t t = maker_thread(m, p, 7, "MainThread", 0);
    uint64_t clock_q = 0;
    for (uint64_t number = 1; number <= N_REGULAR; number++) {
        const uint64_t due_q = tick_due_ns(0, INTERVAL_NS, number) / QUANTUM_NS;
        const uint32_t late_q = (uint32_t)(random_part(&w->random) * LATE_MAX_NS / QUANTUM_NS);
        walk_to(w, (double)(due_q + late_q) * QUANTUM_NS / INTERVAL_NS);
        const uint64_t now_q = (uint64_t)(cpu_of(w) * (INTERVAL_NS / QUANTUM_NS));
        maker_tick(m, p, (int32_t)late_q, 0, 0);
        maker_change(m, p, t,
                     &(struct maker_sample){.stack = maker_stack(m, p, &frames[w->place], 1),
                                            .state = w->place == ASLEEP ? 0 : STATE_ON_CPU,
                                            .cpu_q = now_q - clock_q});
        clock_q = now_q;
        if (number % PER_RANGE == 0)
            maker_flush(m, p);
    }
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
}

static struct weight weight_of(const struct profile *profile, const char *function)
{
    struct weight sum = {0};
    for (int c = 0; c < CLASS_COUNT; c++) {
        struct sheet_page page = {0};
        while (sheet_next_page(&profile->threads[0]->sheets[c], &page)) {
            for (uint32_t i = 0; i < SHEET_PAGE && page.first + i < profile->tree.n; i++) {
                const uint32_t place = profile->tree.nodes[page.first + i].place;
                if (page.weights[i].samples > 0 &&
                    strcmp(symbols_frame(&profile->symbols, place).function, function) == 0)
                    weight_add(&sum, &page.weights[i]);
            }
        }
    }
    return sum;
}

static double part(uint64_t a, uint64_t b)
{
    return (double)a / (double)(a + b);
}

/* Shares of CPU and of wall are what they were, and as good as those of the samples. */
static void check_shares(const struct profile *profile, const struct walker *w)
{
    const struct weight a = weight_of(profile, "a"), b = weight_of(profile, "b");
    const struct weight idle = weight_of(profile, "idle");
    const double truth = w->spent[PLACE_A] / cpu_of(w);
    const double seen = part(a.samples, b.samples);
    const double whole = w->spent[PLACE_A] + w->spent[PLACE_B] + w->spent[ASLEEP];
    const double about = .01 / sqrt(cpu_of(w) / whole); /* fewer samples, less known */
    ck_assert_double_eq_tol(seen, truth, about);
    ck_assert_double_eq_tol(part(a.cpu, b.cpu), truth, about);
    ck_assert_double_eq_tol(part(a.cpu, b.cpu), seen, about / 2);
    ck_assert_double_eq_tol(part(a.wall, b.wall + idle.wall), w->spent[PLACE_A] / whole, .005);
    ck_assert_uint_eq(a.wall + b.wall + idle.wall, (uint64_t)N_REGULAR * INTERVAL_NS);
    ck_assert_uint_eq(idle.cpu, 0);
    const struct profile_thread *const t = profile->threads[0];
    ck_assert_uint_eq(a.cpu + b.cpu + t->unattributed_ns, t->cpu_ns);
    ck_assert_double_eq_tol((double)t->cpu_ns / INTERVAL_NS, cpu_of(w), 1e-3);
}

START_TEST(regular_programs_are_right)
{
    const char *const path = scratch_path("regular.trace");
    struct model model = regular[_i];
    const size_t n_periods = sizeof periods / sizeof *periods;
    for (size_t k = 0; k < 4 * n_periods; k++) {
        struct trace *trace;
        struct problem why = {0};
        struct profile profile = {0};
        const struct select all = {0};
        for (enum place p = 0; p < PLACES; p++)
            model.stay[p] = regular[_i].stay[p] * periods[k % n_periods];
        struct walker w = walker_start(&model, (uint64_t)_i * 100 + k);
        record(path, &w);
        ck_assert_int_eq(trace_open(&trace, &path, 1, NULL, NULL, &why), STATUS_OK);
        profile_build(&profile, trace, &all, 1);
        check_shares(&profile, &w);
        profile_clear(&profile);
        trace_close(trace);
    }
}
END_TEST

/* ---- all others ---- */

#define N_TICKS 2000u
#define N_RUNS  200u

static const struct model irregular[] = {
    {{.1, .3, 0}, false},  {{1, 1, 0}, false},   {{3, 7, 0}, false},   {{30, 70, 0}, false},
    {{.1, .1, .1}, false}, {{1, 1, 1}, false},   {{3, 10, 40}, false}, {{10, 10, 10}, false},
    {{.3, .1, 5}, false},  {{.1, .4, 2}, false},
};

struct errors {
    double sum, squares;
    unsigned covered; /* not larger than was said */
};

/* The share of a in the CPU of both, as a profile adds it up, and how far from the truth it is. */
static void errors_add(struct errors *e, const struct span *spans, double truth)
{
    const double unit_q = SHARE_UNIT_NS / QUANTUM_NS;
    struct basis basis = {.metric = &metrics[METRIC_CPU]};
    struct weight *const all = &basis.total.by[CLASS_ON_CPU];
    struct weight *const squares = &basis.squares.by[CLASS_ON_CPU];
    struct weights a = {0};
    uint64_t carry_q = 0;
    for (size_t i = 0; i < N_TICKS; i++) {
        carry_q += spans[i].given_q;
        if (!state_gets_cpu(state_class(spans[i].state)))
            continue;
        const struct weight w = {1, 1, 0, carry_q * QUANTUM_NS};
        weight_add(all, &w);
        squares->samples++;
        squares->cpu += (uint64_t)((double)carry_q / unit_q * (double)carry_q / unit_q);
        if (spans[i].stack == PLACE_A)
            weight_add(&a.by[CLASS_ON_CPU], &w);
        carry_q = 0;
    }
    const double share = share_of(&basis, &a), error = share - truth;
    e->sum += error;
    e->squares += error * error;
    e->covered += fabs(error) <= share_error(&basis, share);
}

/* One recording, its CPU attributed, and as it was before: all to the next sample on a CPU. */
static void look(const struct model *model, uint64_t seed, struct errors *plain,
                 struct errors *attributed)
{
    static struct span spans[N_TICKS];
    struct walker w = walker_start(model, seed);
    const uint64_t first = scratch_random(&w.random) >> 50;
    uint64_t clock_q = 0;
    for (uint32_t k = 0; k < N_TICKS; k++) {
        const uint64_t due_ns = tick_due_ns(0, INTERVAL_NS, first + k) - first * INTERVAL_NS;
        walk_to(&w, (double)due_ns / INTERVAL_NS);
        const uint64_t now_q = (uint64_t)(cpu_of(&w) * (INTERVAL_NS / QUANTUM_NS));
        spans[k] = (struct span){.first = k,
                                 .n = 1,
                                 .ticks = 1,
                                 .stack = w.place,
                                 .state = w.place == ASLEEP ? 0 : STATE_ON_CPU,
                                 .cpu_q = now_q - clock_q,
                                 .given_q = now_q - clock_q};
        clock_q = now_q;
    }
    const double truth = w.spent[PLACE_A] / cpu_of(&w);
    errors_add(plain, spans, truth);
    for (size_t i = 0; i < N_TICKS; i += PER_RANGE)
        ck_assert_uint_eq(attribute_spans(spans + i, PER_RANGE, true), PER_RANGE);
    errors_add(attributed, spans, truth);
}

START_TEST(irregular_programs_are_no_worse)
{
    const struct model *const m = &irregular[_i];
    struct errors plain = {0}, attributed = {0};
    for (uint64_t run = 0; run < N_RUNS; run++)
        look(m, run + 1, &plain, &attributed);
    const double before = sqrt(plain.squares / N_RUNS), now = sqrt(attributed.squares / N_RUNS);
    const double bias = attributed.sum / N_RUNS;
    printf("stays %g %g %g: error of a's CPU share %.2f%% (mean %+.2f%%, within +- %.1f%%), "
           "plainly %.2f%% (%+.2f%%, %.1f%%)\n",
           m->stay[0], m->stay[1], m->stay[2], 100 * now, 100 * bias,
           100. * attributed.covered / N_RUNS, 100 * before, 100 * plain.sum / N_RUNS,
           100. * plain.covered / N_RUNS);
    ck_assert_double_le(now, before * 1.02);
    ck_assert_double_le(fabs(bias), 4 * now / sqrt(N_RUNS));
    ck_assert_uint_ge(attributed.covered, N_RUNS * 92 / 100); /* 95, and they are only 200 */
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("truth");
    TCase *const tests = tcase_create("truth");
    tcase_add_loop_test(tests, regular_programs_are_right, 0, sizeof regular / sizeof *regular);
    tcase_add_loop_test(tests, irregular_programs_are_no_worse, 0,
                        sizeof irregular / sizeof *irregular);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
