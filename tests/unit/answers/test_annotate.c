/* SPDX-License-Identifier: MIT */
/* Lines and expressions of annotated files against random traces; and source files as they are. */
#include "analyze/source/annotate.h"
#include "tests/unit/support/reference.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

/* Is the frame in that line, and, with columns, is it that expression? */
static bool frame_is(const struct maker_frame *f, const char *file, uint32_t line,
                     struct position position)
{
    if (strcmp(f->file, file) != 0 || f->line != line)
        return false;
    return position.column == 0 || f->kind == MAKER_COLUMNS(position.column, position.end_column);
}

static void check_row(const struct reference *reference, const struct row *row, const char *file)
{
    struct weights self = {0}, cum = {0};
    for (size_t i = 0; i < reference->n_samples; i++) {
        const struct reference_stack *const stack = &reference->stacks[reference->samples[i].stack];
        const struct weight w = reference_weight(reference, i);
        const enum state_class class = reference_class(reference, i);
        bool inside = false;
        for (uint32_t f = 0; f < stack->n; f++)
            inside |= frame_is(&stack->frames[f], file, row->frame.line, row->source->position);
        if (inside)
            weight_add(&cum.by[class], &w);
        if (stack->n > 0 &&
            frame_is(&stack->frames[stack->n - 1], file, row->frame.line, row->source->position))
            weight_add(&self.by[class], &w);
    }
    for (int c = 0; c < CLASS_COUNT; c++) {
        require(row->self->by[c].samples == self.by[c].samples);
        require(row->self->by[c].cpu == self.by[c].cpu * reference->quantum_ns);
        require(row->cum->by[c].samples == cum.by[c].samples);
        require(row->cum->by[c].cpu == cum.by[c].cpu * reference->quantum_ns);
        require(row->cum->by[c].wall == cum.by[c].wall * reference->quantum_ns);
    }
}

/* How many lines and expressions of a file the samples are in. */
static size_t count_places(const struct reference *reference, const char *file)
{
    uint32_t seen[256];
    size_t n = 0;
    for (size_t i = 0; i < reference->n_samples; i++) {
        const struct reference_stack *const stack = &reference->stacks[reference->samples[i].stack];
        for (uint32_t f = 0; f < stack->n; f++) {
            if (strcmp(stack->frames[f].file, file) != 0)
                continue;
            const uint32_t keys[] = {stack->frames[f].line,
                                     stack->frames[f].line | stack->frames[f].kind};
            for (size_t k = 0; k < 2; k++) {
                size_t at = 0;
                while (at < n && seen[at] != keys[k])
                    at++;
                require(at < 256);
                seen[at] = keys[k];
                n += at == n;
            }
        }
    }
    return n;
}

START_TEST(files_equal_reference)
{
    struct reference reference = {0};
    struct profile profile = {.expressions = true};
    struct view view = {0};
    struct trace *trace;
    struct problem why = {0};
    const struct select all = {0};
    const char *const path = scratch_path("annotate.trace");
    random_trace(&reference, path, 7000 + (uint64_t)_i);
    ck_assert_int_eq(trace_open(&trace, &path, 1, NULL, NULL, &why), STATUS_OK);
    profile_build(&profile, trace, &all, 1);
    const struct basis basis =
        profile_basis(profile.threads, profile.n_threads, &metrics[METRIC_SAMPLES]);
    for (uint32_t m = 0; m < profile.modules.n_modules; m++) {
        const struct annotate_wish wish = {.module = m, .machine = true};
        const char *const file = profile.modules.modules[m].file;
        const struct group *const group = annotate_add(&view, &profile, &basis, NULL, &wish);
        ck_assert_uint_eq(group->n_rows, count_places(&reference, file));
        for (size_t i = 0; i < group->n_rows; i++) {
            check_row(&reference, &group->rows[i], file);
            ck_assert(group->rows[i].inside == (group->rows[i].source->position.column > 0));
            if (i > 0)
                ck_assert_uint_ge(group->rows[i].frame.line, group->rows[i - 1].frame.line);
        }
    }
    view_clear(&view);
    profile_clear(&profile);
    trace_close(trace);
    reference_clear(&reference);
}
END_TEST

static const char text[] = "@decorated\n"
                           "@twice(1)\n"
                           "async def  f(x):\r\n"
                           "\treturn g(x) + \xc3\xbc(x)\n"
                           "class C[T]:\n"
                           "    def g (self): pass\n"
                           "deffer = 3\n"
                           "\xff broken";

START_TEST(source_lines)
{
    struct source source = {0};
    struct problem why = {0};
    const char *const path = scratch_path("source.py");
    scratch_write(path, text, sizeof text - 1);
    ck_assert_int_eq(source_read(&source, path, &why), STATUS_OK);
    ck_assert_uint_eq(source.n_lines, 8);
    ck_assert_str_eq(source.lines[2], "async def  f(x):");
    ck_assert_str_eq(source.lines[7], "\xef\xbf\xbd broken");
    ck_assert(source_defines(&source, "f", 1));
    ck_assert(source_defines(&source, "f", 3));
    ck_assert(!source_defines(&source, "f", 4));
    ck_assert(source_defines(&source, "C", 5));
    ck_assert(source_defines(&source, "g", 6));
    ck_assert(!source_defines(&source, "fer", 7));
    ck_assert(!source_defines(&source, "f", 99));
    ck_assert_str_eq(source_shown(&source.arena, source.lines[3]),
                     "        return g(x) + \xc3\xbc(x)");
    /* g(x), then u-umlaut(x): bytes are not columns */
    ck_assert_str_eq(source_mark(&source.arena, source.lines[3], (struct position){9, 13, 0}),
                     "               ^^^^");
    ck_assert_str_eq(source_mark(&source.arena, source.lines[3], (struct position){16, 21, 0}),
                     "                      ^^^^");
    ck_assert_str_eq(source_mark(&source.arena, source.lines[3], (struct position){9, 2, 1}),
                     "               ^^^^^^^^^^^");
    ck_assert_ptr_null(source_mark(&source.arena, source.lines[3], (struct position){2, 21, 0}));
    ck_assert_ptr_null(source_mark(&source.arena, source.lines[3], (struct position){90, 99, 0}));
    ck_assert_ptr_null(source_mark(&source.arena, source.lines[3], (struct position){0}));
    source_clear(&source);
}
END_TEST

/* A backslash is one in every coding that a source can be in, whatever it once looked like. */
START_TEST(ascii_stays_ascii)
{
    static const char *const codings[] = {"shift_jis", "sjis", "cp932",  "euc-jp", "euc_kr",
                                          "johab",     "big5", "latin1", "utf-8",  "koi8-r"};
    for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
        struct source source = {0};
        struct problem why = {0};
        char made[256], ascii[96];
        const char *const path = scratch_path("ascii.py");
        for (char c = ' '; c < '\x7f'; c++)
            ascii[c - ' '] = c;
        ascii['\x7f' - ' '] = '\0';
        const int len = snprintf(made, sizeof made, "# coding: %s\n%s\n", codings[i], ascii);
        scratch_write(path, made, (size_t)len);
        ck_assert_int_eq(source_read(&source, path, &why), STATUS_OK);
        ck_assert_ptr_null(source.unknown_coding);
        ck_assert_uint_eq(source.n_lines, 2);
        ck_assert_str_eq(source.lines[1], ascii);
        source_clear(&source);
    }
}
END_TEST

START_TEST(source_that_cannot_be_read)
{
    struct source source = {0};
    struct problem why = {0};
    ck_assert_int_eq(source_read(&source, "/nowhere/x.py", &why), STATUS_IO);
    ck_assert_ptr_nonnull(strstr(why.detail, "/nowhere/x.py: No such file"));
    source_clear(&source);
    ck_assert_int_eq(source_read(&source, "/dev/zero", &why), STATUS_IO);
    ck_assert_ptr_nonnull(strstr(why.detail, "not a plain file"));
    source_clear(&source);
    ck_assert_int_eq(source_read(&source, "/", &why), STATUS_IO);
    source_clear(&source);
}
END_TEST

START_TEST(source_is_found_below)
{
    struct arena arena = {0};
    const char *const path = scratch_path("below.py");
    scratch_write(path, "x", 1);
    char folder[512];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    const char *const found = source_below(&arena, folder, "/build/package/below.py");
    ck_assert_ptr_nonnull(found);
    ck_assert_str_eq(strrchr(found, '/'), "/below.py");
    ck_assert_ptr_null(source_below(&arena, folder, "/build/package/other.py"));
    ck_assert_ptr_null(source_below(&arena, folder, "/"));
    arena_clear(&arena);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("annotate");
    TCase *const tests = tcase_create("annotate");
    tcase_add_loop_test(tests, files_equal_reference, 0, 25);
    tcase_add_test(tests, source_lines);
    tcase_add_test(tests, ascii_stays_ascii);
    tcase_add_test(tests, source_that_cannot_be_read);
    tcase_add_test(tests, source_is_found_below);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
