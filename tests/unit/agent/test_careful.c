/* SPDX-License-Identifier: MIT */
/* Loads that the kernel makes: what is there, what is not, and what is kept for one reading. */
#include "record/agent/base/careful.h"
#include "record/agent/base/peek.h"
#include "tests/unit/support/suite.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE  4096u
#define BLOCK 512u
#define LONG  3000u
#define TRAIL CAREFUL_STACKS
#define MANY  700u /* blocks: more than a reading keeps */

static uint8_t *memory; /* two pages; what comes after them cannot be read */

static void begin(void)
{
    memory = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(memory, MAP_FAILED);
    ck_assert_int_eq(mprotect(memory + 2 * PAGE, PAGE, PROT_NONE), 0);
    for (size_t i = 0; i < 2 * PAGE; i++)
        memory[i] = (uint8_t)(i * 31 + i / 256);
    ck_assert_int_eq(careful_begin(), 0);
    peek_be_careful();
}

static void end(void)
{
    careful_reading_end();
    careful_end();
    munmap(memory, 3 * PAGE);
}

/* In no reading and in one; also across blocks and pages, and up to the last byte. */
START_TEST(test_loads)
{
    uint8_t copy[LONG];
    if (_i)
        careful_reading_begin(TRAIL);
    for (size_t at = 0; at + 8 <= 2 * PAGE; at += 13) {
        uint32_t bad = 0;
        uint64_t word;
        memcpy(&word, memory + at, sizeof(word));
        ck_assert_uint_eq(peek((uintptr_t)memory + at, &bad), word);
        ck_assert_uint_eq(peek_u8((uintptr_t)memory + at, &bad), memory[at]);
        ck_assert_uint_eq(bad, 0);
    }
    for (size_t len = 0; len <= LONG; len += 111) {
        memset(copy, 0, sizeof(copy));
        ck_assert(peek_bytes(copy, (uintptr_t)memory + 2 * PAGE - len, len));
        ck_assert_mem_eq(copy, memory + 2 * PAGE - len, len);
    }
}
END_TEST

START_TEST(test_not_there)
{
    static const intptr_t offsets[] = {2 * PAGE, 2 * PAGE - 7, 3 * PAGE - 8};
    uint8_t copy[16];
    if (_i)
        careful_reading_begin(TRAIL);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
            uint32_t bad = 0;
            ck_assert_uint_eq(peek((uintptr_t)memory + (uintptr_t)offsets[i], &bad), 0);
            ck_assert_uint_eq(bad, 1);
        }
        uint32_t bad = 0;
        ck_assert_uint_eq(peek(8, &bad), 0); /* a null pointer's member */
        ck_assert_uint_eq(peek(UINTPTR_MAX - 7, &bad), 0);
        ck_assert_uint_eq(bad, 1);
        ck_assert(!peek_bytes(copy, (uintptr_t)memory + 2 * PAGE - 8, sizeof(copy)));
        ck_assert(peek_bytes(copy, (uintptr_t)memory + 2 * PAGE - 8, 8));
    }
}
END_TEST

/* Words of one block cost one call; a reading sees nothing that is older than itself. */
START_TEST(test_kept)
{
    uint32_t bad = 0;
    uint64_t *const words = (uint64_t *)memory;
    for (uint64_t round = 1; round <= 3; round++) {
        words[0] = words[3] = round;
        const uint64_t before = careful_calls();
        careful_reading_begin(_i ? TRAIL : CAREFUL_NO_TRAIL);
        ck_assert_uint_eq(peek((uintptr_t)&words[0], &bad), round);
        ck_assert_uint_eq(peek((uintptr_t)&words[3], &bad), round);
        words[3] = 100;
        ck_assert_uint_eq(peek((uintptr_t)&words[3], &bad), round); /* as it was then */
        ck_assert_uint_eq(careful_calls() - before, 1);
        careful_reading_end();
        ck_assert_uint_eq(peek((uintptr_t)&words[3], &bad), 100);
        ck_assert_uint_eq(careful_calls() - before, 2);
    }
    ck_assert_uint_eq(bad, 0);
}
END_TEST

/* What a reading along a trail looks at: some blocks side by side, some of one page, some alone. */
static const unsigned trail_blocks[] = {0, 1, 2, 7, 9, 15, 24, 31, 33};
#define N_TRAIL (sizeof(trail_blocks) / sizeof(trail_blocks[0]))

static uint64_t *far_memory(void)
{
    uint64_t *const words =
        mmap(NULL, MANY * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(words, MAP_FAILED);
    return words;
}

static uint64_t *block_of(uint64_t *words, unsigned block)
{
    return words + block * (BLOCK / sizeof(words[0])) + block % 60;
}

/* Calls made by one reading of these blocks, each of which has to hold `value` + its number, or,
 * from `end` on, cannot be read. */
static uint64_t reading(uint64_t *words, const unsigned *blocks, size_t n, uint64_t value,
                        unsigned end)
{
    const uint64_t before = careful_calls();
    careful_reading_begin(TRAIL + 5);
    for (size_t i = 0; i < n; i++) {
        uint32_t bad = 0;
        const uint64_t found = peek((uintptr_t)block_of(words, blocks[i]), &bad);
        ck_assert_uint_eq(bad, blocks[i] >= end);
        ck_assert_uint_eq(found, bad ? 0 : value + blocks[i]);
        if (!bad) /* whoever needs one word of a place needs others, too: here its last */
            ck_assert_uint_eq(peek((uintptr_t)words + (blocks[i] + 1) * BLOCK - 8, &bad), 0);
    }
    careful_reading_end();
    return careful_calls() - before;
}

static void fill(uint64_t *words, unsigned n, uint64_t value)
{
    for (unsigned block = 0; block < n; block++)
        *block_of(words, block) = value + block;
}

/* Where the last reading has looked is read in one call, and as it is now. */
START_TEST(test_trail)
{
    static const unsigned backwards[] = {33, 0, 24, 7, 9, 2, 31, 15, 1};
    uint64_t *const words = far_memory();
    fill(words, MANY, 1000);
    ck_assert_uint_eq(reading(words, backwards, N_TRAIL, 1000, MANY), N_TRAIL);
    for (uint64_t round = 2; round < 6; round++) {
        fill(words, MANY, round * 1000);
        ck_assert_uint_eq(reading(words, trail_blocks, N_TRAIL, round * 1000, MANY), 1);
    }
    /* one of another place: read by itself once */
    static const unsigned others[] = {12, 0};
    ck_assert_uint_eq(reading(words, others, 2, 5000, MANY), 2);
    ck_assert_uint_eq(reading(words, others, 2, 5000, MANY), 1);
    ck_assert_uint_eq(reading(words, trail_blocks, N_TRAIL, 5000, MANY), 1);
    /* what nobody has looked at for a while is left out */
    for (int i = 0; i < 6; i++)
        ck_assert_uint_eq(reading(words, others, 2, 5000, MANY), 1);
    ck_assert_uint_eq(reading(words, trail_blocks, N_TRAIL, 5000, MANY), N_TRAIL);
    munmap(words, MANY * BLOCK);
}
END_TEST

/* Memory of the trail that is no more: the rest of it is there, what is gone is told. */
START_TEST(test_trail_breaks)
{
    uint64_t *const words = far_memory();
    fill(words, MANY, 1000);
    reading(words, trail_blocks, N_TRAIL, 1000, MANY);
    ck_assert_int_eq(munmap((uint8_t *)words + 3 * PAGE, PAGE), 0); /* blocks 24 and 31 */
    fill(words, 24, 2000);
    reading(words, trail_blocks, 6, 2000, MANY);
    reading(words, trail_blocks, 8, 2000, 24);
    reading(words, trail_blocks, 8, 2000, 24);
    ck_assert_uint_eq(reading(words, trail_blocks, 6, 2000, MANY), 1);
    munmap(words, MANY * BLOCK);
}
END_TEST

/* More than is kept: all of it is read, again and again. */
START_TEST(test_trail_is_long)
{
    static unsigned all[MANY];
    uint64_t *const words = far_memory();
    for (unsigned i = 0; i < MANY; i++)
        all[i] = i * 37 % MANY;
    for (uint64_t round = 1; round < 4; round++) {
        fill(words, MANY, round * 1000);
        reading(words, all, MANY, round * 1000, MANY);
    }
    fill(words, MANY, 9000);
    ck_assert_uint_le(reading(words, all, MANY, 9000, MANY), MANY - 511 + 1);
    munmap(words, MANY * BLOCK);
}
END_TEST

/* In the midst of a reading: as it is at this moment. */
START_TEST(test_pause)
{
    uint32_t bad = 0;
    uint64_t *const words = (uint64_t *)memory;
    words[0] = 1;
    ck_assert(!careful_reading_pause());
    careful_reading_resume(false);
    careful_reading_begin(TRAIL);
    ck_assert_uint_eq(peek((uintptr_t)words, &bad), 1);
    words[0] = 2;
    ck_assert(careful_reading_pause());
    ck_assert_uint_eq(peek((uintptr_t)words, &bad), 2);
    careful_reading_resume(true);
    ck_assert_uint_eq(peek((uintptr_t)words, &bad), 1);
}
END_TEST

/* A child reads itself, not its parent, and goes no way that its parent was about to write down. */
START_TEST(test_child)
{
    uint64_t *const words = (uint64_t *)memory;
    uint32_t bad = 0;
    words[0] = 1;
    careful_reading_begin(TRAIL);
    peek((uintptr_t)words, &bad);
    careful_reading_end();
    careful_reading_begin(TRAIL);
    const pid_t child = fork();
    if (child == 0) {
        careful_adopt();
        words[0] = 2;
        const uint64_t before = careful_calls();
        careful_reading_begin(TRAIL);
        const bool is_fresh = careful_calls() == before;
        _exit(is_fresh && peek((uintptr_t)words, &bad) == 2 && !bad ? 0 : 1);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("careful");
    TCase *const tcase = tcase_create("careful");
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_loop_test(tcase, test_loads, 0, 2);
    tcase_add_loop_test(tcase, test_not_there, 0, 2);
    tcase_add_loop_test(tcase, test_kept, 0, 2);
    tcase_add_test(tcase, test_trail);
    tcase_add_test(tcase, test_trail_breaks);
    tcase_add_test(tcase, test_trail_is_long);
    tcase_add_test(tcase, test_pause);
    tcase_add_test(tcase, test_child);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
