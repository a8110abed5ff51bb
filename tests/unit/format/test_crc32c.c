/* SPDX-License-Identifier: MIT */
#include "format/crc32c.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <stdlib.h>

/* The definition: one bit at a time. */
static uint32_t by_bits(const uint8_t *bytes, size_t len)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

START_TEST(known_values)
{
    uint8_t zeros[32] = {0}, ones[32];
    for (int i = 0; i < 32; i++)
        ones[i] = 0xff;
    /* RFC 3720, B.4, and the check value of the catalogues. */
    ck_assert_uint_eq(crc32c_add(0, zeros, 32), 0x8a9136aau);
    ck_assert_uint_eq(crc32c_add(0, ones, 32), 0x62a8ab43u);
    ck_assert_uint_eq(crc32c_add(0, "123456789", 9), 0xe3069283u);
    ck_assert_uint_eq(crc32c_add(0, "", 0), 0);
}
END_TEST

START_TEST(all_ways_agree)
{
    uint8_t bytes[600];
    uint64_t random = 1;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(scratch_random(&random) >> 32);
    for (size_t start = 0; start < 9; start++)
        for (size_t len = 0; start + len <= sizeof(bytes); len++) {
            const uint32_t expected = by_bits(bytes + start, len);
            ck_assert_uint_eq(crc32c_add(0, bytes + start, len), expected);
            ck_assert_uint_eq(crc32c_add_portable(0, bytes + start, len), expected);
            const uint32_t half = crc32c_add(0, bytes + start, len / 3);
            ck_assert_uint_eq(crc32c_add(half, bytes + start + len / 3, len - len / 3), expected);
        }
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("crc32c");
    TCase *const tests = tcase_create("crc32c");
    tcase_add_test(tests, known_values);
    tcase_add_test(tests, all_ways_agree);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
