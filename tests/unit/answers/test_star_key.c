/* SPDX-License-Identifier: MIT */
/* Numbers and hashes of tables: those of the specification, and for ever the same. */
#include "analyze/star/star_key.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <inttypes.h>
#include <string.h>

/* From the paper (appendix A) and its authors' list of vectors: key 00 01 .. 0f, text 00 01 .. */
START_TEST(as_published)
{
    static const struct {
        size_t len;
        uint64_t hash;
    } vectors[] = {
        {0, 0x726fdb47dd0e0e31},
        {1, 0x74f839c593dc67fd},
        {8, 0x93f5f5799a932462},
        {15, 0xa129ca6149be45e5},
    };
    uint8_t key[SIPHASH_KEY_LEN], text[16];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = text[i] = (uint8_t)i;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
        ck_assert_uint_eq(siphash(key, text, vectors[i].len), vectors[i].hash);
}
END_TEST

/* Tables that were written years ago are put beside new ones. */
START_TEST(stay_the_same)
{
    struct star_key key = {.redaction = REDACT_NOTHING};
    const uint64_t function = star_key_function(&key, "Shop.total", "/srv/shop/app.py", 17);
    const uint64_t location = star_key_location(&key, function, 19);
    const uint64_t root = star_key_stack(&key, 0, location);
    const uint64_t process = star_key_process(&key, "5f0c", 1);
    ck_assert_uint_eq(function, UINT64_C(7478926565888600254));
    ck_assert_uint_eq(location, UINT64_C(7682757831086758095));
    ck_assert_uint_eq(root, UINT64_C(7603412185221096335));
    ck_assert_uint_eq(star_key_stack(&key, root, location), UINT64_C(6186410539512869809));
    ck_assert_uint_eq(process, UINT64_C(1987891653768874964));
    ck_assert_uint_eq(star_key_thread(&key, process, 2), UINT64_C(2679776218200352835));
    ck_assert_str_eq(star_key_text(&key, "Shop.total"), "Shop.total");
    key.redaction = REDACT_HASH;
    for (size_t i = 0; i < sizeof key.secret; i++)
        key.secret[i] = (uint8_t)i;
    ck_assert_str_eq(star_key_text(&key, "Shop.total"), "ddd219c8579fa0e0");
    ck_assert_str_eq(star_key_text(&key, ""), "");
    ck_assert_uint_ne(star_key_function(&key, "Shop.total", "/srv/shop/app.py", 17), function);
    key.redaction = REDACT_DROP;
    ck_assert_ptr_null(star_key_text(&key, "Shop.total"));
    star_key_clear(&key);
}
END_TEST

/* What is one thing must not have the number of another one by how its parts are put together. */
START_TEST(differ)
{
    struct star_key key = {.redaction = REDACT_NOTHING};
    const uint64_t numbers[] = {
        star_key_function(&key, "ab", "c", 1),
        star_key_function(&key, "a", "bc", 1),
        star_key_function(&key, "", "abc", 1),
        star_key_function(&key, "ab", "c", 2),
        star_key_location(&key, 5, 6),
        star_key_location(&key, 6, 5),
        star_key_stack(&key, 5, 6),
        star_key_thread(&key, 5, 6),
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        ck_assert_uint_gt(numbers[i], 0);
        ck_assert_uint_le(numbers[i], INT64_MAX);
        for (size_t k = 0; k < i; k++)
            ck_assert_uint_ne(numbers[i], numbers[k]);
    }
    star_key_clear(&key);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("star_key");
    TCase *const tests = tcase_create("star_key");
    tcase_add_test(tests, as_published);
    tcase_add_test(tests, stay_the_same);
    tcase_add_test(tests, differ);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
