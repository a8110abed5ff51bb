/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include "commands.h"
#include "format/base/number.h"
#include "format/base/spelling.h"
#include "record/wire/wire.h"
#include "shells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FLUSH_MIN_S   0.1
#define FLUSH_MAX_NS  60000000000ull
#define RATE_MAX      10000
#define MAX_DEPTH_MAX 16000 /* so that a whole stack fits one record of the wire */
#define TIME_MAX_S    (10.0 * 365 * 86400)
#define SIZE_MIN      65536.0
#define SIZE_MAX_B    1e18

/* One option. `set` gets the argument, or NULL when the option has none. */
struct option_row {
    char letter; /* 0 = only the long form */
    const char *name;
    const char *argument; /* its name in the help; NULL = the option takes none */
    const char *help;
    bool (*set)(struct settings *settings, const char *argument);
    const char *wants; /* what a right argument would be */
    bool is_for_top;   /* only behind the word "top" */
};

/* ---- what the options do ---- */

static bool set_output(struct settings *settings, const char *argument)
{
    settings->output = argument;
    settings->has_output = true;
    return argument[0] != '\0';
}

static bool set_rate(struct settings *settings, const char *argument)
{
    static const double factors[] = {1000, 1000};
    if (!number_parse(argument, "kK", factors, 1, RATE_MAX, &settings->rate_hz))
        return false;
    settings->interval_ns = (uint64_t)llround(1e9 / settings->rate_hz);
    return true;
}

static bool set_max_depth(struct settings *settings, const char *argument)
{
    double depth;
    if (!number_parse(argument, "", NULL, 1, MAX_DEPTH_MAX, &depth) || depth != floor(depth))
        return false;
    settings->max_depth = (uint32_t)depth;
    return true;
}

static bool set_max_overhead(struct settings *settings, const char *argument)
{
    double percent;
    if (!number_parse(argument, "%", (const double[]){1}, 0.01, 100, &percent))
        return false;
    settings->max_cost_ppm = (uint64_t)llround(percent * 1e4);
    return true;
}

/* A number of seconds, or with a suffix. */
static bool time_parse(const char *text, double min_s, uint64_t *ns)
{
    static const double factors[] = {1, 60, 3600};
    double seconds;
    if (!number_parse(text, "smh", factors, min_s, TIME_MAX_S, &seconds))
        return false;
    *ns = (uint64_t)llround(seconds * 1e9);
    return true;
}

static bool set_linger(struct settings *settings, const char *argument)
{
    return time_parse(argument, 0, &settings->linger_ns);
}

static bool set_delay(struct settings *settings, const char *argument)
{
    return time_parse(argument, 0, &settings->delay_ns);
}

static bool set_flush(struct settings *settings, const char *argument)
{
    uint64_t ns;
    if (!time_parse(argument, FLUSH_MIN_S, &ns) || ns > FLUSH_MAX_NS)
        return false;
    settings->flush_ns = ns;
    return true;
}

static bool set_duration(struct settings *settings, const char *argument)
{
    return time_parse(argument, 0.001, &settings->duration_ns);
}

/* How chunks are kept, by a time or a size; it must say of what. */
static bool set_file(struct tracefile_plan *to, enum tracefile_how how, const char *argument)
{
    struct tracefile_plan plan = {.how = how, .text = argument};
    double bytes;
    const size_t len = strlen(argument);
    if (len == 0)
        return false;
    if (strchr("KMG", argument[len - 1]) != NULL) {
        if (!number_parse_bytes(argument, SIZE_MIN, SIZE_MAX_B, &bytes))
            return false;
        plan.limit_bytes = (uint64_t)bytes;
    } else if (strchr("smh", argument[len - 1]) == NULL ||
               !time_parse(argument, 1, &plan.limit_ns)) {
        return false;
    }
    *to = plan;
    return true;
}

static bool set_rotate(struct settings *settings, const char *argument)
{
    settings->has_rotate = true;
    return set_file(&settings->file, TRACEFILE_ROTATE, argument);
}

static bool set_keep(struct settings *settings, const char *argument)
{
    settings->has_keep = true;
    return set_file(&settings->keep, TRACEFILE_KEEP, argument);
}

static bool set_service(struct settings *settings, const char *argument)
{
    settings->service.who.name = argument;
    return argument[0] != '\0';
}

static bool set_service_version(struct settings *settings, const char *argument)
{
    settings->service.who.version = argument;
    return argument[0] != '\0';
}

static bool set_label(struct settings *settings, const char *argument)
{
    return service_set_label(&settings->service, argument);
}

static bool set_pid(struct settings *settings, const char *argument)
{
    double pid;
    if (settings->n_pids == SETTINGS_MAX_PIDS ||
        !number_parse(argument, "", NULL, 1, INT32_MAX, &pid) || pid != floor(pid))
        return false;
    for (uint32_t i = 0; i < settings->n_pids; i++)
        if (settings->pids[i] == (pid_t)pid)
            return true;
    settings->pids[settings->n_pids++] = (pid_t)pid;
    return true;
}

static bool set_by_itself(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->is_by_itself = true;
    return true;
}

static bool set_quiet(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->is_quiet = true;
    return true;
}

static bool set_no_children(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->agent_flags |= WIRE_NO_CHILDREN;
    return true;
}

static bool set_no_cumulative(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->agent_flags |= WIRE_NO_CUMULATIVE;
    return true;
}

static bool set_no_signals(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->agent_flags |= WIRE_NO_SIGNALS;
    return true;
}

static bool set_native(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->agent_flags |= WIRE_C_FRAMES;
    return true;
}

static bool set_native_lines(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->agent_flags |= WIRE_C_FRAMES | WIRE_C_LINES;
    return true;
}

static bool set_no_awaits(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->agent_flags |= WIRE_NO_AWAITS;
    return true;
}

static bool set_batch(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->is_batch = true;
    return true;
}

/* A whole number of seconds. */
static bool is_seconds(const char *text, double max)
{
    double seconds;
    return number_parse(text, "", NULL, 1, max, &seconds) && seconds == floor(seconds);
}

static bool set_window(struct settings *settings, const char *argument)
{
    settings->window = argument;
    return is_seconds(argument, 60);
}

static bool set_every(struct settings *settings, const char *argument)
{
    settings->every = argument;
    return is_seconds(argument, 86400);
}

static bool set_completion(struct settings *settings, const char *argument)
{
    settings->action = SETTINGS_COMPLETION;
    settings->shell = argument;
    return shell_known(argument);
}

static bool set_version(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->action = SETTINGS_VERSION;
    return true;
}

static bool set_help(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->action = SETTINGS_HELP;
    return true;
}

/* ---- the table ---- */

#define WANTS_TIME "a time such as 10s, 5m, 1h"
#define WANTS_FILE "a time of 1s or more, such as 10m or 1h, or a size of 64K or more, such as 200M"

static const struct option_row rows[] = {
    {'o', "output", "FILE", "write the trace to FILE (default run.trace)", set_output,
     "the name of a file", false},
    {'r', "rate", "HZ", "samples per second, 1 to 10000; 1k = 1000 (default 100)", set_rate,
     "a number from 1 to 10000", false},
    {'p', "pid", "PID",
     "attach to a process that runs, instead of starting a command; Ctrl-C detaches. "
     "More than one -p: to all of them",
     set_pid, "the number of a process (64 of them at most)", false},
    {0, "by-itself", NULL,
     "with -p: the process loads libpyrec.so by itself, as the Python package does; print what it "
     "is to call pyrec_attach() with",
     set_by_itself, NULL, false},
    {'q', "quiet", NULL, "no closing line on stderr", set_quiet, NULL, false},
    {0, "no-children", NULL, "record only the first Python process", set_no_children, NULL, false},
    {0, "max-depth", "N", "frames kept per stack, leaf first (default 1024)", set_max_depth,
     "a whole number from 1 to 16000", false},
    {0, "no-cumulative", NULL, "top frame only: do not pay for the cumulative columns",
     set_no_cumulative, NULL, false},
    {0, "max-overhead", "PERCENT",
     "take fewer samples when a process would spend more than PERCENT of a CPU on them",
     set_max_overhead, "a number from 0.01 to 100", false},
    {0, "no-signals", NULL, "never signal a thread: to look at one, take its CPU for a moment",
     set_no_signals, NULL, false},
    {0, "native", NULL, "also the C frames below Python's (x86-64)", set_native, NULL, false},
    {0, "native-lines", NULL,
     "--native, with where in its function each is: for lines and inlined functions (pyanalyze "
     "symbols)",
     set_native_lines, NULL, false},
    {0, "no-awaits", NULL, "do not look at what suspended asyncio tasks wait for", set_no_awaits,
     NULL, false},
    {0, "linger", "TIME",
     "follow other processes for TIME after the command's end, e.g. 10s, 5m, 0 "
     "(default: until all are gone, or Ctrl-C)",
     set_linger, WANTS_TIME " or 0", false},
    {0, "delay", "TIME", "record nothing before TIME has passed", set_delay, WANTS_TIME " or 0",
     false},
    {0, "duration", "TIME", "record for TIME, then let the command go on unrecorded", set_duration,
     WANTS_TIME, false},
    {0, "flush", "TIME",
     "write down at least once per TIME what was recorded (default 2s; top: 0.5s)", set_flush,
     "a time from 0.1s to 1m", false},
    {0, "rotate", "SIZE|TIME",
     "numbered files, FILE with 0000, 0001, .. before its suffix, of SIZE (256M) or TIME (1h) each",
     set_rotate, WANTS_FILE, false},
    {0, "keep", "SIZE|TIME",
     "flight recorder: only the last TIME (10m) or SIZE (200M) stay in FILE. With --rotate: files "
     "of a service, of which those stay, over restarts",
     set_keep, WANTS_FILE, false},
    {0, "service", "NAME",
     "write into the trace whom it is of (default: OTEL_SERVICE_NAME of the environment)",
     set_service, "a name", false},
    {0, "service-version", "VERSION", "and which version of it", set_service_version, "a version",
     false},
    {0, "label", "KEY=VALUE",
     "and what else tells it from others, such as zone=eu-1; once for each (default: "
     "OTEL_RESOURCE_ATTRIBUTES)",
     set_label, "KEY=VALUE, 64 of them at most", false},
    {0, "batch", NULL,
     "plain screens one below the other, for logs; so it is, too, without a terminal", set_batch,
     NULL, true},
    {0, "every", "SECONDS", "with --batch: between two screens (default 2)", set_every,
     "a whole number of seconds, 1 to 86400", true},
    {0, "window", "SECONDS", "what \"now\" is (default 10)", set_window,
     "a whole number of seconds, 1 to 60", true},
    {0, "completion", "SHELL", "print what lets bash, zsh or fish complete command lines, and exit",
     set_completion, "bash, zsh or fish", false},
    {0, "version", NULL, "print the version and exit", set_version, NULL, false},
    {'h', "help", NULL, "print this text and exit", set_help, NULL, false},
};

bool settings_option(size_t i, struct settings_option *option)
{
    if (i >= ARRAY_LEN(rows))
        return false;
    *option = (struct settings_option){rows[i].letter, rows[i].name, rows[i].argument, rows[i].help,
                                       rows[i].is_for_top};
    return true;
}

/* ---- parsing ---- */

static enum status unknown(const char *name, struct problem *why)
{
    const struct option_row *near = NULL;
    size_t least = 1 + strlen(name) / 3; /* a third of the letters wrong: something else is meant */
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const bool is_start = strlen(name) >= 2 && strncmp(rows[i].name, name, strlen(name)) == 0;
        const size_t far = is_start ? 0 : spelling_distance(name, rows[i].name);
        if (far <= least && (near == NULL || far < least)) {
            near = &rows[i];
            least = far;
        }
    }
    if (near == NULL)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "unknown option '--%.60s'", name);
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                       "unknown option '--%.60s', did you mean '--%s'?", name, near->name);
}

static enum status option_set(struct settings *settings, const struct option_row *row,
                              const char *argument, struct problem *why)
{
    if (row->is_for_top && !settings->is_top)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--%s is an option of pyrec top, which looks while it records",
                           row->name);
    if (row->argument != NULL && argument == NULL)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "--%s wants %s", row->name,
                           row->wants);
    if (row->argument == NULL && argument != NULL)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "--%s takes no argument",
                           row->name);
    if (!row->set(settings, argument))
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "--%s wants %s, not '%.60s'",
                           row->name, row->wants, argument != NULL ? argument : "");
    return STATUS_OK;
}

/* Words that are for nobody but us are taken out of the list, and *at stays where they were. */
static void words_drop(char **argv, int from, int *at)
{
    int n = 0;
    while (argv[*at + n] != NULL)
        n++;
    memmove(argv + from, argv + *at, (size_t)(n + 1) * sizeof *argv);
    *at = from;
}

/* --name, --name=argument, --name argument; moves *at behind what was used. */
static enum status long_parse(struct settings *settings, char **argv, int *at, struct problem *why)
{
    char name[64];
    const int from = *at;
    const char *word = argv[(*at)++] + 2;
    const size_t len = strcspn(word, "=");
    const char *argument = word[len] == '=' ? word + len + 1 : NULL;
    snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1), word);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].name, name) != 0)
            continue;
        if (rows[i].argument != NULL && argument == NULL && argv[*at] != NULL)
            argument = argv[(*at)++];
        TRY(option_set(settings, &rows[i], argument, why));
        if (rows[i].is_for_top)
            words_drop(argv, from, at);
        return STATUS_OK;
    }
    return unknown(name, why);
}

static const struct option_row *letter_find(char letter)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].letter == letter && letter != 0)
            return &rows[i];
    return NULL;
}

/* -q, -qo FILE, -oFILE. */
static enum status letters_parse(struct settings *settings, char **argv, int *at,
                                 struct problem *why)
{
    for (const char *letter = argv[(*at)++] + 1; *letter != '\0'; letter++) {
        const struct option_row *row = letter_find(*letter);
        if (row == NULL)
            return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "unknown option '-%c'",
                               *letter);
        if (row->argument == NULL) {
            TRY(option_set(settings, row, NULL, why));
            continue;
        }
        const char *argument = letter[1] != '\0' ? letter + 1 : argv[*at];
        if (argument == argv[*at] && argument != NULL)
            (*at)++;
        return option_set(settings, row, argument, why);
    }
    return STATUS_OK;
}

/* What has no meaning without a command. */
static enum status pids_check(const struct settings *settings, struct problem *why)
{
    if (settings->command[0] != NULL)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "a command or -p PID, not both: '%.60s'", settings->command[0]);
    if (settings->linger_ns != SETTINGS_FOREVER)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--linger is for a command's end; with -p use --duration");
    return STATUS_OK;
}

static enum status top_check(const struct settings *settings, struct problem *why)
{
    if (settings->is_by_itself)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--by-itself is not for top; look at its file with pyanalyze top");
    if (settings->has_rotate && settings->has_keep)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "top with --rotate or --keep, not both");
    if (!settings->has_output && (settings->has_rotate || settings->has_keep))
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "top with --%s wants -o FILE: without it the recording is removed",
                           settings->has_rotate ? "rotate" : "keep");
    return STATUS_OK;
}

/* C frames are told by threads that are asked, below all of their Python frames. */
static enum status native_check(const struct settings *settings, struct problem *why)
{
    const uint32_t flags = settings->agent_flags;
    const char *other = NULL;
    if ((flags & WIRE_C_FRAMES) == 0)
        return STATUS_OK;
#if !defined(__x86_64__)
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "--native is for x86-64 only");
#endif
    if (flags & WIRE_NO_SIGNALS)
        other = "--no-signals";
    else if (flags & WIRE_NO_CUMULATIVE)
        other = "--no-cumulative";
    else if (settings->n_pids > 0)
        other = "-p: start the program by pyrec";
    if (other == NULL)
        return STATUS_OK;
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "--native cannot be used with %s",
                       other);
}

/* Both together: files of which only the last ones stay, those of earlier recordings among them. */
static void file_settle(struct settings *settings)
{
    const struct tracefile_plan *const keep = &settings->keep;
    settings->file.is_series = settings->has_rotate && settings->has_keep;
    if (settings->file.is_series)
        settings->file.keep = (struct parts_keep){keep->limit_ns, keep->limit_bytes};
    else if (settings->has_keep)
        settings->file = *keep;
}

enum status settings_parse(struct settings *settings, int argc, char **argv, struct problem *why)
{
    const bool is_top = argc > 1 && strcmp(argv[1], COMMAND_TOP) == 0;
    int at = is_top ? 2 : 1;
    *settings = (struct settings){
        .is_top = is_top,
        .words = argv + at,
        .output = "run.trace",
        .rate_hz = 100,
        .interval_ns = 10000000,
        .max_depth = 1024,
        .linger_ns = SETTINGS_FOREVER,
        .duration_ns = SETTINGS_FOREVER,
    };
    while (argv[at] != NULL && argv[at][0] == '-' && argv[at][1] != '\0') {
        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        if (argv[at][1] == '-')
            TRY(long_parse(settings, argv, &at, why));
        else
            TRY(letters_parse(settings, argv, &at, why));
        if (settings->action != SETTINGS_RECORD)
            return STATUS_OK;
    }
    file_settle(settings);
    settings->command = argv + at;
    if (settings->is_by_itself && settings->n_pids != 1)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--by-itself wants one -p, the process that will load libpyrec.so");
    if (is_top)
        TRY(top_check(settings, why));
    TRY(native_check(settings, why));
    if (settings->n_pids > 0)
        return pids_check(settings, why);
    if (argv[at] == NULL)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "no command; try: pyrec %s-- python3 program.py", is_top ? "top " : "");
    return STATUS_OK;
}

/* ---- help ---- */

static void settings_write_options(FILE *to, bool is_for_top)
{
    struct settings_option option;
    for (size_t i = 0; settings_option(i, &option); i++)
        if (option.is_for_top == is_for_top)
            settings_write_option(to, &option);
}

void settings_write_help_top(FILE *to)
{
    const struct command *const command = command_find(COMMAND_TOP);
    fprintf(to,
            "usage: pyrec top [options] -- command [args...]\n"
            "       pyrec top [options] -p PID\n\n%s\n",
            command->about);
    settings_write_options(to, true);
    fprintf(to, "\nBeside these, the options of recording: see pyrec --help.\n\n%s",
            command->status);
}

void settings_write_help(FILE *to)
{
    fputs("usage: pyrec [options] -- command [args...]\n"
          "       pyrec [options] -p PID    attach to a process that runs already\n",
          to);
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        const char *const argument = command->argument != NULL ? command->argument : "";
        fprintf(to, "       pyrec %s %-*s%s\n", command->name, 19 - (int)strlen(command->name),
                argument, command->summary);
    }
    fputs("\nRun a command and record where its Python programs spend their time: all threads,\n"
          "all processes, by line, into one file. Look at it with pyanalyze.\n\n",
          to);
    settings_write_options(to, false);
    fputs("\nThe command's exit status is pyrec's own; 127 and 126 when it cannot be found or\n"
          "run, 2 when pyrec itself was called wrongly.\n",
          to);
}
