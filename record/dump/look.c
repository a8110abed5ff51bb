/* SPDX-License-Identifier: MIT */
#include "look.h"

#include "dump_take.h"
#include "format/spelling.h"
#include "ps.h"
#include "record/regard/reason.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_DEPTH_FIRST 100u
#define PID_MAX         4194304L /* the kernel's own limit */

struct look {
    bool is_json, wants_help;
    uint32_t max_depth;
    const char *pid;
};

static const char dump_help[] =
    "usage: pyrec dump [--json] [--max-depth N] PID\n\n"
    "Print what every thread of a running Python process is doing now: its stack, leaf\n"
    "first, its state, what it waits for, and who holds the GIL. The process is not\n"
    "stopped and nothing is left in it.\n\n"
    "  --json          one JSON document\n"
    "  --max-depth N   frames per stack (default 100, 0 = all); of deeper ones the\n"
    "                  innermost and the 10 outermost are shown\n"
    "  -h, --help      print this text and exit\n\n"
    "Exit status: 0; 2 for a wrong command line, 3 when there is no such process or it\n"
    "went away, 4 without the rights to read it, 5 when it is no Python that is known.\n";

static const char ps_help[] =
    "usage: pyrec ps [--json]\n\n"
    "List the Python processes of this user (as root: of all users): version, threads, CPU\n"
    "time, and whether pyrec can attach to them or why not.\n\n"
    "  --json          one JSON document, with the reasons in sentences\n"
    "  -h, --help      print this text and exit\n";

bool look_is_command(const char *word)
{
    return strcmp(word, "dump") == 0 || strcmp(word, "ps") == 0;
}

/* ---- the command line ---- */

static enum status depth_parse(struct look *look, const char *text, struct problem *why)
{
    char *end;
    const unsigned long depth = text != NULL ? strtoul(text, &end, 10) : 0;
    if (text == NULL || text[0] < '0' || text[0] > '9' || *end != '\0' || depth > READING_DEPTH_MAX)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "--max-depth wants a whole number from 0 (all) to %u%s%.40s%s",
                           READING_DEPTH_MAX, text != NULL ? ", not '" : "",
                           text != NULL ? text : "", text != NULL ? "'" : "");
    look->max_depth = (uint32_t)depth;
    return STATUS_OK;
}

static enum status unknown(const char *option, bool is_dump, struct problem *why)
{
    static const char *const names[] = {"--json", "--help", "--max-depth"};
    for (size_t i = 0; i < ARRAY_LEN(names) - !is_dump; i++)
        if (spelling_distance(option, names[i]) <= 3)
            return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                               "unknown option '%.60s', did you mean '%s'?", option, names[i]);
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "unknown option '%.60s'", option);
}

static enum status arguments_parse(struct look *look, char **argv, bool is_dump,
                                   struct problem *why)
{
    bool is_over = false;
    *look = (struct look){.max_depth = MAX_DEPTH_FIRST};
    for (char **at = argv; *at != NULL; at++) {
        static const char depth[] = "--max-depth";
        const size_t len = sizeof depth - 1;
        if (is_over || (*at)[0] != '-') {
            if (!is_dump || look->pid != NULL)
                return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                                   is_dump ? "one PID at a time, not also '%.60s'"
                                           : "ps takes no arguments, not '%.60s'",
                                   *at);
            look->pid = *at;
        } else if (strcmp(*at, "--") == 0) {
            is_over = true;
        } else if (strcmp(*at, "--json") == 0) {
            look->is_json = true;
        } else if (strcmp(*at, "--help") == 0 || strcmp(*at, "-h") == 0) {
            look->wants_help = true;
        } else if (is_dump && strcmp(*at, depth) == 0) {
            TRY(depth_parse(look, at[1], why));
            at++;
        } else if (is_dump && strncmp(*at, depth, len) == 0 && (*at)[len] == '=') {
            TRY(depth_parse(look, *at + len + 1, why));
        } else {
            return unknown(*at, is_dump, why);
        }
    }
    if (is_dump && look->pid == NULL && !look->wants_help)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "dump wants the PID of a process; 'pyrec ps' lists them");
    return STATUS_OK;
}

/* ---- doing it ---- */

static int exit_of(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return EXIT_SUCCESS;
    case STATUS_USAGE:
        return LOOK_EXIT_USAGE;
    case STATUS_NOT_FOUND:
        return REASON_GONE;
    case STATUS_IO:
        return REASON_RIGHTS;
    case STATUS_UNSUPPORTED:
        return REASON_UNFIT;
    default:
        return EXIT_FAILURE;
    }
}

static int dump_run(const struct look *look, FILE *to, struct problem *why)
{
    struct dump dump = {.threads = NULL};
    char *end;
    const long pid = strtol(look->pid, &end, 10);
    if (look->pid[0] < '0' || look->pid[0] > '9' || *end != '\0' || pid < 1 || pid > PID_MAX)
        return exit_of(problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                                   "'%.60s' is not the number of a process", look->pid));
    enum status status = dump_take(&dump, (pid_t)pid, look->max_depth, why);
    bool is_written = true;
    if (status == STATUS_OK && look->is_json)
        is_written = dump_write_json(to, &dump, why) == STATUS_OK;
    else if (status == STATUS_OK)
        dump_write_text(to, &dump);
    dump_clear(&dump);
    return is_written ? exit_of(status) : EXIT_FAILURE;
}

/* Of a terminal, or as COLUMNS says; 0 = as wide as need be. */
static unsigned width_find(FILE *to)
{
    struct winsize size;
    const char *const columns = getenv("COLUMNS");
    const long wanted = columns != NULL ? strtol(columns, NULL, 10) : 0;
    if (wanted > 0 && wanted < 10000)
        return (unsigned)wanted;
    return isatty(fileno(to)) && ioctl(fileno(to), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static int ps_run(const struct look *look, FILE *to, struct problem *why)
{
    struct ps ps = {.rows = NULL};
    const enum status status = ps_take(&ps, why);
    bool is_written = true;
    if (status == STATUS_OK && look->is_json)
        is_written = ps_write_json(to, &ps, why) == STATUS_OK;
    else if (status == STATUS_OK)
        ps_write_text(to, &ps, width_find(to));
    ps_clear(&ps);
    return is_written ? exit_of(status) : EXIT_FAILURE;
}

int look_run(int argc, char **argv, FILE *to, struct problem *why)
{
    struct look look;
    const bool is_dump = argc > 1 && strcmp(argv[1], "dump") == 0;
    why->detail[0] = '\0';
    const enum status status = arguments_parse(&look, argv + 2, is_dump, why);
    if (status != STATUS_OK)
        return exit_of(status);
    int code = EXIT_SUCCESS;
    if (look.wants_help)
        fputs(is_dump ? dump_help : ps_help, to);
    else
        code = is_dump ? dump_run(&look, to, why) : ps_run(&look, to, why);
    if (fflush(to) != 0 && code == EXIT_SUCCESS) {
        (void)problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "the output could not be written");
        code = EXIT_FAILURE;
    }
    return code;
}
