/* SPDX-License-Identifier: MIT */
/* Windows of samples and what they are given: each rule by an example that is counted by hand. */
#include "analyze/read/attribute.h"

#include "analyze/model/state.h"
#include "analyze/read/span.h"
#include "tests/unit/support/suite.h"

#include <string.h>

#define RUNS   STATE_ON_CPU
#define WAITS  STATE_WAITS_GIL
#define READY  (STATE_READY | STATE_HOLDS_GIL)
#define WOKEN  STATE_READY
#define SLEEPS 0
#define ROOM   600

static struct span spans[ROOM];
static size_t n_spans;

/* One sample, `later` ticks after the last one. */
static void add(uint32_t later, uint16_t state, uint64_t cpu_q, uint64_t ticks)
{
    const uint32_t tick = n_spans > 0 ? spans[n_spans - 1].first + later : later;
    spans[n_spans++] = (struct span){.first = tick,
                                     .n = 1,
                                     .ticks = ticks,
                                     .state = state,
                                     .cpu_q = cpu_q,
                                     .given_q = UINT64_MAX};
}

static void begin(void)
{
    n_spans = 0;
}

static void check(size_t first, size_t n, const uint64_t *wanted)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_uint_eq(spans[first + i].given_q, wanted[i]);
}

/* Whoever ran gets the same; whoever did not gets nothing. */
START_TEST(shared_equally)
{
    add(1, RUNS, 618, 1);
    add(1, SLEEPS, 300, 1);
    add(1, READY, 1600, 1);
    add(1, WAITS, 82, 1);
    ck_assert_uint_eq(attribute_spans(spans, n_spans, true), 4);
    check(0, 4, (const uint64_t[]){1300, 0, 1300, 0});
}
END_TEST

/* By the intervals that they stand for; the first k together have theirs, rounded down. */
START_TEST(shared_by_ticks)
{
    add(1, RUNS, 10, 1);
    add(4, RUNS, 60, 4);
    add(1, RUNS, 30, 1);
    add(1, RUNS, 0, 1); /* its clock stood still: no part in it */
    ck_assert_uint_eq(attribute_spans(spans, n_spans, true), 4);
    check(0, 4, (const uint64_t[]){16, 67, 17, 0}); /* 100 by sixths: 16.7, 83.3, 100 */
}
END_TEST

/* One that waits for a CPU and has not moved did not use it up. */
START_TEST(waiting_for_a_cpu_is_not_using_it)
{
    add(1, READY, 0, 1);
    add(1, READY, 0, 1);
    add(1, RUNS, 90, 1);
    add(1, READY, 0, 1);
    ck_assert_uint_eq(attribute_spans(spans, n_spans, true), 4);
    check(0, 4, (const uint64_t[]){0, 0, 90, 0});
}
END_TEST

/* Without the GIL nobody knows whether it ran here: it has its own, and no more. */
START_TEST(woken_ones_keep_their_own)
{
    add(1, RUNS, 100, 1);
    add(1, WOKEN, 7, 1);
    add(1, SLEEPS, 50, 1);
    add(1, WOKEN, 0, 1);
    add(1, READY, 30, 1);
    ck_assert_uint_eq(attribute_spans(spans, n_spans, true), 5);
    check(0, 5, (const uint64_t[]){90, 7, 0, 0, 90});
}
END_TEST

START_TEST(nobody_takes_any)
{
    add(1, SLEEPS, 10, 1);
    add(1, WAITS, 20, 1);
    add(1, SLEEPS, 0, 1);
    add(1, WOKEN, 5, 1);
    ck_assert_uint_eq(attribute_spans(spans, n_spans, true), 4);
    check(0, 4, (const uint64_t[]){10, 20, 0, 5}); /* to be carried on */
}
END_TEST

/* The 13th closes the window, and what comes behind is of the next one. */
START_TEST(windows_end)
{
    for (uint32_t i = 0; i < ATTRIBUTE_TAKERS; i++)
        add(1, RUNS, i == 0 ? 1035 : 10, 1);
    add(1, SLEEPS, 500, 1);
    add(1, RUNS, 7, 1);
    ck_assert_uint_eq(attribute_spans(spans, n_spans, false), ATTRIBUTE_TAKERS);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < ATTRIBUTE_TAKERS; i++) {
        ck_assert(spans[i].given_q == 88 || spans[i].given_q == 89); /* 1155 / 13 */
        sum += spans[i].given_q;
    }
    ck_assert_uint_eq(sum, 1155);
    ck_assert_uint_eq(attribute_spans(spans, n_spans, true), n_spans);
    check(ATTRIBUTE_TAKERS, 2, (const uint64_t[]){0, 507});
}
END_TEST

/* A window begins where the clock moves first, and has less than 256 ticks from there. */
START_TEST(windows_are_not_too_long)
{
    add(1000, RUNS, 0, 1);
    add(100, SLEEPS, 5, 1);
    add(255 + (uint32_t)_i, RUNS, 3, 1);
    ck_assert_uint_eq(attribute_spans(spans, n_spans, false), _i == 0 ? 1 : 2);
    ck_assert_uint_eq(attribute_spans(spans, n_spans, true), 3);
    if (_i == 0)
        check(0, 3, (const uint64_t[]){0, 0, 8});
    else
        check(0, 3, (const uint64_t[]){0, 5, 3});
}
END_TEST

/* What may go on has to wait; what cannot is settled. Handed in piece by piece it is the same. */
START_TEST(pieces_are_the_same)
{
    static struct span whole[ROOM], some[ROOM];
    uint32_t random = 12345;
    for (size_t i = 0; i < ROOM; i++) {
        static const uint8_t states[] = {RUNS, SLEEPS, READY, WOKEN};
        random = random * 1103515245 + 12345;
        add(1 + (random >> 28 == 0 ? 200 : 0), states[random >> 16 & 3], random >> 20 & 127,
            1 + (random >> 27 == 0));
    }
    memcpy(whole, spans, sizeof whole);
    ck_assert_uint_eq(attribute_spans(whole, ROOM, true), ROOM);
    size_t done = 0, n = 0;
    for (size_t i = 0; i < ROOM; i++) {
        some[n++] = spans[i];
        const size_t settled = attribute_spans(some, n, i + 1 == ROOM);
        for (size_t k = 0; k < settled; k++, done++)
            ck_assert_uint_eq(some[k].given_q, whole[done].given_q);
        n -= settled;
        ck_assert_uint_le(n, ATTRIBUTE_TICKS);
        memmove(some, some + settled, n * sizeof *some);
    }
    ck_assert_uint_eq(done, ROOM);
}
END_TEST

/* Ticks that no recording has: each keeps its own, nothing overflows. */
START_TEST(hostile_numbers)
{
    add(1, RUNS, UINT64_C(1) << 60, UINT64_C(1) << 40);
    add(1, RUNS, 1, 1);
    ck_assert_uint_eq(attribute_spans(spans, n_spans, true), 2);
    check(0, 2, (const uint64_t[]){UINT64_C(1) << 60, 1});
    begin();
    add(1, RUNS, UINT64_C(1) << 60, UINT32_MAX - 1);
    add(1, RUNS, 1, 1);
    ck_assert_uint_eq(attribute_spans(spans, n_spans, true), 2);
    ck_assert_uint_eq(spans[0].given_q + spans[1].given_q, (UINT64_C(1) << 60) + 1);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("attribute");
    TCase *const tests = tcase_create("attribute");
    tcase_add_checked_fixture(tests, begin, NULL);
    tcase_add_test(tests, shared_equally);
    tcase_add_test(tests, shared_by_ticks);
    tcase_add_test(tests, waiting_for_a_cpu_is_not_using_it);
    tcase_add_test(tests, woken_ones_keep_their_own);
    tcase_add_test(tests, nobody_takes_any);
    tcase_add_test(tests, windows_end);
    tcase_add_loop_test(tests, windows_are_not_too_long, 0, 2);
    tcase_add_test(tests, pieces_are_the_same);
    tcase_add_test(tests, hostile_numbers);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
