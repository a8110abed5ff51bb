/* SPDX-License-Identifier: MIT */
/* A made-up profile beside a made-up trace: who is who, and what it took. */
#include "analyze/compare/compare.h"
#include "tests/unit/support/make_trace.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(called_names)
{
    static const char *const cases[][2] = {
        {"<method 'append' of 'list' objects>", "append"},
        {"<built-in method builtins.len>", "len"},
        {"<built-in method _thread.start_new_thread>", "start_new_thread"},
        {"list.append", "append"},
        {"{len}", ""},
        {"len", "len"},
        {"", ""},
        {"'", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char called[16];
        compare_called_name(cases[i][0], called, sizeof called);
        ck_assert_msg(strncmp(called, cases[i][1], sizeof called - 1) == 0, "%s: %s", cases[i][0],
                      called);
    }
}
END_TEST

static const char source_text[] = "def f(x):\n"
                                  "    stack.append(x)\n"
                                  "    my_append (x)\n"
                                  "    append = 3\n"
                                  "    y = append (x)";

START_TEST(calling_lines)
{
    struct compare_source source = {0};
    const char *const path = scratch_path("source.py");
    scratch_write(path, source_text, sizeof source_text - 1);
    ck_assert(!compare_source_calls(&source, path, 1, "append"));
    ck_assert(compare_source_calls(&source, path, 2, "append"));
    ck_assert(!compare_source_calls(&source, path, 3, "append"));
    ck_assert(!compare_source_calls(&source, path, 4, "append"));
    ck_assert(compare_source_calls(&source, path, 5, "append"));
    ck_assert(!compare_source_calls(&source, path, 6, "append"));
    ck_assert(!compare_source_calls(&source, path, 2, ""));
    ck_assert(!compare_source_calls(&source, path, 0, "append"));
    ck_assert(!compare_source_calls(&source, "/no/such/file.py", 2, "append"));
    ck_assert(!compare_source_open(&source, "/no/such/file.py"));
    ck_assert(!compare_source_open(&source, "/")); /* a folder */
    compare_source_clear(&source);
}
END_TEST

/* Sources are what Python reads: codings, marks and ends of lines. */
START_TEST(calling_lines_of_any_source)
{
    static const struct {
        const char *text;
        uint32_t line; /* the only one that calls it */
        const char *called;
    } cases[] = {
        {"# coding: latin-1\ngr\xfc\xdf"
         "e(x)\nprae_gr\xfc\xdf"
         "e(x)\n",
         2,
         "gr\xc3\xbc\xc3\x9f"
         "e"},
        {"\xef\xbb\xbf"
         "append(x)\n",
         1, "append"},
        {"x = 1\rs.append(x)\ry = 2\r", 2, "append"},
        {"x = 1\r\ns.append(x)\r\n", 2, "append"},
        {"pr\xc3\xa4"
         "append(x)\ns.append\t(x)\n",
         2, "append"},
        {"a = '\f'\n\fappend(x)\n", 2, "append"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct compare_source source = {0};
        const char *const path = scratch_path("any.py");
        scratch_write(path, cases[i].text, strlen(cases[i].text));
        for (uint32_t line = 1; line <= 4; line++)
            ck_assert_msg(compare_source_calls(&source, path, line, cases[i].called) ==
                              (line == cases[i].line),
                          "case %zu, line %u", i, line);
        compare_source_clear(&source);
    }
}
END_TEST

/* Ticks of 1 ms: module 10, f 200 (line 2: 150), C.g 90, h of another file 100. */
static void write_trace(const char *path, const char *source)
{
    const char *argv[] = {"python3", NULL};
    const struct maker_settings settings = {.interval_ns = 1000000};
    const struct maker_frame frames[] = {
        {"<module>", source, 1, 9, 0}, {"f", source, 1, 2, 0},          {"f", source, 1, 3, 0},
        {"C.g", source, 20, 21, 0},    {"g", "/other/p.py", 20, 22, 0},
    };
    const unsigned ticks[] = {10, 150, 50, 90, 100};
    struct maker *const m = maker_open(path, &settings);
    const uint32_t p = maker_process(m, 7, 1, argv), t = maker_thread(m, p, 7, "MainThread", 0);
    for (size_t f = 0; f < 5; f++) {
        const uint32_t stack =
            maker_stack_push(m, p, maker_stack_push(m, p, 0, &frames[0]), &frames[f]);
        for (unsigned i = 0; i < ticks[f]; i++) {
            maker_tick(m, p, 0, 0, 0);
            maker_change(m, p, t, &(struct maker_sample){stack, 3, 1000, NULL});
        }
    }
    maker_process_end(m, p, 0);
    maker_close(m, "done");
}

/* f called append; g is the one in source.py, which the tracer knows by a shorter path. */
static void fill_tracer(struct tracer *t)
{
    const struct {
        const char *name, *file;
        uint32_t line;
        uint64_t calls;
        double self_s, cum_s;
    } functions[] = {
        {"<module>", "./source.py", 3, 1, 0.1, 4.0},
        {"f", "source.py", 1, 1000, 1.0, 2.0},
        {"<method 'append' of 'list' objects>", "~", 0, 3000, 1.0, 1.0},
        {"g", "source.py", 20, 10, 1.9, 1.9},
        {"gone", "source.py", 40, 5, 0, 0},
    };
    for (size_t i = 0; i < 5; i++) {
        struct tracer_function *const f =
            tracer_add(t, functions[i].name, functions[i].file, functions[i].line);
        f->calls = functions[i].calls;
        f->self_s = functions[i].self_s;
        f->cum_s = functions[i].cum_s;
    }
    tracer_add_caller(t, 2, &(struct tracer_caller){1, 3000, 1.0, 1.0});
    tracer_finish(t);
}

static const struct compare_row *find(const struct compare *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++) {
        if (strcmp(c->rows[i].frame.function, name) == 0)
            return &c->rows[i];
    }
    ck_abort_msg("no row %s", name);
}

#define NEAR(x, y) ck_assert_double_eq_tol(x, y, 1e-9)

START_TEST(side_by_side)
{
    char source[256];
    const char *path = scratch_path("compare.trace");
    const struct select all = {0};
    struct profile profile = {0};
    struct compare c = {0};
    struct tracer t = {0};
    struct trace *trace;
    snprintf(source, sizeof source, "%s", scratch_path("source.py"));
    scratch_write(source, source_text, sizeof source_text - 1);
    write_trace(path, source);
    ck_assert_int_eq(trace_open(&trace, &path, 1, NULL, NULL, NULL), STATUS_OK);
    profile_build(&profile, trace, &all, 1);
    fill_tracer(&t);
    compare_build(&c, &profile, &metrics[METRIC_CPU], &t);
    ck_assert_uint_eq(c.n, 6);
    NEAR(c.sampled_ns, 400e6);

    const struct compare_row *const f = find(&c, "f");
    NEAR(f->sampled.self, 200e6);
    NEAR(f->sampled.self_share, 0.5);
    NEAR(f->traced.self, 2e9); /* with what append took */
    NEAR(f->traced.self_share, 0.5);
    NEAR(f->distortion, 0);
    ck_assert_uint_eq(f->paid, 4000);
    ck_assert_str_eq(f->frame.file, source);

    const struct compare_row *const append = find(&c, "<method 'append' of 'list' objects>");
    ck_assert(append->at_most);
    NEAR(append->sampled.self, 150e6); /* line 2 calls it, line 3 does not */
    NEAR(append->traced.self_share, 0.25);
    NEAR(append->distortion, 0); /* it can have taken so much */

    const struct compare_row *const g = find(&c, "C.g");
    NEAR(g->sampled.self_share, 0.225);
    NEAR(g->traced.self_share, 0.475);
    NEAR(g->distortion, 0.25);
    /* the other g was not traced: all of it is missing there */
    ck_assert(find(&c, "g")->traced.self < 0);
    NEAR(find(&c, "g")->distortion, 0.25);
    NEAR(find(&c, "<module>")->sampled.cum, 400e6);
    NEAR(find(&c, "<module>")->traced.self, 0.1e9);
    NEAR(find(&c, "gone")->sampled.self, 0);
    ck_assert(c.rows[0].distortion == 0.25 || c.rows[0].distortion > 0.2499);
    compare_clear(&c);
    tracer_clear(&t);
    profile_clear(&profile);
    trace_close(trace);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("compare");
    TCase *const tests = tcase_create("compare");
    tcase_add_test(tests, called_names);
    tcase_add_test(tests, calling_lines);
    tcase_add_test(tests, calling_lines_of_any_source);
    tcase_add_test(tests, side_by_side);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
