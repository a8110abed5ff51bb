/* SPDX-License-Identifier: MIT */
/* One Samples message at a time, right and wrong ones. */
#include "analyze/read/range.h"

#include "format/chunk.h"
#include "format/trace.pb-c.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define QUANTUM_NS  1000u
#define INTERVAL_NS 10000000u
#define INTERVAL_Q  (INTERVAL_NS / QUANTUM_NS)

static struct dict dict;
static struct range range;
static struct problem why;
static uint8_t packed[4096];

/* A message of four ticks and two threads, which each test makes a little different. */
static struct {
    Pyrec__V1__Samples m;
    int32_t late[8], stack[8];
    int64_t cpu[8];
    uint32_t thread[8], thread_stack[8], thread_state[8], thread_call[8], thread_runs[8];
    uint32_t thread_begin[8], thread_end[8], run[8], state[8], call_at[8], call[8];
    uint32_t missed_at[8], missed_n[8], holder_run[8], holder[8], task_at[8], task[8];
    uint64_t gap[8];
} s;

#define COLUMN(field, array, ...)                                                                  \
    do {                                                                                           \
        const __typeof__(s.array[0]) values_[] = {__VA_ARGS__};                                    \
        memcpy(s.array, values_, sizeof values_);                                                  \
        s.m.field = s.array;                                                                       \
        s.m.n_##field = ARRAY_LEN(values_);                                                        \
    } while (0)

static uint64_t due_q(uint64_t number)
{
    return tick_due_ns(500, INTERVAL_NS, number) / QUANTUM_NS;
}

static void setup(void)
{
    uint32_t up[] = {1, 1, 1};
    uint32_t location[] = {0, 0, 0};
    Pyrec__V1__Defs defs;
    pyrec__v1__defs__init(&defs);
    defs.first_stack = 1;
    defs.stack_up = up;
    defs.stack_location = location;
    defs.n_stack_up = defs.n_stack_location = 3;
    dict_reset(&dict);
    ck_assert_int_eq(dict_add(&dict, &defs, &why), STATUS_OK);

    pyrec__v1__samples__init(&s.m);
    s.m.origin_ns = 500;
    s.m.interval_ns = INTERVAL_NS;
    s.m.first_tick = 7;
    s.m.before_q = due_q(6);
    COLUMN(late_q, late, 5, 0, -3, 9);
    COLUMN(thread, thread, 2, 3); /* ids 2 and 5 */
    COLUMN(thread_stack, thread_stack, 1, 0);
    COLUMN(thread_state, thread_state, 1, 0);
    COLUMN(thread_call, thread_call, 0, 4);
    COLUMN(thread_runs, thread_runs, 3, 0);
    COLUMN(run, run, 1, 2, 1);
    COLUMN(stack, stack, 2, -1); /* stacks 3 and 2 */
    COLUMN(cpu, cpu, -100, -200);
    COLUMN(state, state, 3, 0);
    COLUMN(call_at, call_at, 1);
    COLUMN(call, call, 9);
}

static void teardown(void)
{
    range_clear(&range);
    dict_clear(&dict);
}

static enum status open_range(void)
{
    const size_t len = pyrec__v1__samples__get_packed_size(&s.m);
    ck_assert_uint_le(len, sizeof packed);
    pyrec__v1__samples__pack(&s.m, packed);
    return range_open(&range, (struct proto_column){packed, packed + len}, QUANTUM_NS, &dict, &why);
}

/* Read all of it; the status at the end, or that of opening. */
static enum status read_all(void)
{
    struct range_thread thread = {0};
    struct span spans[3];
    TRY(open_range());
    while (range_next_thread(&range, &thread)) {
        while (range_spans(&range, &thread, spans, ARRAY_LEN(spans)) > 0)
            continue;
    }
    return range_finish(&range, &why);
}

START_TEST(reads_spans)
{
    struct range_thread thread = {0};
    struct span spans[8];
    ck_assert_int_eq(open_range(), STATUS_OK);
    ck_assert_uint_eq(range.n_ticks, 4);
    ck_assert(range_next_thread(&range, &thread));
    ck_assert_uint_eq(thread.id, 2);
    ck_assert_uint_eq(range_spans(&range, &thread, spans, 8), 4);
    ck_assert_uint_eq(spans[0].n, 1); /* implied: as before */
    ck_assert_uint_eq(spans[0].stack, 1);
    ck_assert_uint_eq(spans[0].state, 1);
    ck_assert_uint_eq(spans[0].cpu_q, 0);
    ck_assert_uint_eq(spans[0].wall_q, INTERVAL_Q); /* whatever the phases of the ticks are */
    ck_assert_uint_eq(spans[1].stack, 3);
    ck_assert_uint_eq(spans[1].cpu_q, due_q(8) - due_q(7) - 5 - 100);
    ck_assert_uint_eq(spans[1].given_q, spans[1].cpu_q + spans[2].cpu_q);
    ck_assert_uint_eq(spans[1].call, 0);
    ck_assert_uint_eq(spans[2].stack, 2);
    ck_assert_uint_eq(spans[2].call, 9);
    ck_assert_uint_eq(spans[2].state, 0);
    ck_assert_uint_eq(spans[2].given_q, 0);
    ck_assert_uint_eq(spans[3].first, 3);
    ck_assert_uint_eq(spans[3].call, 9);
    ck_assert_uint_eq(spans[3].wall_q, INTERVAL_Q);
    ck_assert(range_next_thread(&range, &thread));
    ck_assert_uint_eq(thread.id, 5);
    ck_assert_uint_eq(range_spans(&range, &thread, spans, 8), 1); /* all implied */
    ck_assert_uint_eq(spans[0].n, 4);
    ck_assert_uint_eq(spans[0].ticks, 4);
    ck_assert_uint_eq(spans[0].stack, 0);
    ck_assert_uint_eq(spans[0].call, 4);
    ck_assert_uint_eq(spans[0].wall_q, 4 * INTERVAL_Q);
    ck_assert(!range_next_thread(&range, &thread));
    ck_assert_int_eq(range_finish(&range, &why), STATUS_OK);
}
END_TEST

START_TEST(skips_spans_nobody_wants)
{
    struct range_thread thread = {0};
    struct span span;
    ck_assert_int_eq(open_range(), STATUS_OK);
    ck_assert(range_next_thread(&range, &thread));
    ck_assert_uint_eq(range_spans(&range, &thread, &span, 1), 1);
    ck_assert(range_next_thread(&range, &thread));
    ck_assert_uint_eq(thread.id, 5);
    ck_assert(!range_next_thread(&range, &thread));
    ck_assert_int_eq(range_finish(&range, &why), STATUS_OK);
}
END_TEST

START_TEST(threads_come_and_go)
{
    struct range_thread thread = {0};
    struct span spans[4];
    COLUMN(thread_begin, thread_begin, 0, 1);
    COLUMN(thread_end, thread_end, 0, 2);
    ck_assert_int_eq(open_range(), STATUS_OK);
    ck_assert(range_next_thread(&range, &thread));
    ck_assert(range_next_thread(&range, &thread));
    ck_assert_uint_eq(range_spans(&range, &thread, spans, 4), 1);
    ck_assert_uint_eq(spans[0].first, 1);
    ck_assert_uint_eq(spans[0].n, 1);
    ck_assert_uint_eq(spans[0].wall_q, INTERVAL_Q);
    ck_assert(!range_next_thread(&range, &thread));
    ck_assert_int_eq(range_finish(&range, &why), STATUS_OK);
}
END_TEST

/* Before tick 2, three numbers were skipped, and of the time two intervals were not observed. */
START_TEST(missed_ticks_and_gaps)
{
    struct range_thread thread = {0};
    struct span spans[8];
    COLUMN(missed_at, missed_at, 2);
    COLUMN(missed_n, missed_n, 3);
    COLUMN(missed_gap_q, gap, 2 * INTERVAL_Q + 40);
    ck_assert_int_eq(open_range(), STATUS_OK);
    ck_assert(range_next_thread(&range, &thread));
    ck_assert_uint_eq(range_spans(&range, &thread, spans, 8), 4);
    ck_assert_uint_eq(spans[2].ticks, 1 + 3 - 2);
    ck_assert_uint_eq(spans[2].wall_q, 2 * INTERVAL_Q - 40);
    ck_assert_uint_eq(spans[2].cpu_q, due_q(12) - 3 - due_q(8) - 200); /* a clock knows no gaps */
    ck_assert_uint_eq(spans[1].ticks, 1);
    ck_assert(range_next_thread(&range, &thread));
    ck_assert_uint_eq(range_spans(&range, &thread, spans, 8), 1);
    ck_assert_uint_eq(spans[0].ticks, 4 + 3 - 2);
    ck_assert_uint_eq(spans[0].wall_q, 5 * INTERVAL_Q - 40);
    ck_assert_uint_eq(spans[0].n, 4);
}
END_TEST

/*
 * A gap never takes more ticks than were missed: the one that was taken was seen. Of time it may
 * take more than the tick's own intervals; then the ticks behind it have the less.
 */
START_TEST(gaps_take_missed_ticks_only)
{
    struct range_thread thread = {0};
    struct span span;
    COLUMN(missed_at, missed_at, 1, 1);
    COLUMN(missed_n, missed_n, 1, 0);
    COLUMN(missed_gap_q, gap, due_q(9) - due_q(7) - 5, 100);
    COLUMN(late_q, late, 5, 0, 0, 0);
    ck_assert_int_eq(open_range(), STATUS_OK);
    ck_assert(range_next_thread(&range, &thread));
    ck_assert_uint_eq(range_spans(&range, &thread, &span, 1), 1);
    ck_assert_uint_eq(range_spans(&range, &thread, &span, 1), 1);
    ck_assert_uint_eq(span.ticks, 1);
    ck_assert_uint_eq(span.wall_q, 0);
    ck_assert_uint_eq(range_spans(&range, &thread, &span, 1), 1);
    ck_assert_uint_eq(span.ticks, 1); /* nothing was missed before it */
    const uint64_t gap_q = due_q(9) - due_q(7) - 5;
    ck_assert_uint_gt(gap_q, 2 * INTERVAL_Q);
    ck_assert_uint_eq(span.wall_q, INTERVAL_Q - (gap_q - 2 * INTERVAL_Q) - 100);
}
END_TEST

/* The first tick's number is first_tick, whatever was missed before it. */
START_TEST(missed_before_the_first)
{
    struct range_thread thread = {0};
    struct span span;
    s.m.before_q = due_q(3);
    COLUMN(missed_at, missed_at, 0);
    COLUMN(missed_n, missed_n, 3);
    ck_assert_int_eq(open_range(), STATUS_OK);
    ck_assert_uint_eq(range.time_q[1], due_q(7) + 5);
    ck_assert_uint_eq(range.border_q[0], 4 * INTERVAL_Q); /* and 500 ns, which is less */
    ck_assert_uint_eq(range.border_q[1], 8 * INTERVAL_Q);
    ck_assert(range_next_thread(&range, &thread));
    ck_assert_uint_eq(range_spans(&range, &thread, &span, 1), 1);
    ck_assert_uint_eq(span.ticks, 4);
}
END_TEST

static struct span sums_between(uint64_t from_q, uint64_t to_q)
{
    struct range_thread thread = {0};
    struct span spans[2], sum = {0};
    size_t n;
    ck_assert_int_eq(open_range(), STATUS_OK);
    range_limit(&range, from_q, to_q);
    while (range_next_thread(&range, &thread)) {
        while ((n = range_spans(&range, &thread, spans, 2)) > 0) {
            for (size_t i = 0; i < n; i++) {
                sum.wall_q += spans[i].wall_q;
                sum.given_q += spans[i].given_q;
                sum.ticks += spans[i].ticks;
                sum.n += spans[i].n;
            }
        }
    }
    ck_assert_int_eq(range_finish(&range, &why), STATUS_OK);
    return sum;
}

/* Wherever a range is cut in two, the parts are the whole; also where something was missed. */
START_TEST(parts_add_up)
{
    COLUMN(missed_at, missed_at, 2);
    COLUMN(missed_n, missed_n, 3);
    COLUMN(missed_gap_q, gap, 2 * INTERVAL_Q + 40);
    const struct span whole = sums_between(0, UINT64_MAX);
    ck_assert_uint_eq(whole.wall_q, 2 * (5 * INTERVAL_Q - 40));
    for (uint32_t k = 0; k <= 4; k++) {
        const uint64_t at_q = range.time_q[k];
        const struct span before = sums_between(0, at_q), behind = sums_between(at_q, UINT64_MAX);
        ck_assert_uint_eq(before.wall_q + behind.wall_q, whole.wall_q);
        ck_assert_uint_eq(before.given_q + behind.given_q, whole.given_q);
        ck_assert_uint_eq(before.ticks + behind.ticks, whole.ticks);
        ck_assert_uint_eq(before.n + behind.n, whole.n);
    }
}
END_TEST

/* As it came: a thread's task before its first tick, then where it changes. */
START_TEST(reads_tasks)
{
    struct range_thread thread = {0};
    struct span spans[8];
    COLUMN(task_at, task_at, 1);
    COLUMN(task, task, 7, 8, 0); /* of both threads before; then none */
    ck_assert_int_eq(open_range(), STATUS_OK);
    const struct range mark = range;
    ck_assert(range_next_thread(&range, &thread));
    ck_assert_uint_eq(range_spans(&range, &thread, spans, 8), 4);
    ck_assert_uint_eq(spans[0].task, 7);
    ck_assert_uint_eq(spans[1].task, 7);
    ck_assert_uint_eq(spans[2].task, 0);
    ck_assert_uint_eq(spans[3].task, 0);
    ck_assert(range_next_thread(&range, &thread));
    ck_assert_uint_eq(range_spans(&range, &thread, spans, 8), 1);
    ck_assert_uint_eq(spans[0].task, 8);
    ck_assert_int_eq(range_finish(&range, &why), STATUS_OK);
    range_rewind(&range, &mark);
    thread = (struct range_thread){0};
    ck_assert(range_next_thread(&range, &thread));
    ck_assert_uint_eq(range_spans(&range, &thread, spans, 8), 4);
    ck_assert_uint_eq(spans[1].task, 7);
    ck_assert_uint_eq(spans[2].task, 0);
    COLUMN(task, task, 7); /* nobody had one before */
    ck_assert_int_eq(open_range(), STATUS_OK);
    ck_assert(range_next_thread(&range, &thread));
    ck_assert_uint_eq(range_spans(&range, &thread, spans, 8), 4);
    ck_assert_uint_eq(spans[0].task, 0);
    ck_assert_uint_eq(spans[2].task, 7);
    COLUMN(task, task, 7, 8); /* neither */
    ck_assert_int_eq(open_range(), STATUS_DAMAGED);
    COLUMN(task_at, task_at, 9);
    COLUMN(task, task, 7);
    ck_assert_int_eq(read_all(), STATUS_DAMAGED); /* behind the last explicit tick */
}
END_TEST

START_TEST(undefined_stacks_are_lost)
{
    struct range_thread thread = {0};
    struct span spans[8];
    COLUMN(stack, stack, 3, -1); /* 4, which is not there, and 3 */
    ck_assert_int_eq(open_range(), STATUS_OK);
    ck_assert(range_next_thread(&range, &thread));
    ck_assert_uint_eq(range_spans(&range, &thread, spans, 8), 4);
    ck_assert_uint_eq(spans[1].stack, DICT_STACK_LOST);
    ck_assert_uint_eq(spans[2].stack, 3);
    ck_assert_uint_eq(range.n_undefined, 1);
    COLUMN(stack, stack, -2, 1); /* -1 */
    ck_assert_int_eq(read_all(), STATUS_OK);
    ck_assert_uint_eq(range.n_undefined, 1);
}
END_TEST

#define EXPECT(wanted)                                                                             \
    do {                                                                                           \
        ck_assert_int_eq(read_all(), wanted);                                                      \
        teardown();                                                                                \
        setup();                                                                                   \
    } while (0)

START_TEST(columns_must_fit)
{
    EXPECT(STATUS_OK);
    COLUMN(run, run, 1, 2);
    EXPECT(STATUS_DAMAGED); /* too few runs */
    COLUMN(run, run, 1, 2, 1, 1);
    EXPECT(STATUS_DAMAGED); /* too many */
    COLUMN(run, run, 1, 2, 2);
    EXPECT(STATUS_DAMAGED); /* more ticks than there are */
    COLUMN(run, run, 1, 2, 0);
    EXPECT(STATUS_OK);
    COLUMN(run, run, 1, 3, 0);
    EXPECT(STATUS_DAMAGED); /* more explicit ticks than columns */
    COLUMN(stack, stack, 2, -1, 0);
    EXPECT(STATUS_DAMAGED);
    COLUMN(cpu, cpu, -100);
    EXPECT(STATUS_DAMAGED);
    COLUMN(state, state, 3, 0, 0);
    EXPECT(STATUS_DAMAGED);
    COLUMN(thread_stack, thread_stack, 1);
    EXPECT(STATUS_DAMAGED);
    COLUMN(thread_call, thread_call, 1, 0, 0);
    EXPECT(STATUS_DAMAGED);
    COLUMN(call_at, call_at, 2);
    EXPECT(STATUS_DAMAGED); /* behind the last explicit tick */
    COLUMN(call_at, call_at, 0, 1);
    EXPECT(STATUS_DAMAGED); /* two places, one call */
}
END_TEST

START_TEST(values_must_be_possible)
{
    COLUMN(thread, thread, 2, 0);
    EXPECT(STATUS_DAMAGED); /* the same thread twice */
    COLUMN(thread, thread, 2, UINT32_MAX - 1);
    EXPECT(STATUS_DAMAGED); /* an id over 32 bits */
    COLUMN(cpu, cpu, -20000, 0);
    EXPECT(STATUS_DAMAGED); /* a clock that goes back */
    COLUMN(late_q, late, 5, 0, -30000, 9);
    EXPECT(STATUS_DAMAGED); /* time that goes back */
    COLUMN(thread_begin, thread_begin, 3, 0);
    COLUMN(thread_end, thread_end, 2, 0);
    EXPECT(STATUS_DAMAGED);
    s.m.interval_ns = 0;
    EXPECT(STATUS_DAMAGED);
    s.m.interval_ns = (uint64_t)UINT32_MAX + 1;
    EXPECT(STATUS_LIMIT);
    s.m.first_tick = UINT64_MAX / 2;
    EXPECT(STATUS_LIMIT);
    s.m.origin_ns = UINT64_MAX;
    EXPECT(STATUS_LIMIT);
    s.m.before_q = UINT64_MAX;
    EXPECT(STATUS_LIMIT);
    COLUMN(missed_at, missed_at, 4);
    COLUMN(missed_n, missed_n, 1);
    EXPECT(STATUS_DAMAGED); /* before a tick that is not there */
    COLUMN(missed_at, missed_at, 1);
    EXPECT(STATUS_DAMAGED); /* how many? */
    COLUMN(missed_at, missed_at, 1);
    COLUMN(missed_n, missed_n, 1);
    COLUMN(missed_gap_q, gap, 9 * INTERVAL_Q);
    EXPECT(STATUS_DAMAGED); /* more than passed */
}
END_TEST

START_TEST(reads_holders)
{
    const struct range_holder *holders;
    ck_assert_int_eq(open_range(), STATUS_OK);
    ck_assert_uint_eq(range_holders(&range, &holders), 0); /* not known */
    COLUMN(holder_run, holder_run, 1, 3);
    COLUMN(holder, holder, 5, 0);
    ck_assert_int_eq(open_range(), STATUS_OK);
    ck_assert_uint_eq(range_holders(&range, &holders), 2);
    ck_assert(holders[0].thread == 5 && holders[0].n == 1);
    ck_assert(holders[1].thread == 0 && holders[1].n == 3);
    ck_assert_int_eq(range.status, STATUS_OK);
}
END_TEST

/* Runs that are too few, too many, too long, or without a thread. */
START_TEST(holders_must_fit)
{
    const struct range_holder *holders;
    COLUMN(holder_run, holder_run, 1, 3);
    COLUMN(holder, holder, 5, 0);
    if (_i == 0)
        s.holder_run[1] = 2;
    else if (_i == 1)
        s.holder_run[1] = 4;
    else if (_i == 2)
        s.holder_run[0] = UINT32_MAX;
    else if (_i == 3)
        s.m.n_holder = 1;
    else
        s.m.n_holder_run = 1;
    ck_assert_int_eq(open_range(), STATUS_OK);
    ck_assert_uint_eq(range_holders(&range, &holders), 0);
    ck_assert_int_eq(range.status, STATUS_DAMAGED);
    ck_assert_str_eq(range.fault, "runs of the GIL's holders");
}
END_TEST

START_TEST(an_empty_message_is_good)
{
    Pyrec__V1__Samples empty;
    pyrec__v1__samples__init(&empty);
    s.m = empty;
    ck_assert_int_eq(read_all(), STATUS_OK);
    ck_assert_uint_eq(range.n_ticks, 0);
}
END_TEST

/* Any byte of it may be anything: an answer comes, and no tool of the sanitizers complains. */
START_TEST(mutations_are_survived)
{
    uint8_t bytes[512];
    struct range_thread thread = {0};
    struct span spans[3];
    const size_t len = pyrec__v1__samples__get_packed_size(&s.m);
    ck_assert_uint_le(len, sizeof bytes);
    pyrec__v1__samples__pack(&s.m, packed);
    for (size_t i = 0; i < len; i++) {
        for (unsigned value = 0; value < 256; value++) {
            memcpy(bytes, packed, len);
            bytes[i] = (uint8_t)value;
            if (range_open(&range, (struct proto_column){bytes, bytes + len}, QUANTUM_NS, &dict,
                           &why) != STATUS_OK)
                continue;
            uint64_t samples = 0;
            while (range_next_thread(&range, &thread)) {
                size_t n;
                while ((n = range_spans(&range, &thread, spans, 3)) > 0) {
                    for (size_t k = 0; k < n; k++)
                        samples += spans[k].n;
                }
            }
            if (range_finish(&range, &why) == STATUS_OK && samples > range.n_threads * 4ull)
                ck_abort_msg("byte %zu = %u: too many samples", i, value);
        }
    }
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("span");
    TCase *const tests = tcase_create("span");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, reads_spans);
    tcase_add_test(tests, skips_spans_nobody_wants);
    tcase_add_test(tests, threads_come_and_go);
    tcase_add_test(tests, missed_ticks_and_gaps);
    tcase_add_test(tests, gaps_take_missed_ticks_only);
    tcase_add_test(tests, missed_before_the_first);
    tcase_add_test(tests, parts_add_up);
    tcase_add_test(tests, reads_tasks);
    tcase_add_test(tests, undefined_stacks_are_lost);
    tcase_add_test(tests, columns_must_fit);
    tcase_add_test(tests, values_must_be_possible);
    tcase_add_test(tests, reads_holders);
    tcase_add_loop_test(tests, holders_must_fit, 0, 5);
    tcase_add_test(tests, an_empty_message_is_good);
    tcase_add_test(tests, mutations_are_survived);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
