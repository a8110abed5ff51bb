/* SPDX-License-Identifier: MIT */
/* settings: every option in every form, what is refused and with which words, the help text. */
#include "record/cli/settings.h"
#include "record/wire/wire.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>

static struct settings settings;
static struct problem why;

/* Parse the words of a line, split at spaces. */
static enum status parse(const char *line)
{
    static char copy[512], *words[32];
    int n = 1;
    char *rest = NULL;
    snprintf(copy, sizeof copy, "%s", line);
    words[0] = copy + sizeof copy - 1;
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        words[n++] = word;
    words[n] = NULL;
    why.detail[0] = '\0';
    return settings_parse(&settings, n, words, &why);
}

START_TEST(test_defaults)
{
    ck_assert_int_eq(parse("python3 demo.py -o x"), STATUS_OK);
    ck_assert_int_eq(settings.action, SETTINGS_RECORD);
    ck_assert_str_eq(settings.output, "run.trace");
    ck_assert_uint_eq(settings.interval_ns, 10000000);
    ck_assert_uint_eq(settings.max_depth, 1024);
    ck_assert_uint_eq(settings.agent_flags, 0);
    ck_assert_uint_eq(settings.linger_ns, SETTINGS_FOREVER);
    ck_assert_uint_eq(settings.delay_ns, 0);
    ck_assert_uint_eq(settings.duration_ns, SETTINGS_FOREVER);
    ck_assert_int_eq(settings.file.how, TRACEFILE_ONE);
    ck_assert(!settings.is_quiet);
    ck_assert_str_eq(settings.command[0], "python3");
    ck_assert_str_eq(settings.command[2], "-o"); /* the command's own, from here on */
}
END_TEST

/* Its own options are taken out: the rest is what a pyrec that only records is called with. */
START_TEST(test_top)
{
    ck_assert_int_eq(
        parse("top --batch -r 1k --window 5 -o f --every=3 -q -- cmd --batch --window x"),
        STATUS_OK);
    ck_assert(settings.is_top && settings.is_batch && settings.has_output && settings.is_quiet);
    ck_assert_str_eq(settings.window, "5");
    ck_assert_str_eq(settings.every, "3");
    const char *const wanted[] = {"-r", "1k",  "-o",      "f",        "-q",
                                  "--", "cmd", "--batch", "--window", "x"};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        ck_assert_str_eq(settings.words[i], wanted[i]);
    ck_assert_ptr_null(settings.words[ARRAY_LEN(wanted)]);
    ck_assert_str_eq(settings.command[0], "cmd");
    ck_assert_int_eq(parse("top -p 5 --batch"), STATUS_OK);
    ck_assert_uint_eq(settings.n_pids, 1);
    ck_assert_ptr_null(settings.words[2]);
    ck_assert_int_eq(parse("-- top --batch"), STATUS_OK);
    ck_assert(!settings.is_top);
    static const struct {
        const char *line, *said;
    } wrong[] = {
        {"--batch cmd", "--batch is an option of pyrec top"},
        {"top", "no command; try: pyrec top --"},
        {"top --window 61 cmd", "--window wants"},
        {"top --every 1.5 cmd", "--every wants"},
        {"top --keep 10s cmd", "wants -o FILE"},
        {"top -p 5 cmd", "not both"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        ck_assert_int_eq(parse(wrong[i].line), STATUS_USAGE);
        ck_assert_msg(strstr(why.detail, wrong[i].said) != NULL, "%s: %s", wrong[i].line,
                      why.detail);
    }
}
END_TEST

static const char *const forms[] = {
    "-o f -r 1k -q -- cmd -x",
    "-of -r1k -q cmd -x",
    "-qof -r1000 cmd -x",
    "-qr 1000 -o f cmd -x",
    "--output f --rate 1K --quiet cmd -x",
    "--output=f --rate=1000 --quiet -- cmd -x",
};

START_TEST(test_forms)
{
    ck_assert_int_eq(parse(forms[_i]), STATUS_OK);
    ck_assert_str_eq(settings.output, "f");
    ck_assert_uint_eq(settings.interval_ns, 1000000);
    ck_assert(settings.is_quiet);
    ck_assert_str_eq(settings.command[0], "cmd");
    ck_assert_str_eq(settings.command[1], "-x");
    ck_assert_ptr_null(settings.command[2]);
}
END_TEST

START_TEST(test_values)
{
    ck_assert_int_eq(parse("--no-children --no-signals --no-cumulative c"), STATUS_OK);
    ck_assert_uint_eq(settings.agent_flags,
                      WIRE_NO_CHILDREN | WIRE_NO_SIGNALS | WIRE_NO_CUMULATIVE);
    ck_assert_int_eq(parse("--native c"), STATUS_OK);
    ck_assert_uint_eq(settings.agent_flags, WIRE_C_FRAMES);
    ck_assert_int_eq(parse("--native-lines c"), STATUS_OK);
    ck_assert_uint_eq(settings.agent_flags, WIRE_C_FRAMES | WIRE_C_LINES);
    ck_assert_int_eq(parse("--no-awaits c"), STATUS_OK);
    ck_assert_uint_eq(settings.agent_flags, WIRE_NO_AWAITS);
    ck_assert_int_eq(parse("-r 2.5 c"), STATUS_OK);
    ck_assert_uint_eq(settings.interval_ns, 400000000);
    ck_assert_int_eq(parse("-r 10k c"), STATUS_OK);
    ck_assert_uint_eq(settings.interval_ns, 100000);
    ck_assert_int_eq(parse("-r 3 c"), STATUS_OK);
    ck_assert_uint_eq(settings.interval_ns, 333333333);
    ck_assert_int_eq(parse("--max-depth 16000 c"), STATUS_OK);
    ck_assert_uint_eq(settings.max_depth, 16000);
    ck_assert_int_eq(parse("--linger 1.5m c"), STATUS_OK);
    ck_assert_uint_eq(settings.linger_ns, 90000000000u);
    ck_assert_int_eq(parse("--linger=0 c"), STATUS_OK);
    ck_assert_uint_eq(settings.linger_ns, 0);
    ck_assert_int_eq(parse("--linger 2h c"), STATUS_OK);
    ck_assert_uint_eq(settings.linger_ns, 7200000000000u);
    ck_assert_int_eq(parse("--flush 0.5 c"), STATUS_OK);
    ck_assert_uint_eq(settings.flush_ns, 500000000);
    ck_assert_int_eq(parse("--delay 2 --duration 90s c"), STATUS_OK);
    ck_assert_uint_eq(settings.delay_ns, 2000000000u);
    ck_assert_uint_eq(settings.duration_ns, 90000000000u);
    ck_assert_int_eq(parse("--rotate 256M c"), STATUS_OK);
    ck_assert_int_eq(settings.file.how, TRACEFILE_ROTATE);
    ck_assert_uint_eq(settings.file.limit_bytes, 256u << 20);
    ck_assert_uint_eq(settings.file.limit_ns, 0);
    ck_assert_int_eq(parse("--keep=10m c"), STATUS_OK);
    ck_assert_int_eq(settings.file.how, TRACEFILE_KEEP);
    ck_assert_uint_eq(settings.file.limit_ns, 600000000000u);
    ck_assert_uint_eq(settings.file.limit_bytes, 0);
    ck_assert(!settings.file.is_series);
    ck_assert_int_eq(parse("--keep 24h --rotate 1m c"), STATUS_OK); /* in any order */
    ck_assert(settings.file.is_series && settings.file.how == TRACEFILE_ROTATE);
    ck_assert_uint_eq(settings.file.limit_ns, 60000000000u);
    ck_assert_uint_eq(settings.file.keep.limit_ns, 86400000000000u);
    ck_assert_int_eq(parse("--keep 1s c"), STATUS_OK); /* the least that there is .. */
    ck_assert_uint_eq(settings.file.limit_ns, 1000000000u);
    ck_assert_int_eq(parse("--rotate 64K c"), STATUS_OK);
    ck_assert_uint_eq(settings.file.limit_bytes, 64u << 10);
    ck_assert_int_eq(parse("--keep 87600h c"), STATUS_OK); /* .. and nearly the most */
    ck_assert_uint_eq(settings.file.limit_ns, 315360000000000000u);
    ck_assert_int_eq(parse("--rotate 900000000G c"), STATUS_OK);
    ck_assert_uint_eq(settings.file.limit_bytes, 900000000ull << 30);
    ck_assert_int_eq(parse("-- --help"), STATUS_OK);
    ck_assert_str_eq(settings.command[0], "--help");
    ck_assert_int_eq(parse("- x"), STATUS_OK);
    ck_assert_str_eq(settings.command[0], "-");
}
END_TEST

START_TEST(test_actions)
{
    ck_assert_int_eq(parse("--help --nonsense"), STATUS_OK);
    ck_assert_int_eq(settings.action, SETTINGS_HELP);
    ck_assert_int_eq(parse("-h"), STATUS_OK);
    ck_assert_int_eq(settings.action, SETTINGS_HELP);
    ck_assert_int_eq(parse("--version"), STATUS_OK);
    ck_assert_int_eq(settings.action, SETTINGS_VERSION);
    ck_assert_int_eq(parse("--completion zsh"), STATUS_OK);
    ck_assert_int_eq(settings.action, SETTINGS_COMPLETION);
    ck_assert_str_eq(settings.shell, "zsh");
    ck_assert_int_eq(parse("--completion tcsh"), STATUS_USAGE);
}
END_TEST

#define WANTS_FILE "a time of 1s or more, such as 10m or 1h, or a size of 64K or more, such as 200M"

static const struct {
    const char *line, *says;
} refused[] = {
    {"", "no command; try: pyrec -- python3 program.py"},
    {"-q", "no command; try: pyrec -- python3 program.py"},
    {"--", "no command; try: pyrec -- python3 program.py"},
    {"-r 0 c", "--rate wants a number from 1 to 10000, not '0'"},
    {"-r 10001 c", "--rate wants a number from 1 to 10000, not '10001'"},
    {"-r 11k c", "--rate wants a number from 1 to 10000, not '11k'"},
    {"-r -5 c", "--rate wants a number from 1 to 10000, not '-5'"},
    {"-r 5x c", "--rate wants a number from 1 to 10000, not '5x'"},
    {"-r 5kk c", "--rate wants a number from 1 to 10000, not '5kk'"},
    {"-r nan c", "--rate wants a number from 1 to 10000, not 'nan'"},
    {"-r", "--rate wants a number from 1 to 10000"},
    {"--rate= c", "--rate wants a number from 1 to 10000, not ''"},
    {"--output= c", "--output wants the name of a file, not ''"},
    {"--max-overhead 0 c", "--max-overhead wants a number from 0.01 to 100, not '0'"},
    {"--max-depth 0 c", "--max-depth wants a whole number from 1 to 16000, not '0'"},
    {"--max-depth 1.5 c", "--max-depth wants a whole number from 1 to 16000, not '1.5'"},
    {"--max-depth 1k c", "--max-depth wants a whole number from 1 to 16000, not '1k'"},
    {"--linger soon c", "--linger wants a time such as 10s, 5m, 1h or 0, not 'soon'"},
    {"--duration 0 c", "--duration wants a time such as 10s, 5m, 1h, not '0'"},
    {"--flush 0.05 c", "--flush wants a time from 0.1s to 1m, not '0.05'"},
    {"--flush 2h c", "--flush wants a time from 0.1s to 1m, not '2h'"},
    {"--delay=-1 c", "--delay wants a time such as 10s, 5m, 1h or 0, not '-1'"},
    {"--rotate 10 c", "--rotate wants " WANTS_FILE ", not '10'"},
    {"--rotate 1K c", "--rotate wants " WANTS_FILE ", not '1K'"},
    {"--rotate 63K c", "--rotate wants " WANTS_FILE ", not '63K'"},
    {"--rotate 99999999999h c", "--rotate wants " WANTS_FILE ", not '99999999999h'"},
    {"--rotate 9999999999999G c", "--rotate wants " WANTS_FILE ", not '9999999999999G'"},
    {"--rotate M c", "--rotate wants " WANTS_FILE ", not 'M'"},
    {"--rotate infs c", "--rotate wants " WANTS_FILE ", not 'infs'"},
    {"--keep 0.5s c", "--keep wants " WANTS_FILE ", not '0.5s'"},
    {"--keep -5m c", "--keep wants " WANTS_FILE ", not '-5m'"},
    {"--keep 64KB c", "--keep wants " WANTS_FILE ", not '64KB'"},
    {"--keep 1.5.5m c", "--keep wants " WANTS_FILE ", not '1.5.5m'"},
    {"--keep 0x10M c", "--keep wants " WANTS_FILE ", not '0x10M'"},
    {"--keep 1e3M c", "--keep wants " WANTS_FILE ", not '1e3M'"},
    {"-r 0x10 c", "--rate wants a number from 1 to 10000, not '0x10'"},
    {"--keep 0s c", "--keep wants " WANTS_FILE ", not '0s'"},
    {"--keep= c", "--keep wants " WANTS_FILE ", not ''"},
    {"top -o f --keep 1m --rotate 1h c", "top with --rotate or --keep, not both"},
    {"--quiet=yes c", "--quiet takes no argument"},
    {"-x c", "unknown option '-x'"},
    {"-qx c", "unknown option '-x'"},
    {"--ouptut c", "unknown option '--ouptut', did you mean '--output'?"},
    {"--raet=5 c", "unknown option '--raet', did you mean '--rate'?"},
    {"--no-child c", "unknown option '--no-child', did you mean '--no-children'?"},
    {"--nosignals c", "unknown option '--nosignals', did you mean '--no-signals'?"},
    {"--frobnicate c", "unknown option '--frobnicate'"},
};

START_TEST(test_refused)
{
    ck_assert_int_eq(parse(refused[_i].line), STATUS_USAGE);
    ck_assert_str_eq(why.detail, refused[_i].says);
}
END_TEST

/* Every option that can be parsed is in the help, and no line of it is too long. */
START_TEST(test_help)
{
    static const char *const names[] = {
        "--output FILE", "--rate HZ",   "--quiet",      "--no-children",
        "--max-depth N", "--no-cumul",  "--no-sign",    "--linger TIME",
        "--version",     "--help",      "--delay",      "--duration TIME",
        "--rotate SIZE", "--keep SIZE", "--completion", "--max-overhead PERCENT",
        "--flush TIME"};
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    settings_write_help(to);
    fclose(to);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        ck_assert_msg(strstr(text, names[i]) != NULL, "%s", names[i]);
    ck_assert_ptr_nonnull(strstr(text, "--max-overhead PERCENT\n                        take"));
    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n") + 1)
        ck_assert_uint_le(strcspn(at, "\n"), 84);
    free(text);
}
END_TEST

START_TEST(test_pids)
{
    ck_assert_int_eq(parse("-p 12 -o f --pid=34 -p 12"), STATUS_OK);
    ck_assert_uint_eq(settings.n_pids, 2);
    ck_assert_int_eq(settings.pids[0], 12);
    ck_assert_int_eq(settings.pids[1], 34);
    ck_assert_ptr_null(settings.command[0]);
    ck_assert(!settings.is_by_itself);
    ck_assert_int_eq(parse("--by-itself -p 12"), STATUS_OK);
    ck_assert(settings.is_by_itself);
    static const char *const wrong[] = {"-p 0",
                                        "-p -1",
                                        "-p 1.5",
                                        "-p 12x",
                                        "-p 4294967296",
                                        "-p",
                                        "-p 1 cmd",
                                        "-p 1 -- cmd",
                                        "-p 1 --linger 0",
                                        "--by-itself cmd",
                                        "-p 1 -p 2 --by-itself"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(parse(wrong[i]) == STATUS_USAGE, "%s", wrong[i]);
}
END_TEST

/* The manual has every option that the help has. */
START_TEST(test_manual)
{
    char manual[65536] = "", *help = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&help, &len), *from = fopen(MANUAL, "r");
    settings_write_help(to);
    settings_write_help_top(to);
    fclose(to);
    ck_assert_ptr_nonnull(from);
    ck_assert_uint_gt(fread(manual, 1, sizeof manual - 1, from), 1000);
    fclose(from);
    int n = 0;
    for (const char *at = strstr(help, "\n  -"); (at = strstr(at, "--")) != NULL; n++) {
        char flag[64];
        if (at[2] == ' ') { /* "pyrec top -- command" */
            at += 2;
            n--;
            continue;
        }
        const int name_len = (int)strspn(at + 2, "abcdefghijklmnopqrstuvwxyz-");
        snprintf(flag, sizeof flag, "Fl \\-%.*s", name_len, at + 2);
        ck_assert_msg(strstr(manual, flag) != NULL, "%s is not in the manual", flag);
        at += name_len;
    }
    ck_assert_int_ge(n, 29);
    free(help);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settings");
    TCase *tc = tcase_create("settings");
    tcase_add_test(tc, test_defaults);
    tcase_add_test(tc, test_top);
    tcase_add_loop_test(tc, test_forms, 0, ARRAY_LEN(forms));
    tcase_add_test(tc, test_values);
    tcase_add_test(tc, test_actions);
    tcase_add_loop_test(tc, test_refused, 0, ARRAY_LEN(refused));
    tcase_add_test(tc, test_help);
    tcase_add_test(tc, test_pids);
    tcase_add_test(tc, test_manual);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
