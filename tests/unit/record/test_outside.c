/* SPDX-License-Identifier: MIT */
/*
 * Stacks and lists of threads read from outside: our own process is the other one, with a made-up
 * interpreter in it that is right at first and spoilt then. Whatever is in there, reading ends and
 * says so.
 */
#include "record/agent/base/peek.h"
#include "record/dump/crowd.h"
#include "record/dump/plain.h"
#include "record/dump/reading.h"
#include "record/regard/outside.h"
#include "tests/unit/support/fake_interp.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const unsigned minors[] = {8, 9, 10, 11, 12, 13, 14, 15};
enum { N_MINORS = sizeof(minors) / sizeof(minors[0]), SPOILT = 1500, ARENA = 1 << 20 };

static struct fake fake;
static struct reading reading;
static struct python python;

/* The fake's own loads do not fault here. */
bool peek_recover(uintptr_t *pc)
{
    (void)pc;
    return false;
}

static void chain_make(unsigned minor, unsigned depth)
{
    fake_new(&fake, minor);
    fake_enter(&fake);
    for (unsigned i = 0; i < depth; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%u", i);
        fake_push(&fake, fake_code(&fake, name, "program.py", (int)(10 * i + 1), 0), 5);
    }
    python = (struct python){.interp = fake.interp};
}

static void setup(unsigned minor, unsigned depth, struct reading_fold fold)
{
    const struct remote remote = {.pid = getpid(), .tid = getpid()};
    chain_make(minor, depth);
    outside_open(&remote);
    ck_assert(reading_init(&reading, &fake.interp, fold));
}

static void teardown(void)
{
    reading_clear(&reading);
    fake_free(&fake);
}

static bool is_function(uint32_t i, const char *name)
{
    const struct reading_frame *const frame = &reading.frames[i];
    return frame->function_len == strlen(name) &&
           memcmp(frame->function, name, frame->function_len) == 0;
}

START_TEST(whole_stack)
{
    setup(minors[_i], 12, (struct reading_fold){0, 0});
    ck_assert_ptr_null(reading_take(&reading, fake.tstate));
    ck_assert_uint_eq(reading.depth, 12);
    ck_assert_uint_eq(reading.n_frames, 12);
    ck_assert(is_function(0, "f11") && is_function(11, "f0"));
    ck_assert_uint_eq(reading.frames[3].file_len, strlen("program.py"));
    teardown();
}
END_TEST

START_TEST(folded_stack)
{
    setup(minors[_i], 12, (struct reading_fold){3, 2});
    ck_assert_ptr_null(reading_take(&reading, fake.tstate));
    ck_assert_uint_eq(reading.depth, 12);
    ck_assert_uint_eq(reading.n_frames, 5);
    ck_assert_uint_eq(reading.n_left, 7);
    ck_assert(is_function(0, "f11") && is_function(2, "f9") && is_function(3, "f1") &&
              is_function(4, "f0"));
    teardown();
    setup(minors[_i], 4, (struct reading_fold){3, 2}); /* nothing to leave out */
    ck_assert_ptr_null(reading_take(&reading, fake.tstate));
    ck_assert_uint_eq(reading.n_frames, 4);
    ck_assert_uint_eq(reading.n_left, 0);
    teardown();
}
END_TEST

static uint32_t n_reads;

/* As the kernel does it, one page at a time. */
static bool counting_read(void *closure, uint64_t at, void *to, size_t n)
{
    const struct remote *const self = closure;
    n_reads++;
    return remote_read(self, at, to, n);
}

/* A reading asks for each page once, however often it is looked at, and for each anew the next
 * time. */
START_TEST(calls_of_a_reading)
{
    struct remote self = {.pid = getpid(), .tid = getpid()};
    const struct remote counted = {.pid = getpid(), .read = counting_read, .closure = &self};
    uint32_t first = 0;
    chain_make(minors[_i], 40);
    outside_open(&counted);
    ck_assert(reading_init(&reading, &fake.interp, (struct reading_fold){0, 0}));
    for (int round = 0; round < 3; round++) {
        n_reads = 0;
        ck_assert_ptr_null(reading_take(&reading, fake.tstate));
        ck_assert_uint_eq(reading.n_frames, 40);
        if (round == 0)
            first = n_reads;
        ck_assert_uint_eq(n_reads, first);
    }
    ck_assert_uint_gt(first, 0);
    ck_assert_msg(first <= 20, "%u calls for 40 frames", first);
    teardown();
}
END_TEST

START_TEST(list_of_threads)
{
    struct crowd crowd = {.tasks = NULL};
    setup(minors[_i], 2, (struct reading_fold){0, 0});
    ck_assert(crowd_read(&crowd, getpid(), &python));
    ck_assert(crowd.is_whole);
    ck_assert_uint_eq(crowd.n_states, 1);
    ck_assert_uint_eq(crowd.states[0].at, fake.tstate);
    ck_assert_int_eq(crowd.states[0].tid, 0); /* it says no number */
    ck_assert_uint_ge(crowd.n_tasks, 1);
    crowd_clear(&crowd);
    teardown();
}
END_TEST

/* A list of threads that leads back to its beginning, and one that leads nowhere. */
START_TEST(list_without_end)
{
    struct crowd crowd = {.tasks = NULL};
    setup(minors[_i], 2, (struct reading_fold){0, 0});
    const struct pyver *const ver = &fake.interp.ver;
    fake_put(fake.tstate + ver->thread.next, fake.tstate);
    ck_assert(crowd_read(&crowd, getpid(), &python));
    ck_assert(!crowd.is_whole);
    crowd_clear(&crowd);
    fake_put(fake.tstate + ver->thread.next, 0x1230);
    ck_assert(crowd_read(&crowd, getpid(), &python));
    ck_assert(!crowd.is_whole);
    crowd_clear(&crowd);
    fake_put(fake.tstate + ver->thread.next, 0);
    fake_put(fake.state + ver->interp.next, fake.state);
    ck_assert(crowd_read(&crowd, getpid(), &python));
    ck_assert(!crowd.is_whole);
    crowd_clear(&crowd);
    teardown();
}
END_TEST

START_TEST(chain_without_end)
{
    setup(minors[_i], 6, (struct reading_fold){0, 0});
    const struct pyver *const ver = &fake.interp.ver;
    fake_put(fake.leaf + ver->frame.previous, fake.leaf);
    ck_assert(reading_take(&reading, fake.tstate) != NULL || reading.is_cut);
    teardown();
}
END_TEST

/* A datastack whose older chunks lead in a circle, and a frame in none of them. */
START_TEST(chunks_without_end)
{
    if (minors[_i] < 11)
        return;
    setup(minors[_i], 6, (struct reading_fold){0, 0});
    const struct pyver *const ver = &fake.interp.ver;
    fake_put(fake.chunk + ver->chunk.previous, fake.chunk);
    fake_put(fake.chunk + ver->chunk.top, 0);
    fake_put(fake.tstate + ver->thread.chunk_top, fake.chunk + ver->chunk.data);
    ck_assert_ptr_nonnull(reading_take(&reading, fake.tstate));
    teardown();
}
END_TEST

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t hostile_word(uint64_t *state)
{
    const uint64_t any = random_next(state);
    switch (random_next(state) % 6) {
    case 0:
        return (uintptr_t)fake.memory + any % ARENA; /* somewhere in it, not aligned */
    case 1:
        return ((uintptr_t)fake.memory + any % fake.used) & ~(uint64_t)7;
    case 2:
        return any & 0x7fffffff; /* a count */
    case 3:
        return UINT64_MAX - any % 16;
    case 4:
        return any % 64;
    default:
        return any;
    }
}

START_TEST(spoilt_memory)
{
    uint64_t state = 88172645463325252u + (uint64_t)_i;
    uint8_t *const right = malloc(ARENA);
    setup(minors[_i], 6, (struct reading_fold){0, 0});
    memcpy(right, fake.memory, ARENA);
    for (unsigned i = 0; i < SPOILT; i++) {
        struct crowd crowd = {.tasks = NULL};
        for (uint64_t k = 0, n = 1 + random_next(&state) % 6; k < n; k++)
            fake_put((uintptr_t)fake.memory + random_next(&state) % (fake.used - 8),
                     hostile_word(&state));
        (void)reading_take(&reading, fake.tstate);
        ck_assert_uint_le(reading.depth, READING_DEPTH_MAX);
        if (i % 50 == 0)
            ck_assert(crowd_read(&crowd, getpid(), &python));
        crowd_clear(&crowd);
        memcpy(fake.memory, right, ARENA);
    }
    ck_assert_ptr_null(reading_take(&reading, fake.tstate)); /* it is whole again */
    teardown();
    free(right);
}
END_TEST

/* Across the border of two pages, one of which is not there. */
START_TEST(loads)
{
    const struct remote remote = {.pid = getpid(), .tid = getpid()};
    uint8_t *const memory = aligned_alloc(4096, 2 * 4096);
    uint32_t bad = 0;
    uint8_t bytes[16];
    for (unsigned i = 0; i < 2 * 4096; i++)
        memory[i] = (uint8_t)i;
    memory[4096] = 0xaa;
    outside_open(&remote);
    ck_assert_uint_eq(peek((uintptr_t)memory + 4092, &bad), 0x030201aafffefdfcu);
    ck_assert(peek_bytes(bytes, (uintptr_t)memory + 4090, 16) && !bad && bytes[6] == 0xaa);
    ck_assert_uint_eq(peek(8, &bad), 0);
    ck_assert_uint_eq(bad, 1);
    memory[100] = 7; /* a reading is of one moment .. */
    bad = 0;
    ck_assert_uint_eq(peek_u8((uintptr_t)memory + 100, &bad), 100);
    outside_forget(2); /* .. the next of another, and has so many loads */
    ck_assert_uint_eq(peek_u8((uintptr_t)memory + 100, &bad), 7);
    ck_assert(!outside_is_spent() && !bad);
    (void)peek((uintptr_t)memory, &bad);
    ck_assert(!outside_is_spent());
    (void)peek((uintptr_t)memory, &bad);
    ck_assert(outside_is_spent() && bad);
    free(memory);
}
END_TEST

static void plain_check(const char *text, unsigned columns, const char *expected)
{
    char *out = NULL;
    size_t len = 0;
    FILE *const to = open_memstream(&out, &len);
    plain_write(to, text, columns);
    fclose(to);
    ck_assert_str_eq(out, expected);
    free(out);
}

START_TEST(plain_text)
{
    ck_assert(setenv("LC_ALL", "C.UTF-8", 1) == 0);
    plain_check("caf\xc3\xa9 \x1b[31m\n", 0, "caf\xc3\xa9 \\x1b[31m\\x0a");
    plain_check("a\xc2\x85"
                "b\xe2\x80\xae"
                "c",
                0, "a\\x85b\\u202ec");
    plain_check("12345678", 8, "12345678");
    plain_check("123456789", 8, "123..789");
    plain_check("123456789", 9, "123456789");
    plain_check("1234567890", 9, "1234..890");
    plain_check("1\x1b"
                "456789",
                8, "1..789"); /* no half of an escape */
    plain_check("123456\x1b", 8, "123..");
    plain_check("\xc3", 0, "\xc3");
    ck_assert(setenv("LC_ALL", "C", 1) == 0);
    plain_check("caf\xc3\xa9 \xe2\x80\xa6 \xf0\x9f\x98\x80", 0, "caf\\xe9 \\u2026 \\U0001f600");
    plain_check("caf\xc3\xa9 12345", 8, "caf..345");
    plain_check("caf\xc3\xa9", 7, "caf\\xe9");
    ck_assert(setenv("LC_ALL", "de_DE.utf8", 1) == 0);
    plain_check("caf\xc3\xa9", 7, "caf\xc3\xa9");
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("outside");
    TCase *const tcase = tcase_create("all");
    tcase_add_loop_test(tcase, whole_stack, 0, N_MINORS);
    tcase_add_loop_test(tcase, folded_stack, 0, N_MINORS);
    tcase_add_loop_test(tcase, calls_of_a_reading, 0, N_MINORS);
    tcase_add_loop_test(tcase, list_of_threads, 0, N_MINORS);
    tcase_add_loop_test(tcase, list_without_end, 0, N_MINORS);
    tcase_add_loop_test(tcase, chain_without_end, 0, N_MINORS);
    tcase_add_loop_test(tcase, chunks_without_end, 0, N_MINORS);
    tcase_add_loop_test(tcase, spoilt_memory, 0, N_MINORS);
    tcase_add_test(tcase, loads);
    tcase_add_test(tcase, plain_text);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
