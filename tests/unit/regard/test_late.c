/* SPDX-License-Identifier: MIT */
/*
 * stream: what a thread answers late is the stack of its samples for as long as its clock stood
 * still, and of no others.
 */
#include "record/decode/stream.h"
#include "tests/unit/support/suite.h"

#include <stdlib.h>
#include <string.h>

#define TICK_NS 1000000ull
#define FRAMES  4

static struct stream stream;
static struct problem why;
static uint64_t number;
static uint16_t flags; /* of samples */

static void apply(const struct wire_record *record)
{
    ck_assert_int_eq(stream_apply(&stream, record, UINT64_MAX / 2, &why), STATUS_OK);
}

static void tick(void)
{
    ck_assert_int_eq(stream_close_tick(&stream, &why), STATUS_OK);
    number++;
    apply(&(struct wire_tick){.record = {sizeof(struct wire_tick), WIRE_TICK, 0},
                              .time_ns = (number + 1) * TICK_NS,
                              .number = number}
               .record);
}

/* The stack is `keep` frames of the last one, then `name`d ones of C that nobody knows. */
static void frames_make(struct wire_frame *frames, const char *name)
{
    for (size_t i = 0; name[i] != '\0'; i++)
        frames[i] = (struct wire_frame){.code = (uint32_t)name[i], .instr = (int32_t)i};
}

static void sample(uint32_t thread, uint64_t cpu_ns, uint32_t state, uint32_t keep,
                   const char *name)
{
    _Alignas(8)
        uint8_t bytes[sizeof(struct wire_sample) + FRAMES * sizeof(struct wire_frame)] = {0};
    struct wire_sample *record = (struct wire_sample *)(void *)bytes;
    record->record = (struct wire_record){
        (uint32_t)(sizeof *record + strlen(name) * sizeof *record->frames), WIRE_SAMPLE, flags};
    record->thread = thread;
    record->state = (uint16_t)state;
    record->cpu_ns = cpu_ns;
    record->call = -1;
    record->keep = keep;
    record->n = (uint32_t)strlen(name);
    frames_make(record->frames, name);
    apply(&record->record);
}

static void late(uint32_t thread, uint64_t cpu_ns, uint32_t keep, const char *name)
{
    _Alignas(8) uint8_t bytes[sizeof(struct wire_late) + FRAMES * sizeof(struct wire_frame)] = {0};
    struct wire_late *record = (struct wire_late *)(void *)bytes;
    record->record = (struct wire_record){
        (uint32_t)(sizeof *record + strlen(name) * sizeof *record->frames), WIRE_LATE, 0};
    record->thread = thread;
    record->n_counted = 3;
    record->why = WIRE_C_MISSING_COUNT;
    record->cpu_ns = cpu_ns;
    record->keep = keep;
    record->n = (uint32_t)strlen(name);
    frames_make(record->frames, name);
    apply(&record->record);
}

/* Stacks of a thread's explicit ticks, one after the other. */
static uint32_t stack_at(uint32_t thread, uint32_t i)
{
    uint32_t stack = roster_find(&stream.roster, thread)->chunk.stack;
    for (uint32_t k = 0; k < stream.batch.n_entries; k++) {
        if (stream.batch.entries[k].thread->id != thread)
            continue;
        stack += (uint32_t)stream.batch.entries[k].stack;
        if (i-- == 0)
            return stack;
    }
    ck_abort_msg("no such entry");
    return 0;
}

static void setup(void)
{
    number = 0;
    stream_init(&stream, (struct stream_clock){0, 1000}, 0, 0, TICK_NS);
    for (uint32_t thread = 1; thread <= 2; thread++)
        apply(&(struct wire_thread){.record = {sizeof(struct wire_thread), WIRE_THREAD, 0},
                                    .thread = thread,
                                    .python_ident = thread}
                   .record);
}

static void teardown(void)
{
    stream_clear(&stream);
}

START_TEST(test_entries)
{
    tick();
    sample(1, 5000, WIRE_ON_CPU, 0, "ab");
    sample(2, 7000, WIRE_READY, 0, "xy");
    tick();
    sample(1, 7000, WIRE_READY, 1, "-"); /* asked here, it stands still from here on */
    tick();
    sample(1, 7000, WIRE_READY | WIRE_UNKNOWN, 2, "");
    sample(2, 7000, WIRE_READY | WIRE_UNKNOWN, 2, "");
    tick();
    tick();
    late(1, 7000, 1, "bc");
    sample(1, 9000, WIRE_ON_CPU, 3, "d");
    tick();
    ck_assert_uint_eq(stream.batch.n_entries, 6);
    const struct roster_thread *thread = roster_find(&stream.roster, 1);
    const uint32_t answered = thread->nodes[2];
    ck_assert_uint_ne(stack_at(1, 0), answered); /* it ran after that one */
    ck_assert_uint_eq(stack_at(1, 1), answered);
    ck_assert_uint_eq(stack_at(1, 2), answered);
    ck_assert_uint_eq(stack_at(1, 3), thread->nodes[3]);
    ck_assert_uint_eq(thread->now.stack, thread->nodes[3]);
    ck_assert_uint_eq(stack_at(2, 0), stack_at(2, 1)); /* another thread's with that clock */
    ck_assert_uint_ne(stack_at(2, 0), answered);
    ck_assert_uint_eq(roster_find(&stream.roster, 2)->now.stack, stack_at(2, 1));
}
END_TEST

/* The sample that it is about is of the tick that is still open. */
START_TEST(test_open_tick)
{
    tick();
    sample(1, 5000, WIRE_ON_CPU, 0, "ab");
    tick();
    sample(1, 7000, WIRE_READY, 1, "-");
    late(1, 7000, 1, "bc");
    tick();
    const struct roster_thread *thread = roster_find(&stream.roster, 1);
    ck_assert_uint_eq(stack_at(1, 1), thread->nodes[2]);
    ck_assert_uint_ne(stack_at(1, 0), thread->nodes[2]);
    ck_assert_uint_eq(thread->now.stack, thread->nodes[2]);
}
END_TEST

/* What was written stays as it was; what the batch has of it since is corrected. */
START_TEST(test_chunk_between)
{
    tick();
    sample(1, 7000, WIRE_READY, 0, "a-");
    tick();
    ck_assert_int_eq(stream_close_tick(&stream, &why), STATUS_OK);
    stream_restart_batch(&stream);
    const struct roster_thread *thread = roster_find(&stream.roster, 1);
    const uint32_t gap = thread->now.stack;
    tick();
    tick();
    late(1, 7000, 1, "bc");
    ck_assert_uint_eq(thread->now.stack, gap); /* no entry to correct */
    sample(1, 9000, WIRE_ON_CPU, 3, "");
    tick();
    ck_assert_uint_eq(stack_at(1, 0), thread->nodes[2]);
    sample(1, 9500, WIRE_READY, 1, "-");
    tick();
    ck_assert_int_eq(stream_close_tick(&stream, &why), STATUS_OK);
    stream_restart_batch(&stream);
    tick();
    sample(1, 9500, WIRE_READY | WIRE_UNKNOWN, 2, "");
    tick();
    late(1, 9500, 1, "bd");
    ck_assert_uint_eq(stack_at(1, 0), thread->nodes[2]);
    ck_assert_uint_eq(thread->now.stack, thread->nodes[2]);
    /* so the books: three were counted each time, of which none and one were there to be corrected
     */
    ck_assert_uint_eq(stream.late[WIRE_C_MISSING_COUNT], 1);
}
END_TEST

/* Asked on a CPU, which it lost before the signal got there: joined to the sample after that. */
START_TEST(test_joined)
{
    tick();
    sample(1, 5000, WIRE_ON_CPU, 0, "ab");
    tick();
    sample(1, 7000, WIRE_ON_CPU | WIRE_STALLED, 1, "-");
    tick();
    flags = WIRE_SAMPLE_JOINED;
    sample(1, 7020, WIRE_READY, 2, "");
    flags = 0;
    tick();
    late(1, 7020, 1, "bc");
    sample(1, 9000, WIRE_ON_CPU, 3, "");
    tick();
    const uint32_t answered = roster_find(&stream.roster, 1)->nodes[2];
    ck_assert_uint_ne(stack_at(1, 0), answered);
    ck_assert_uint_eq(stack_at(1, 1), answered);
    ck_assert_uint_eq(stack_at(1, 2), answered);
    ck_assert_uint_eq(stream.late[WIRE_C_MISSING_COUNT], 2);
    sample(1, 9500, WIRE_ON_CPU | WIRE_STALLED, 1, "-");
    tick();
    sample(1, 9520, WIRE_READY, 2, ""); /* not joined: of this one only */
    tick();
    late(1, 9520, 1, "bd");
    ck_assert_uint_ne(stack_at(1, 4), roster_find(&stream.roster, 1)->nodes[2]);
    ck_assert_uint_eq(stack_at(1, 5), roster_find(&stream.roster, 1)->nodes[2]);
}
END_TEST

/* Of another clock than its last sample's: then that one found no room in the ring. */
START_TEST(test_other_clock)
{
    tick();
    sample(1, 7000, WIRE_READY, 0, "a-");
    tick();
    const struct roster_thread *thread = roster_find(&stream.roster, 1);
    const uint32_t gap = thread->now.stack;
    late(1, 7001, 1, "bc");
    ck_assert_uint_eq(thread->now.stack, gap);
    ck_assert_uint_eq(stack_at(1, 0), gap);
    ck_assert_uint_eq(thread->depth, 3); /* what follows is told on top of it all the same */
    late(9, 7000, 0, "bc");
    ck_assert_uint_eq(stream.orphans, 1);
}
END_TEST

START_TEST(test_damaged)
{
    tick();
    sample(1, 7000, WIRE_READY, 0, "a-");
    struct wire_late record = {.record = {sizeof record, WIRE_LATE, 0}, .thread = 1, .n = 1};
    ck_assert_int_eq(stream_apply(&stream, &record.record, UINT64_MAX / 2, &why), STATUS_DAMAGED);
    record.n = 0;
    record.why = WIRE_C_MISSING_COUNT + 1;
    ck_assert_int_eq(stream_apply(&stream, &record.record, UINT64_MAX / 2, &why), STATUS_DAMAGED);
    record.why = 0;
    record.keep = 3;
    ck_assert_int_eq(stream_apply(&stream, &record.record, UINT64_MAX / 2, &why), STATUS_DAMAGED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("late");
    TCase *tc = tcase_create("late");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_entries);
    tcase_add_test(tc, test_open_tick);
    tcase_add_test(tc, test_chunk_between);
    tcase_add_test(tc, test_joined);
    tcase_add_test(tc, test_other_clock);
    tcase_add_test(tc, test_damaged);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
