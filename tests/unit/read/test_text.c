/* SPDX-License-Identifier: MIT */
/* Text and its parts: buffer, unicode, cell, path, state, damage lines. */
#include "analyze/base/path.h"
#include "analyze/base/unicode.h"
#include "analyze/model/cell.h"
#include "analyze/model/state.h"
#include "analyze/read/damage_log.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <string.h>

static void check_visible(const char *text, const char *wanted)
{
    struct buffer buffer = {0};
    buffer_add_visible(&buffer, text);
    ck_assert_str_eq(buffer.text, wanted);
    buffer_clear(&buffer);
}

START_TEST(visible_text_is_harmless)
{
    check_visible("", "");
    check_visible("plain f\xc3\xbcr \xe6\x97\xa5", "plain f\xc3\xbcr \xe6\x97\xa5");
    check_visible("\033[31mred", "\\x1b[31mred");
    check_visible("a\nb\tc\r", "a\\nb\\tc\\x0d");
    check_visible("\x7f", "\\x7f");
    check_visible("\xc2\x9b"
                  "31m",
                  "\\x9b"
                  "31m"); /* a C1 control: CSI in one byte */
    check_visible("\xe2\x80\xae"
                  "evil",
                  "\\u202e"
                  "evil"); /* right-to-left override */
    check_visible("bad \xff\xc3", "bad \\xff\\xc3");
}
END_TEST

static bool is_kept(char c)
{
    return c != ' ' && c != '%' && c != '\xff';
}

START_TEST(bytes_become_digits)
{
    struct buffer buffer = {0};
    buffer_add_percent(&buffer, "", is_kept);
    ck_assert_uint_eq(buffer.len, 0);
    buffer_add_percent(&buffer, "a b%\xff\xfe", is_kept);
    ck_assert_str_eq(buffer.text, "a%20b%25%FF\xfe");
    buffer_add_hex(&buffer, (const uint8_t[]){0x00, 0x0f, 0xa9, 0xff}, 4);
    ck_assert_str_eq(buffer.text, "a%20b%25%FF\xfe"
                                  "000fa9ff");
    ck_assert_uint_eq(buffer.len, strlen(buffer.text));
    buffer_clear(&buffer);
}
END_TEST

START_TEST(unicode_is_checked)
{
    static const char *const wrong[] = {"\x80",
                                        "\xc0\x80",
                                        "\xc3",
                                        "\xe0\x80\x80",
                                        "\xed\xa0\x80",
                                        "\xf5\x80\x80\x80",
                                        "\xf4\x90\x80\x80",
                                        "\xff"};
    uint32_t c;
    ck_assert_uint_eq(unicode_next("a", &c), 1);
    ck_assert_uint_eq(unicode_next("\xc3\xbc", &c), 2);
    ck_assert_uint_eq(c, 0xfc);
    ck_assert_uint_eq(unicode_next("\xe2\x82\xac", &c), 3);
    ck_assert_uint_eq(c, 0x20ac);
    ck_assert_uint_eq(unicode_next("\xf0\x9f\x90\x8d", &c), 4);
    ck_assert_uint_eq(c, 0x1f40d);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(unicode_next(wrong[i], &c) == 0, "wrong[%zu]", i);
}
END_TEST

START_TEST(unicode_is_mended)
{
    struct arena arena = {0};
    const char *const good = "gut \xc3\xbc";
    ck_assert_ptr_eq(unicode_clean(&arena, good), good);
    ck_assert_str_eq(unicode_clean(&arena, "a\xff"
                                           "b\xc3"),
                     "a\xef\xbf\xbd"
                     "b\xef\xbf\xbd");
    arena_clear(&arena);
}
END_TEST

static void check_seconds(int64_t ns, int decimals, const char *wanted)
{
    struct buffer buffer = {0};
    seconds_print(&buffer, ns, decimals);
    ck_assert_str_eq(buffer.text, wanted);
    buffer_clear(&buffer);
}

START_TEST(seconds_are_rounded)
{
    check_seconds(9036564000, 6, "9.036564");
    check_seconds(9036564499, 6, "9.036564");
    check_seconds(9036564500, 6, "9.036565");
    check_seconds(999999999, 6, "1.000000");
    check_seconds(999999999, 9, "0.999999999");
    check_seconds(1500000000, 0, "2");
    check_seconds(-1500000, 3, "-0.002");
    check_seconds(0, 5, "0.00000");
}
END_TEST

static void check_cell(struct cell cell, const char *wanted)
{
    struct buffer buffer = {0};
    buffer_add_text(&buffer, "");
    cell_print(&buffer, &cell);
    ck_assert_str_eq(buffer.text, wanted);
    buffer_clear(&buffer);
}

START_TEST(cells_for_programs)
{
    const struct frame frames[] = {
        {"f", "a.py", 3, false}, {"g", "", 0, false}, {"h", "b.py", 0, false}};
    const struct stack stack = {frames, 3};
    check_cell(cell_none(), "");
    check_cell(cell_text("x"), "x");
    check_cell(cell_text(NULL), "");
    check_cell(cell_number(UNIT_SECONDS, 1500000), "0.001500");
    check_cell(cell_number(UNIT_SECONDS, 1), "0.000000001");
    check_cell(cell_number(UNIT_COUNT, -5), "-5");
    check_cell(cell_ratio(1, 4), "0.250000");
    check_cell(cell_ratio(1, 0), "");
    check_cell((struct cell){.unit = UNIT_PLACE, .text = "a.py", .line = 3}, "a.py:3");
    check_cell((struct cell){.unit = UNIT_PLACE, .text = "a.py"}, "a.py");
    check_cell((struct cell){.unit = UNIT_STACK, .stack = &stack}, "f (a.py:3); g; h (b.py)");
}
END_TEST

static void check_order(struct cell first, struct cell then)
{
    ck_assert_int_lt(cell_compare(&first, &then), 0);
    ck_assert_int_gt(cell_compare(&then, &first), 0);
    ck_assert_int_eq(cell_compare(&first, &first), 0);
}

START_TEST(cells_have_an_order)
{
    check_order(cell_number(UNIT_COUNT, 7), cell_number(UNIT_COUNT, 5));
    check_order(cell_number(UNIT_SECONDS, 7), cell_none());
    check_order(cell_text("a"), cell_text("b"));
    check_order(cell_number(UNIT_ID, 3), cell_number(UNIT_ID, 4));
    check_order(cell_ratio(3, 4), cell_ratio(1, 4));
    check_order((struct cell){.unit = UNIT_PLACE, .text = "a", .line = 9},
                (struct cell){.unit = UNIT_PLACE, .text = "a", .line = 10});
}
END_TEST

START_TEST(states_have_names)
{
    struct buffer buffer = {0};
    state_print(&buffer, STATE_ON_CPU | STATE_HOLDS_GIL);
    ck_assert_str_eq(buffer.text, "on_cpu+holds_gil");
    buffer_reset(&buffer);
    state_print(&buffer, 0);
    ck_assert_str_eq(buffer.text, "blocked");
    buffer_reset(&buffer);
    state_print(&buffer, STATE_HOLDS_GIL | STATE_IN_GC);
    ck_assert_str_eq(buffer.text, "blocked+holds_gil+in_gc");
    buffer_reset(&buffer);
    state_print(&buffer, STATE_UNKNOWN | STATE_HOLDS_GIL);
    ck_assert_str_eq(buffer.text, "holds_gil+unknown");
    buffer_reset(&buffer);
    state_print(&buffer, STATE_ON_CPU | STATE_STALLED | STATE_IN_KERNEL);
    ck_assert_str_eq(buffer.text, "on_cpu+unanswered+kernel");
    buffer_reset(&buffer);
    state_print(&buffer, STATE_WAITS_WORLD | STATE_WAITS_OBJECT | STATE_STOPS_WORLD);
    ck_assert_str_eq(buffer.text, "blocked+waits_world+waits_object+stops_world");
    buffer_clear(&buffer);
}
END_TEST

START_TEST(paths_are_short)
{
    ck_assert_str_eq(path_short("/home/me/demo.py"), "demo.py");
    ck_assert_str_eq(path_short("demo.py"), "demo.py");
    ck_assert_str_eq(path_short("/usr/lib/python3.11/json/encoder.py"), "json/encoder.py");
    ck_assert_str_eq(path_short("/v/lib/python3.12/site-packages/numpy/core/a.py"),
                     "numpy/core/a.py");
    ck_assert_str_eq(path_short("/usr/lib64/python3.13/json/decoder.py"), "json/decoder.py");
    ck_assert_str_eq(path_short("/opt/pypy/lib/pypy3.10/json/decoder.py"), "json/decoder.py");
    ck_assert_str_eq(path_short("/home/me/lib/python/tools/demo.py"), "demo.py");
    ck_assert_str_eq(path_short("/home/me/pkg/__init__.py"), "pkg/__init__.py");
    ck_assert_str_eq(path_short("<frozen importlib._bootstrap>"), "<frozen importlib._bootstrap>");
    ck_assert_str_eq(path_short(""), "");
    ck_assert_str_eq(path_short("/"), "/");
}
END_TEST

START_TEST(short_paths_tell_files_apart)
{
    struct path_set set = {0};
    static const char *const paths[] = {"/a/b/x.py", "/a/c/x.py", "/a/c/y.py", "x.py", "/a/b/x.py"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        path_set_add(&set, paths[i]);
    path_set_add(&set, NULL);
    path_set_shorten(&set);
    ck_assert_str_eq(path_set_find(&set, "/a/b/x.py"), "b/x.py");
    ck_assert_str_eq(path_set_find(&set, "/a/c/x.py"), "c/x.py");
    ck_assert_str_eq(path_set_find(&set, "/a/c/y.py"), "y.py");
    ck_assert_str_eq(path_set_find(&set, "x.py"), "x.py");
    ck_assert_str_eq(path_set_find(&set, "/never/added.py"), "/never/added.py");
    path_set_clear(&set);
}
END_TEST

START_TEST(extension_modules_have_no_tag)
{
    struct arena arena = {0};
    static const char *const texts[][2] = {
        {"PIL/_imaging.cpython-311-x86_64-linux-gnu.so", "PIL/_imaging.so"},
        {"sip.cpython-313t-x86_64-linux-gnu.so+0x199d0", "sip.so+0x199d0"},
        {"QtWidgets.abi3.so", "QtWidgets.abi3.so"},
        {"/a/b.cpython-311/c.so", "/a/b.cpython-311/c.so"},
        {"x.cpython-311.pyc", "x.cpython-311.pyc"},
        {"libz.so.1", "libz.so.1"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_str_eq(path_untagged(&arena, texts[i][0]), texts[i][1]);
    arena_clear(&arena);
}
END_TEST

START_TEST(damage_is_one_line)
{
    struct buffer line = {0};
    struct damage_entry entry = {"run\n.trace",
                                 {.status = STATUS_DAMAGED,
                                  .offset = 47002,
                                  .len_bytes = 9792,
                                  .time_known = true,
                                  .process = 1,
                                  .t_first_ns = 8000000000,
                                  .t_last_ns = 10000000000,
                                  .text = "chunk 5: checksum mismatch"}};
    damage_print(&line, &entry);
    ck_assert_str_eq(line.text, "run\\n.trace: chunk 5: checksum mismatch, at offset 47002, "
                                "9792 bytes skipped, 8.000 to 10.000 s of process number 1 lost");
    buffer_clear(&line);
}
END_TEST

START_TEST(damage_is_counted_and_sorted)
{
    struct damage_log log = {0};
    struct damage damage = {.status = STATUS_DAMAGED};
    for (unsigned i = 0; i < DAMAGE_LOG_MAX + 7; i++) {
        damage.offset = (i * 7919) % 100000;
        damage_log_add(&log, i % 2 == 0 ? "b" : "a", &damage);
    }
    ck_assert_uint_eq(log.n, DAMAGE_LOG_MAX);
    ck_assert_uint_eq(log.n_more, 7);
    damage_log_sort(&log);
    for (size_t i = 1; i < log.n; i++) {
        const int order = strcmp(log.entries[i - 1].path, log.entries[i].path);
        ck_assert_int_le(order, 0);
        if (order == 0)
            ck_assert_uint_le(log.entries[i - 1].damage.offset, log.entries[i].damage.offset);
    }
    damage_log_clear(&log);
}
END_TEST

/* A trace is read several times: what is wrong with it is told once. */
START_TEST(damage_is_told_once)
{
    struct damage_log log = {0};
    struct damage damage = {.status = STATUS_DAMAGED, .offset = 5, .text = "first"};
    for (int i = 0; i < 3; i++) {
        damage.process = 0;
        damage_log_add(&log, "a", &damage);
        damage.process = 1;
        damage_log_add(&log, "a", &damage);
        damage_log_add(&log, "b", &damage);
    }
    damage_log_sort(&log);
    ck_assert_uint_ge(log.n, 3);
    for (size_t i = 1; i < log.n; i++)
        ck_assert(strcmp(log.entries[i - 1].path, log.entries[i].path) != 0 ||
                  log.entries[i - 1].damage.process != log.entries[i].damage.process);
    ck_assert_uint_eq(log.n, 3);
    damage_log_clear(&log);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("text");
    TCase *const tests = tcase_create("text");
    tcase_add_test(tests, visible_text_is_harmless);
    tcase_add_test(tests, damage_is_told_once);
    tcase_add_test(tests, bytes_become_digits);
    tcase_add_test(tests, unicode_is_checked);
    tcase_add_test(tests, unicode_is_mended);
    tcase_add_test(tests, seconds_are_rounded);
    tcase_add_test(tests, cells_for_programs);
    tcase_add_test(tests, cells_have_an_order);
    tcase_add_test(tests, states_have_names);
    tcase_add_test(tests, paths_are_short);
    tcase_add_test(tests, short_paths_tell_files_apart);
    tcase_add_test(tests, extension_modules_have_no_tag);
    tcase_add_test(tests, damage_is_one_line);
    tcase_add_test(tests, damage_is_counted_and_sorted);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
