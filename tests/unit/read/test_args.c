/* SPDX-License-Identifier: MIT */
/* The command line and its tables: args, option, suggest, column lists, select, view. */
#include "analyze/ask/arrange.h"
#include "analyze/cli/args.h"
#include "analyze/cli/command.h"
#include "analyze/cli/help.h"
#include "analyze/model/select.h"
#include "analyze/view/column.h"
#include "analyze/view/view.h"
#include "analyze/view/view_order.h"
#include "tests/unit/support/scratch.h"
#include "tests/unit/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGV_MAX 16

static struct problem why;

static enum status parse(struct args *args, const char *const *words)
{
    char *argv[ARGV_MAX] = {(char *)(uintptr_t) "pyanalyze"};
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    *args = (struct args){0};
    why = (struct problem){0};
    return args_parse(args, argc, argv, &why);
}

#define PARSE(args, ...) parse(args, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(options_and_files_in_any_order)
{
    struct args args;
    ck_assert_int_eq(PARSE(&args, "lines", "a.trace", "--sort", "wall", "-n5", "--merge-threads",
                           "b.trace", "--thread=x", "-t", "y", "--", "--limit"),
                     STATUS_OK);
    ck_assert_ptr_eq(args.command, &command_lines);
    ck_assert_uint_eq(args.n_files, 3);
    ck_assert_str_eq(args.files[0], "a.trace");
    ck_assert_str_eq(args.files[2], "--limit");
    ck_assert_str_eq(args_text(&args, "sort"), "wall");
    ck_assert_uint_eq(args_count(&args, "limit", 99), 5);
    ck_assert_uint_eq(args_count(&args, "jobs", 99), 99);
    ck_assert(args_flag(&args, "merge-threads"));
    ck_assert(!args_flag(&args, "full-paths"));
    size_t at = 0;
    ck_assert_str_eq(args_next(&args, "thread", &at), "x");
    ck_assert_str_eq(args_next(&args, "thread", &at), "y");
    ck_assert_ptr_null(args_next(&args, "thread", &at));
    ck_assert_str_eq(args_text(&args, "thread"), "y");
    args_clear(&args);
}
END_TEST

#define REFUSE(words, ...)                                                                         \
    do {                                                                                           \
        struct args args_;                                                                         \
        ck_assert_int_eq(PARSE(&args_, __VA_ARGS__), STATUS_USAGE);                                \
        ck_assert_msg(strstr(why.detail, words) != NULL, "\"%s\" is not in \"%s\"", words,         \
                      why.detail);                                                                 \
        args_clear(&args_);                                                                        \
    } while (0)

START_TEST(what_is_wrong_is_named)
{
    struct args args;
    ck_assert_int_eq(parse(&args, (const char *const[]){NULL}), STATUS_USAGE);
    REFUSE("did you mean \"lines\"", "lnies", "x");
    REFUSE("there is no command \"xyzzy\"; there are: overview, lines, functions", "xyzzy");
    REFUSE("try: pyanalyze export --format svg", "flamegraph", "x");
    REFUSE("try: pyanalyze export --format speedscope", "speedscope");
    REFUSE("try: pyrec -- python3 demo.py", "demo.py");
    REFUSE("did you mean --limit", "lines", "--limt", "3", "x");
    REFUSE("did you mean --thread", "lines", "--threads", "x");
    REFUSE("no option --bogus; see: pyanalyze help lines", "lines", "--bogus", "x");
    REFUSE("--sort makes no sense for \"info\"", "info", "--sort", "x", "x");
    REFUSE("--limit wants a number, not \"ten\"", "lines", "--limit", "ten", "x");
    REFUSE("--limit wants a number, not \"-1\"", "lines", "--limit", "-1", "x");
    REFUSE("--limit wants a number, not \"\"", "lines", "--limit=", "x");
    REFUSE("--limit wants a number, not \"99999999999999999999\"", "lines", "--limit",
           "99999999999999999999", "x");
    REFUSE("--limit wants N", "lines", "x", "--limit");
    REFUSE("-n wants N", "lines", "x", "-n");
    REFUSE("--merge-threads takes no argument", "lines", "--merge-threads=1", "x");
    REFUSE("did you mean \"csv\"", "lines", "--format", "cvs", "x");
    REFUSE("there is no option -Z", "lines", "-Z", "x");
    REFUSE("lines wants a trace file", "lines");
    REFUSE("one thing too many", "help", "lines", "threads");
    REFUSE("the command comes before its options", "--limit", "3", "lines");
    REFUSE("did you mean --version", "--verison");
    REFUSE("got only \"x.trace\"", "callers", "x.trace");
}
END_TEST

/* Without a command the files are looked at, without a file what pyrec wrote. */
START_TEST(what_is_left_out_is_the_usual)
{
    struct args args;
    char *const before = getcwd(NULL, 0);
    ck_assert_int_eq(chdir(scratch_path("")), 0);
    REFUSE("there is no run.trace here", "lines");
    ck_assert_int_eq(parse(&args, (const char *const[]){NULL}), STATUS_USAGE);
    fclose(fopen("run.trace", "w"));
    ck_assert_int_eq(mkdir("trees", 0700), 0);
    ck_assert_int_eq(parse(&args, (const char *const[]){NULL}), STATUS_OK);
    ck_assert_ptr_eq(args.command, &command_overview);
    ck_assert_str_eq(args.files[0], "run.trace");
    args_clear(&args);
    ck_assert_int_eq(PARSE(&args, "callers", "fib"), STATUS_OK);
    ck_assert_str_eq(args.word, "fib");
    ck_assert_str_eq(args.files[0], "run.trace");
    args_clear(&args);
    ck_assert_int_eq(PARSE(&args, "run.trace", "-n", "3", "b.trace"), STATUS_OK);
    ck_assert_ptr_eq(args.command, &command_overview);
    ck_assert_uint_eq(args.n_files, 2);
    ck_assert_uint_eq(args_count(&args, "limit", 0), 3);
    args_clear(&args);
    ck_assert_int_eq(PARSE(&args, "-"), STATUS_OK);
    ck_assert_str_eq(args.files[0], "-");
    args_clear(&args);
    REFUSE("did you mean \"tree\"", "trees", "x"); /* a folder is no trace */
    REFUSE("wants more files", "diff", "run.trace");
    ck_assert_int_eq(rmdir("trees"), 0);
    ck_assert_int_eq(chdir(before), 0);
    free(before);
}
END_TEST

START_TEST(help_needs_no_file)
{
    struct args args;
    ck_assert_int_eq(PARSE(&args, "lines", "--help"), STATUS_OK);
    args_clear(&args);
    ck_assert_int_eq(PARSE(&args, "--help"), STATUS_OK);
    ck_assert_ptr_eq(args.command, &command_help);
    args_clear(&args);
    ck_assert_int_eq(PARSE(&args, "--version"), STATUS_OK);
    ck_assert_ptr_eq(args.command, &command_version);
    args_clear(&args);
}
END_TEST

START_TEST(columns_are_checked)
{
    const struct column *columns[VIEW_COLUMNS_MAX];
    size_t n;
    ck_assert_int_eq(
        columns_parse("samples,wall_cum,place", ROW_PLACE, "columns", columns, &n, &why),
        STATUS_OK);
    ck_assert_uint_eq(n, 3);
    ck_assert_str_eq(columns[1]->name, "wall_cum");
    ck_assert_int_eq(columns_parse("sampels", ROW_PLACE, "sort", columns, &n, &why), STATUS_USAGE);
    ck_assert_ptr_nonnull(strstr(why.detail, "did you mean \"samples\""));
    ck_assert_int_eq(columns_parse("stack", ROW_PLACE, "columns", columns, &n, &why), STATUS_USAGE);
    ck_assert_ptr_nonnull(strstr(why.detail, "this command has no column \"stack\""));
    ck_assert_int_eq(columns_parse("samples,,wall", ROW_PLACE, "columns", columns, &n, &why),
                     STATUS_USAGE);
    ck_assert_int_eq(columns_parse("", ROW_PLACE, "columns", columns, &n, &why), STATUS_USAGE);
}
END_TEST

/* Every command's own lists must be what its rows have: they are texts and could be misspelt. */
START_TEST(tables_agree_with_each_other)
{
    for (size_t i = 0; command_get(i) != NULL; i++) {
        const struct command *const command = command_get(i);
        struct args args = {.command = command};
        struct arrangement arrangement;
        ck_assert_ptr_nonnull(command->summary);
        ck_assert_ptr_nonnull(command->example);
        if (command->build == NULL)
            continue;
        ck_assert_msg(arrangement_make(&arrangement, &args, &why) == STATUS_OK, "%s: %s",
                      command->name, why.detail);
        ck_assert_msg(strncmp(command->example, "pyanalyze ", 10) == 0, "%s", command->example);
        const struct option *option;
        for (size_t k = 0; (option = command_option(command, k)) != NULL; k++) {
            ck_assert_msg((option->argument == NULL) == (option->kind == OPTION_FLAG), "--%s",
                          option->name);
            ck_assert_msg(option->choices != NULL || option->kind != OPTION_CHOICE, "--%s",
                          option->name);
            ck_assert_msg(option->choices == NULL || option->kind == OPTION_CHOICE ||
                              option->kind == OPTION_TEXT,
                          "--%s", option->name);
            for (size_t other = 0; other < k; other++) {
                ck_assert_str_ne(command_option(command, other)->name, option->name);
                if (option->letter != 0)
                    ck_assert_int_ne(command_option(command, other)->letter, option->letter);
            }
        }
    }
    for (size_t i = 0; column_get(i) != NULL; i++) {
        ck_assert_ptr_nonnull(column_get(i)->help);
        for (size_t k = 0; k < i; k++)
            ck_assert_str_ne(column_name(i), column_name(k));
    }
}
END_TEST

START_TEST(outputs_refuse_what_they_cannot_write)
{
    struct args args;
    struct arrangement arrangement;
    ck_assert_int_eq(PARSE(&args, "lines", "--format", "folded", "x"), STATUS_OK);
    ck_assert_int_eq(arrangement_make(&arrangement, &args, &why), STATUS_USAGE);
    ck_assert_ptr_nonnull(strstr(why.detail, "it can as: text, csv, json"));
    args_clear(&args);
}
END_TEST

START_TEST(selects_processes_and_threads)
{
    struct select select = {0};
    ck_assert(select_has_pid(&select, 1));
    ck_assert(select_has_thread(&select, "any", 1));
    select_add_pid(&select, 5);
    select_add_pid(&select, 7);
    ck_assert(select_has_pid(&select, 7));
    ck_assert(!select_has_pid(&select, 6));
    select_add_thread(&select, "Main*");
    select_add_thread(&select, "4711");
    select_add_thread(&select, "a[b");
    ck_assert(select_has_thread(&select, "MainThread", 1));
    ck_assert(select_has_thread(&select, "other", 4711));
    ck_assert(select_has_thread(&select, "a[b", 2));
    ck_assert(!select_has_thread(&select, "other", 471));
    ck_assert(!select_has_thread(&select, "xMain", 0));
    select_clear(&select);
}
END_TEST

START_TEST(selects_places)
{
    struct select select = {0};
    const struct frame fib = {"fib", "/x/demo.py", 3, false},
                       other = {"run", "/lib/threading.py", 9, false};
    ck_assert(select_has_place(&select, &fib));
    ck_assert(!select_has_regex(&select));
    ck_assert_int_eq(select_add_match(&select, "^fib$", &why), STATUS_OK);
    ck_assert(select_has_regex(&select));
    ck_assert(select_has_place(&select, &fib));
    ck_assert(!select_has_place(&select, &other));
    ck_assert_int_eq(select_add_match(&select, "threading", &why), STATUS_OK);
    ck_assert(select_has_place(&select, &other));
    ck_assert_int_eq(select_add_exclude(&select, "demo\\.py$", &why), STATUS_OK);
    ck_assert(!select_has_place(&select, &fib));
    ck_assert_int_eq(select_add_match(&select, "a(b", &why), STATUS_USAGE);
    ck_assert_ptr_nonnull(strstr(why.detail, "--match: missing closing parenthesis"));
    select_clear(&select);
}
END_TEST

static struct row row_of(const char *function, const struct weights *self)
{
    return (struct row){.frame = {function, "f.py", 1}, .self = self, .cum = self};
}

START_TEST(views_are_sorted_and_cut)
{
    struct view view = {.shape = SHAPE_TABLE};
    const struct weights w[3] = {{.by = {{.samples = 1, .cpu = 5}}},
                                 {.by = {{.samples = 3, .cpu = 5}}},
                                 {.by = {{.samples = 2, .cpu = 9}}}};
    const struct column *const by[] = {column_find("cpu_time", ROW_PLACE),
                                       column_find("samples", ROW_PLACE)};
    struct group *group = view_add_group(&view, "light", 3);
    group->rows[0] = row_of("a", &w[0]);
    group->rows[1] = row_of("b", &w[1]);
    group->rows[2] = row_of("c", &w[2]);
    group->total = row_of(NULL, &w[0]);
    group = view_add_group(&view, "heavy", 1);
    group->rows[0] = row_of("d", &w[2]);
    group->total = row_of(NULL, &w[2]);

    view_sort(&view, by, 2);
    ck_assert_str_eq(view.groups[0].heading, "heavy");
    ck_assert_str_eq(view.groups[1].rows[0].frame.function, "c");
    ck_assert_str_eq(view.groups[1].rows[1].frame.function, "b");
    ck_assert_str_eq(view.groups[1].rows[2].frame.function, "a");
    view_limit(&view, 0);
    ck_assert_uint_eq(view.groups[1].n_rows, 3);
    view_limit(&view, 2);
    ck_assert_uint_eq(view.groups[1].n_rows, 2);
    ck_assert_uint_eq(view.groups[1].n_left_out, 1);
    ck_assert_uint_eq(view.n_groups, 2);
    view_limit(&view, 1);
    ck_assert_uint_eq(view.n_groups, 1);
    ck_assert_uint_eq(view.n_groups_left_out, 1);
    view_clear(&view);
}
END_TEST

START_TEST(help_says_what_the_tables_say)
{
    for (size_t i = 0; command_get(i) != NULL; i++) {
        const struct command *const command = command_get(i);
        const struct option *option;
        struct buffer text = {0};
        help_command(command, &text);
        ck_assert_ptr_nonnull(strstr(text.text, command->example));
        for (size_t k = 0; (option = command_option(command, k)) != NULL; k++)
            ck_assert_ptr_nonnull(strstr(text.text, option->name));
        for (const char *line = text.text; *line != '\0'; line += strcspn(line, "\n") + 1)
            ck_assert_msg(strcspn(line, "\n") <= 79 &&
                              (strcspn(line, "\n") == 0 || line[strcspn(line, "\n") - 1] != ' '),
                          "%s: a line is too long or ends in a blank", command->name);
        buffer_clear(&text);
    }
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("args");
    TCase *const tests = tcase_create("args");
    tcase_add_test(tests, options_and_files_in_any_order);
    tcase_add_test(tests, what_is_wrong_is_named);
    tcase_add_test(tests, what_is_left_out_is_the_usual);
    tcase_add_test(tests, help_needs_no_file);
    tcase_add_test(tests, columns_are_checked);
    tcase_add_test(tests, tables_agree_with_each_other);
    tcase_add_test(tests, outputs_refuse_what_they_cannot_write);
    tcase_add_test(tests, selects_processes_and_threads);
    tcase_add_test(tests, selects_places);
    tcase_add_test(tests, views_are_sorted_and_cut);
    tcase_add_test(tests, help_says_what_the_tables_say);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
