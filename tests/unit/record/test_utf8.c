/* SPDX-License-Identifier: MIT */
/* utf8: what is valid, what is escaped and how, and where a name is cut. */
#include "record/tables/utf8.h"
#include "tests/unit/support/suite.h"

#include <string.h>

struct row {
    const char *in;
    size_t len;
    const char *out;
};
#define ROW(in, out)                                                                               \
    {                                                                                              \
        in, sizeof(in) - 1, out                                                                    \
    }

static const struct row rows[] = {
    ROW("", ""),
    ROW("plain.py", "plain.py"),
    ROW("caf\xc3\xa9", "caf\xc3\xa9"),
    ROW("\xe2\x82\xac \xf0\x9f\x90\x8d", "\xe2\x82\xac \xf0\x9f\x90\x8d"),
    ROW("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"),     /* U+10FFFF */
    ROW("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"), /* beyond it */
    ROW("a\0b", "a\\x00b"),
    ROW("caf\xe9.py", "caf\\xe9.py"), /* Latin-1 */
    ROW("\xed\xb3\xa9", "\\udce9"),   /* surrogateescape of e9 */
    ROW("\xed\xa0\x80\xed\xbf\xbf", "\\ud800\\udfff"),
    ROW("\xed\x9f\xbf", "\xed\x9f\xbf"), /* U+D7FF, just below them */
    ROW("\xc0\x80", "\\xc0\\x80"),       /* overlong */
    ROW("\xe0\x9f\xbf", "\\xe0\\x9f\\xbf"),
    ROW("\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf"),
    ROW("\x80\xff", "\\x80\\xff"),
    ROW("\xe2\x82", "\\xe2\\x82"), /* cut inside a character */
    ROW("\xed\xb3", "\\xed\\xb3"),
    ROW("\xf0\x9f\x90", "\\xf0\\x9f\\x90"),
    ROW("\xc3", "\\xc3"),
};

START_TEST(test_rows)
{
    const struct row *row = &rows[_i];
    char *exact = malloc(row->len); /* so that ASan sees a read past the end */
    memcpy(exact, row->in, row->len);
    char out[64];
    const size_t len = utf8_clean(exact, row->len, out, sizeof out);
    ck_assert_mem_eq(out, row->out, strlen(row->out));
    ck_assert_uint_eq(len, strlen(row->out));
    const bool same = len == row->len && memcmp(out, exact, len) == 0;
    ck_assert_int_eq(utf8_valid(exact, row->len), same);
    ck_assert(utf8_valid(out, len));
    free(exact);
}
END_TEST

/* A name is cut between characters, and never inside an escape. */
START_TEST(test_cut)
{
    static const char in[] = "\xe2\x82\xac\xff\xed\xb3\xa9z";
    static const size_t wholes[] = {0, 3, 7, 13, 14};
    for (size_t room = 0; room <= 20; room++) {
        char out[20];
        memset(out, '#', sizeof out);
        const size_t len = utf8_clean(in, sizeof in - 1, out, room);
        size_t want = 0;
        for (size_t i = 0; i < sizeof wholes / sizeof wholes[0]; i++)
            if (wholes[i] <= room)
                want = wholes[i];
        ck_assert_uint_eq(len, want);
        for (size_t i = len; i < sizeof out; i++)
            ck_assert_int_eq(out[i], '#');
    }
}
END_TEST

START_TEST(test_noise)
{
    unsigned seed = 7;
    for (int round = 0; round < 100000; round++) {
        char in[12], out[12 * 6];
        const size_t len = (size_t)rand_r(&seed) % sizeof in;
        for (size_t i = 0; i < len; i++)
            in[i] = (char)(rand_r(&seed) >> 4);
        const size_t out_len = utf8_clean(in, len, out, sizeof out);
        if (!utf8_valid(out, out_len) || out_len < len)
            ck_abort_msg("round %d", round);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("utf8");
    TCase *tc = tcase_create("utf8");
    tcase_add_loop_test(tc, test_rows, 0, sizeof rows / sizeof rows[0]);
    tcase_add_test(tc, test_cut);
    tcase_add_test(tc, test_noise);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
