/* SPDX-License-Identifier: MIT */
#include "format/proto_arena.h"
#include "format/trace.pb-c.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A Defs message with `n` strings of `len` bytes and as many threads. */
static uint8_t *defs_pack(size_t n, size_t len, size_t n_threads, size_t *packed_len)
{
    Pyrec__V1__Defs defs = PYREC__V1__DEFS__INIT;
    Pyrec__V1__Thread *const threads = calloc(n_threads + 1, sizeof(*threads));
    char *const text = calloc(1, len + 1);

    memset(text, 'x', len);
    defs.first_string = 1;
    defs.n_string = n;
    defs.string = calloc(n + 1, sizeof(*defs.string));
    for (size_t i = 0; i < n; i++)
        defs.string[i] = text;
    defs.n_thread = n_threads;
    defs.thread = calloc(n_threads + 1, sizeof(*defs.thread));
    for (size_t i = 0; i < n_threads; i++) {
        pyrec__v1__thread__init(&threads[i]);
        threads[i].id = (uint32_t)i + 1;
        threads[i].os_tid = 4711;
        threads[i].name = 1;
        defs.thread[i] = &threads[i];
    }
    *packed_len = pyrec__v1__defs__get_packed_size(&defs);
    uint8_t *const packed = malloc(*packed_len + 1);
    pyrec__v1__defs__pack(&defs, packed);
    free(defs.string);
    free(defs.thread);
    free(threads);
    free(text);
    return packed;
}

START_TEST(unpacks_and_is_used_again)
{
    struct proto_arena arena = {0};

    for (size_t round = 0; round < 20; round++) {
        size_t len;
        uint8_t *const packed = defs_pack(round * 100, round, round * 10, &len);
        const Pyrec__V1__Defs *const defs =
            pyrec__v1__defs__unpack(proto_arena_reset(&arena, len), len, packed);
        ck_assert_ptr_nonnull(defs);
        ck_assert_uint_eq(defs->n_string, round * 100);
        for (size_t i = 0; i < defs->n_string; i++)
            ck_assert_uint_eq(strlen(defs->string[i]), round);
        ck_assert_uint_eq(defs->n_thread, round * 10);
        for (size_t i = 0; i < defs->n_thread; i++)
            ck_assert_uint_eq(defs->thread[i]->id, i + 1);
        ck_assert_uint_le(arena.used, 16 * len + 65536);
        free(packed);
    }
    proto_arena_clear(&arena);
}
END_TEST

START_TEST(lid_holds_wherever_it_falls)
{
    struct proto_arena arena = {0};
    size_t len;
    uint8_t *const packed = defs_pack(50, 9, 20, &len);

    (void)pyrec__v1__defs__unpack(proto_arena_reset(&arena, len), len, packed);
    const size_t needed = arena.used;
    ck_assert_uint_gt(needed, 0);
    /* A block of exactly `lid` bytes each time: the sanitizer sees a byte too many. */
    for (size_t lid = 0; lid < needed; lid += 8) {
        ProtobufCAllocator *const allocator = proto_arena_reset(&arena, len);
        free(arena.block);
        arena.block = NULL;
        arena.size = 0;
        arena.lid = lid;
        ck_assert_ptr_null(pyrec__v1__defs__unpack(allocator, len, packed));
        ck_assert_uint_le(arena.used, lid);
    }
    ProtobufCAllocator *const allocator = proto_arena_reset(&arena, len);
    arena.lid = needed;
    ck_assert_ptr_nonnull(pyrec__v1__defs__unpack(allocator, len, packed));
    free(packed);
    proto_arena_clear(&arena);
}
END_TEST

START_TEST(greedy_message_is_refused)
{
    struct proto_arena arena = {0};
    const size_t len = 2u << 20;
    uint8_t *const packed = malloc(len);

    /* Empty threads (field 24, no bytes), three bytes each and forty times that when unpacked. */
    for (size_t i = 0; i < len; i++)
        packed[i] = (uint8_t[]){0xc2, 0x01, 0x00}[i % 3];
    const size_t whole = len - len % 3;
    ck_assert_ptr_null(pyrec__v1__defs__unpack(proto_arena_reset(&arena, whole), whole, packed));
    ck_assert_uint_le(arena.used, 16 * whole + 65536);
    free(packed);
    proto_arena_clear(&arena);
}
END_TEST

START_TEST(every_odd_message_of_a_recorder_fits)
{
    struct proto_arena arena = {0};
    size_t len;

    /* Names of four letters, a hundred thousand of them. */
    uint8_t *packed = defs_pack(100000, 4, 0, &len);
    ck_assert_ptr_nonnull(pyrec__v1__defs__unpack(proto_arena_reset(&arena, len), len, packed));
    free(packed);
    /* Threads about which next to nothing is known. */
    packed = defs_pack(0, 0, 65536, &len);
    ck_assert_ptr_nonnull(pyrec__v1__defs__unpack(proto_arena_reset(&arena, len), len, packed));
    free(packed);
    proto_arena_clear(&arena);
}
END_TEST

START_TEST(a_storm_of_events_fits)
{
    enum { N = 100000 };
    struct proto_arena arena = {0};
    Pyrec__V1__Event event;
    Pyrec__V1__Event **const list = malloc(N * sizeof(*list));
    Pyrec__V1__Events events = {PROTOBUF_C_MESSAGE_INIT(&pyrec__v1__events__descriptor), N, list};

    pyrec__v1__event__init(&event);
    event.time_q = 3600000000u;
    event.thread = 70000;
    event.type = PYREC__V1__EVENT__TYPE__THREAD_START;
    for (size_t i = 0; i < N; i++)
        list[i] = &event;
    const size_t len = pyrec__v1__events__get_packed_size(&events);
    uint8_t *const packed = malloc(len);
    pyrec__v1__events__pack(&events, packed);
    ck_assert_ptr_nonnull(pyrec__v1__events__unpack(proto_arena_reset(&arena, len), len, packed));
    printf("events: %.1f bytes of memory per byte, of 16\n", (double)arena.used / (double)len);
    free(packed);
    free(list);
    proto_arena_clear(&arena);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("proto_arena");
    TCase *const tests = tcase_create("proto_arena");
    tcase_add_test(tests, unpacks_and_is_used_again);
    tcase_add_test(tests, lid_holds_wherever_it_falls);
    tcase_add_test(tests, greedy_message_is_refused);
    tcase_add_test(tests, every_odd_message_of_a_recorder_fits);
    tcase_add_test(tests, a_storm_of_events_fits);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
