/* SPDX-License-Identifier: MIT */
/* What a code object says of itself, in the layout of every version; strings of every kind. */
#include "record/agent/cpython/describe.h"
#include "tests/unit/support/fake_interp.h"
#include "tests/unit/support/suite.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_MINOR = 8, END_MINOR = 16 };

static struct fake fake;
static char buffer[64 << 10];
static struct description what;

static bool describe(uintptr_t code)
{
    return describe_code(&fake.interp, code, buffer, sizeof(buffer), &what);
}

START_TEST(plain)
{
    fake_new(&fake, (unsigned)_i);
    ck_assert(describe(fake_code(&fake, "Klass.method", "/srv/app/main.py", 42, 0)));
    ck_assert_int_eq(what.first_line, 42);
    ck_assert_uint_eq(what.name_len, 12);
    ck_assert_mem_eq(what.bytes, "Klass.method", 12);
    ck_assert_uint_eq(what.file_len, 16);
    ck_assert_mem_eq(what.bytes + 12, "/srv/app/main.py", 16);
    ck_assert_uint_eq(what.table_len, 4);
    ck_assert_mem_eq(what.bytes + 28, "\x80\x01\x02\x03", 4);
    fake_free(&fake);
}
END_TEST

static void name_is(const uint32_t *points, size_t n, const char *utf8)
{
    fake_new(&fake, 12);
    const uintptr_t code = fake_code(&fake, "x", "f", 1, 0);
    fake_put(code + fake.interp.ver.code.name, fake_str(&fake, points, n));
    ck_assert(describe(code));
    ck_assert_uint_eq(what.name_len, strlen(utf8));
    ck_assert_mem_eq(what.bytes, utf8, strlen(utf8));
    fake_free(&fake);
}

START_TEST(kinds_of_strings)
{
    name_is((const uint32_t[]){'a', 0xe9}, 2, "a\xc3\xa9");       /* Latin-1 */
    name_is((const uint32_t[]){'a', 0x20ac}, 2, "a\xe2\x82\xac"); /* UCS-2 */
    name_is((const uint32_t[]){0x1f40d, 'b'}, 2,
            "\xf0\x9f\x90\x8d"
            "b");                                                 /* UCS-4 */
    name_is((const uint32_t[]){'a', 0xdcff}, 2, "a\xed\xb3\xbf"); /* lone surrogate, as three */
}
END_TEST

START_TEST(long_name_is_cut)
{
    uint32_t points[DESCRIBE_NAME_MAX + 100];
    for (size_t i = 0; i < DESCRIBE_NAME_MAX + 100; i++)
        points[i] = 'x';
    fake_new(&fake, 13);
    const uintptr_t code = fake_code(&fake, "x", "f", 1, 0);
    fake_put(code + fake.interp.ver.code.name, fake_str(&fake, points, DESCRIBE_NAME_MAX + 100));
    ck_assert(describe(code));
    ck_assert_uint_eq(what.name_len, DESCRIBE_NAME_MAX);
    ck_assert_mem_eq(what.bytes + DESCRIBE_NAME_MAX, "f", 1);
    fake_free(&fake);
}
END_TEST

START_TEST(no_code_object)
{
    fake_new(&fake, (unsigned)_i);
    const uintptr_t code = fake_code(&fake, "x", "f", 1, 0);
    const struct pyver *const ver = &fake.interp.ver;
    ck_assert(!describe(0x1000));
    fake_put(code + ver->code.filename, 0);
    ck_assert(!describe(code));
    fake_put(code + ver->code.filename, 0xdead0000);
    ck_assert(!describe(code));
    const uintptr_t other = fake_code(&fake, "x", "f", 1, 0);
    fake_put(other + ver->object.type, 0);
    ck_assert(!describe(other));
    fake_free(&fake);
}
END_TEST

/* Any word spoilt: it may fail, it may say something else, it stays inside the buffer. */
START_TEST(random_damage)
{
    srand(1);
    fake_new(&fake, (unsigned)_i);
    const uintptr_t code = fake_code(&fake, "Klass.method", "/srv/app/main.py", 42, 0);
    uint8_t *const copy = malloc(fake.used);
    memcpy(copy, fake.memory, fake.used);
    for (int round = 0; round < 20000; round++) {
        const size_t at = (size_t)rand() % (fake.used / 8) * 8;
        const uint64_t values[] = {0, UINT64_MAX, (uint64_t)rand(), (uint64_t)rand() << 32, code};
        fake_put((uintptr_t)fake.memory + at, values[rand() % 5]);
        if (describe_code(&fake.interp, code, buffer, 3 * DESCRIBE_NAME_MAX, &what))
            ck_assert_uint_le((size_t)what.name_len + what.file_len + what.table_len,
                              3 * DESCRIBE_NAME_MAX);
        memcpy(fake.memory, copy, fake.used);
    }
    free(copy);
    fake_free(&fake);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("describe");
    TCase *const tcase = tcase_create("describe");
    tcase_add_loop_test(tcase, plain, FIRST_MINOR, END_MINOR);
    tcase_add_test(tcase, kinds_of_strings);
    tcase_add_test(tcase, long_name_is_cut);
    tcase_add_loop_test(tcase, no_code_object, FIRST_MINOR, END_MINOR);
    tcase_add_loop_test(tcase, random_damage, FIRST_MINOR, END_MINOR);
    suite_add_tcase(suite, tcase);
    fake_catch_faults();
    return suite_run(suite);
}
