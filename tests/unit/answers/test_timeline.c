/* SPDX-License-Identifier: MIT */
/* Time cut into parts: nothing is lost, nothing is elsewhere. */
#include "analyze/time/timeline.h"
#include "opened.h"
#include "tests/unit/support/reference.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define N_SEEDS 40

enum { ON_CPU = 1, BLOCKED = 0 };

static void check_thread(const struct timeline_thread *got, const struct reference_thread *wanted,
                         size_t n_bins, uint64_t quantum_ns)
{
    struct weights sum = {0};
    for (size_t i = 0; i < n_bins; i++)
        weights_add(&sum, &got->bins[i]);
    for (int c = 0; c < CLASS_COUNT; c++) {
        ck_assert_uint_eq(sum.by[c].wall, wanted->total.by[c].wall * quantum_ns);
        ck_assert_uint_eq(sum.by[c].wall, got->total.by[c].wall);
        ck_assert_uint_eq(sum.by[c].samples, wanted->total.by[c].samples);
        ck_assert_uint_eq(sum.by[c].ticks, wanted->total.by[c].ticks);
    }
    ck_assert_uint_eq(weights_sum(&sum).cpu, wanted->cpu_q * quantum_ns);
}

/* With --state blocked: nothing else has weight, but all of it was observed. */
static void check_blocked(const struct timeline_thread *got, const struct reference_thread *wanted,
                          size_t n_bins, uint64_t quantum_ns)
{
    const struct weight *const blocked = &wanted->total.by[CLASS_BLOCKED];
    const struct weight sum = weights_sum(&got->total);
    uint64_t observed_ns = 0;
    for (size_t i = 0; i < n_bins; i++)
        observed_ns += got->observed_ns[i];
    ck_assert_uint_eq(observed_ns, weights_sum(&wanted->total).wall * quantum_ns);
    ck_assert_uint_eq(observed_ns, got->total_ns);
    ck_assert_uint_eq(sum.wall, blocked->wall * quantum_ns);
    ck_assert_uint_eq(sum.samples, blocked->samples);
    ck_assert_uint_eq(sum.ticks, blocked->ticks);
    ck_assert_uint_eq(got->total.by[CLASS_BLOCKED].samples, blocked->samples);
    ck_assert_uint_eq(sum.cpu, 0);
}

/* All states by name: CPU is where it was on a CPU, or waits for that; none is lost. */
static void check_carried(const struct timeline_thread *got, const struct reference_thread *wanted,
                          size_t n_bins, uint64_t quantum_ns)
{
    (void)n_bins;
    ck_assert_uint_eq(got->total.by[CLASS_BLOCKED].cpu + got->total.by[CLASS_WAITS_GIL].cpu, 0);
    ck_assert_uint_eq(weights_sum(&got->total).cpu + got->carry.waiting,
                      wanted->cpu_q * quantum_ns);
    ck_assert_uint_eq(weights_sum(&got->total).samples, weights_sum(&wanted->total).samples);
}

typedef void check_fn(const struct timeline_thread *got, const struct reference_thread *wanted,
                      size_t n_bins, uint64_t quantum_ns);

static void check_random(uint64_t seed, uint64_t bin_ns, const char *states, check_fn *check)
{
    struct reference reference = {0};
    struct scene scene = {0};
    struct select select = {0};
    struct problem why = {0};
    const char *const path = scratch_path("random.trace");
    random_trace(&reference, path, seed);
    reference_total(&reference);
    struct trace *const trace = opened(path, NULL);
    struct timeline timeline = {.bin_ns = bin_ns};
    timeline.n_bins = (size_t)(trace_end_ns(trace) / timeline.bin_ns + 1);
    if (states != NULL)
        ck_assert(select_add_states(&select, states, &why) == STATUS_OK);
    timeline_read(&timeline, &scene, trace, &select);
    size_t n_checked = 0;
    for (size_t i = 0; i < timeline.n_threads; i++) {
        const struct thread *const thread = timeline.threads[i].thread;
        for (size_t k = 0; k < reference.n_threads; k++) {
            if (reference.threads[k].pid != thread->process->pid ||
                reference.threads[k].thread != thread->id)
                continue;
            check(&timeline.threads[i], &reference.threads[k], timeline.n_bins,
                  reference.quantum_ns);
            n_checked++;
        }
    }
    ck_assert_uint_eq(n_checked, timeline.n_threads);
    ck_assert_uint_gt(n_checked, 0);
    timeline_clear(&timeline);
    scene_clear(&scene);
    trace_close(trace);
    select_clear(&select);
    reference_clear(&reference);
}

/* Random traces with missed ticks and gaps: the parts add up, whatever their length. */
START_TEST(parts_add_up)
{
    static const uint64_t bins_ns[] = {1000000, 7654321, 100000000, 60000000000};
    const uint64_t bin_ns = bins_ns[_i % ARRAY_LEN(bins_ns)], seed = (uint64_t)_i + 1;
    check_random(seed, bin_ns, NULL, check_thread);
    check_random(seed, bin_ns, "blocked", check_blocked);
    check_random(seed, bin_ns, "running,ready,gil,blocked,unknown", check_carried);
}
END_TEST

/* A thread that computes for 300 ms, then sleeps: it is seen so in parts of 100 ms. */
START_TEST(parts_are_where_they_were)
{
    static const char *const argv[] = {"python3", "x.py", NULL};
    static const struct maker_frame frame = {"f", "/x/x.py", 1, 2, 0};
    const char *const path = scratch_path("steps.trace");
    struct maker *const m = maker_open(path, NULL);
    const uint32_t p = maker_process(m, 7, 1, argv);
    const struct select all = {0};
    struct scene scene = {0};
    maker_thread(m, p, 7, "MainThread", 0);
    const uint32_t stack = maker_stack_push(m, p, 0, &frame);
    for (unsigned i = 0; i < 100; i++) {
        maker_tick(m, p, 0, 0, 0);
        if (i < 30)
            maker_change(m, p, 1, &(struct maker_sample){stack, ON_CPU, 8000, NULL});
        else if (i == 30)
            maker_change(m, p, 1, &(struct maker_sample){stack, BLOCKED, 0, "read"});
    }
    maker_process_end(m, p, 0);
    maker_close(m, "exited");
    struct trace *const trace = opened(path, NULL);
    struct timeline timeline = {.bin_ns = 100000000, .n_bins = 10};
    timeline_read(&timeline, &scene, trace, &all);
    ck_assert_uint_eq(timeline.n_threads, 1);
    for (size_t i = 0; i < 10; i++) {
        const struct weights *const w = &timeline.threads[0].bins[i];
        const uint64_t cpu_ns = weights_sum(w).cpu, blocked_ns = w->by[CLASS_BLOCKED].wall;
        if (i < 3)
            ck_assert(cpu_ns > 60000000 && blocked_ns < 15000000);
        else if (i > 3)
            ck_assert(cpu_ns == 0 && blocked_ns > 80000000);
        /* the last tick stands for its whole interval, which ends behind the last bin */
        ck_assert_uint_le(weights_sum(w).wall, i < 9 ? 100000000 : 110000000);
    }
    timeline_clear(&timeline);
    scene_clear(&scene);
    trace_close(trace);
}
END_TEST

START_TEST(round_times)
{
    ck_assert_uint_eq(timeline_bin_ns(60000000000, 60), 1000000000);
    ck_assert_uint_eq(timeline_bin_ns(60000000001, 60), 2000000000);
    ck_assert_uint_eq(timeline_bin_ns(3220000000, 60), 100000000);
    ck_assert_uint_eq(timeline_bin_ns(1, 60), 1000000);
    ck_assert_uint_eq(timeline_bin_ns(86400000000000, 60), 2000000000000);
    ck_assert_uint_gt(timeline_bin_ns(UINT64_C(1) << 62, 1), 0);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("timeline");
    TCase *const tests = tcase_create("timeline");
    tcase_add_loop_test(tests, parts_add_up, 0, N_SEEDS);
    tcase_add_test(tests, parts_are_where_they_were);
    tcase_add_test(tests, round_times);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
