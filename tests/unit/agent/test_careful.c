/* SPDX-License-Identifier: MIT */
/* Loads that the kernel makes: what is there, what is not, and what is kept for one reading. */
#include "record/agent/base/careful.h"
#include "record/agent/base/peek.h"
#include "tests/unit/support/suite.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096u
#define LONG 3000u

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
        careful_reading_begin();
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
        careful_reading_begin();
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
        careful_reading_begin();
        const uint64_t before = careful_calls();
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

/* A child reads itself, not its parent. */
START_TEST(test_child)
{
    uint64_t *const words = (uint64_t *)memory;
    words[0] = 1;
    const pid_t child = fork();
    if (child == 0) {
        uint32_t bad = 0;
        careful_adopt();
        words[0] = 2;
        _exit(peek((uintptr_t)words, &bad) == 2 && !bad ? 0 : 1);
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
    tcase_add_test(tcase, test_kept);
    tcase_add_test(tcase, test_child);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
