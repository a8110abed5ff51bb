/* SPDX-License-Identifier: MIT */
#include "look.h"

#include "dump_take.h"
#include "format/base/spelling.h"
#include "ps.h"
#include "record/cli/commands.h"
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

bool look_is_command(const char *word)
{
    const struct command *const command = command_find(word);
    return command != NULL && !command->records;
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

static enum status unknown(const char *option, const struct command *command, struct problem *why)
{
    for (size_t i = 0; i < command->n_options; i++)
        if (strncmp(option, "--", 2) == 0 &&
            spelling_distance(option + 2, command->options[i].name) <= 3)
            return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                               "unknown option '%.60s', did you mean '--%s'?", option,
                               command->options[i].name);
    return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "unknown option '%.60s'", option);
}

/* The option that a word is, or is the beginning of ("--max-depth=3": *argument); NULL: none. */
static const struct settings_option *option_find(const struct command *command, const char *word,
                                                 const char **argument)
{
    *argument = NULL;
    for (size_t i = 0; i < command->n_options; i++) {
        const struct settings_option *const option = &command->options[i];
        const size_t len = strlen(option->name);
        if (word[0] == '-' && word[1] == option->letter && option->letter != 0 && word[2] == '\0')
            return option;
        if (strncmp(word, "--", 2) != 0 || strncmp(word + 2, option->name, len) != 0)
            continue;
        if (word[2 + len] == '=' && option->argument != NULL)
            *argument = word + 3 + len;
        if (word[2 + len] == '\0' || *argument != NULL)
            return option;
    }
    return NULL;
}

static enum status option_take(struct look *look, const struct settings_option *option,
                               const char *argument, struct problem *why)
{
    if (option->argument != NULL)
        return depth_parse(look, argument, why);
    look->is_json |= strcmp(option->name, "json") == 0;
    look->wants_help |= strcmp(option->name, "help") == 0;
    return STATUS_OK;
}

static enum status word_take(struct look *look, const char *word, const struct command *command,
                             struct problem *why)
{
    if (command->argument == NULL)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "%s takes no arguments, not '%.60s'", command->name, word);
    if (look->pid != NULL)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "one PID at a time, not also '%.60s'", word);
    look->pid = word;
    return STATUS_OK;
}

static enum status arguments_parse(struct look *look, char **argv, const struct command *command,
                                   struct problem *why)
{
    bool is_over = false;
    *look = (struct look){.max_depth = MAX_DEPTH_FIRST};
    for (char **at = argv; *at != NULL; at++) {
        const char *argument;
        if (is_over || (*at)[0] != '-') {
            TRY(word_take(look, *at, command, why));
            continue;
        }
        is_over = strcmp(*at, "--") == 0;
        if (is_over)
            continue;
        const struct settings_option *const option = option_find(command, *at, &argument);
        if (option == NULL)
            return unknown(*at, command, why);
        if (option->argument != NULL && argument == NULL && at[1] != NULL)
            argument = *++at;
        TRY(option_take(look, option, argument, why));
    }
    if (command->argument != NULL && look->pid == NULL && !look->wants_help)
        return problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET,
                           "%s wants the PID of a process; 'pyrec ps' lists them", command->name);
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
    const struct command *const command = argc > 1 ? command_find(argv[1]) : NULL;
    why->detail[0] = '\0';
    if (command == NULL)
        return exit_of(problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, "no command"));
    const enum status status = arguments_parse(&look, argv + 2, command, why);
    if (status != STATUS_OK)
        return exit_of(status);
    int code = EXIT_SUCCESS;
    if (look.wants_help)
        command_write_help(to, command);
    else
        code = command->argument != NULL ? dump_run(&look, to, why) : ps_run(&look, to, why);
    if (fflush(to) != 0 && code == EXIT_SUCCESS) {
        (void)problem_set(why, STATUS_IO, PROBLEM_NO_OFFSET, "the output could not be written");
        code = EXIT_FAILURE;
    }
    return code;
}
