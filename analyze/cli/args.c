/* SPDX-License-Identifier: MIT */
#include "args.h"

#include "analyze/base/memory.h"
#include "command.h"
#include "other_names.h"
#include "output.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define USAGE(why, ...) problem_set(why, STATUS_USAGE, PROBLEM_NO_OFFSET, __VA_ARGS__)

void args_clear(struct args *args)
{
    free(args->given);
    free(args->operands);
    *args = (struct args){0};
}

static void add_operand(struct args *args, const char *operand)
{
    args->operands = memory_grow(args->operands, &args->operands_size, args->n_operands + 1,
                                 sizeof *args->operands);
    args->operands[args->n_operands++] = operand;
    const bool has_word = args->command->word != NULL;
    args->word = has_word ? args->operands[0] : NULL;
    args->files = args->operands + has_word;
    args->n_files = args->n_operands - has_word;
}

static bool is_count(const char *text)
{
    char *end;
    errno = 0;
    (void)strtoul(text, &end, 10);
    return isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0;
}

static const struct option *common_option(const char *name)
{
    for (size_t i = 0; option_common(i) != NULL; i++) {
        if (strcmp(option_common(i)->name, name) == 0)
            return option_common(i);
    }
    return NULL;
}

static bool is_choice(const struct option *option, const char *text)
{
    for (size_t i = 0; option->choices(i) != NULL; i++) {
        if (strcmp(option->choices(i), text) == 0)
            return true;
    }
    return false;
}

/* A format that is none: what is meant, or what there is, of those that the command has. */
static enum status no_format(const struct command *command, const char *text, struct problem *why)
{
    const char *names[32];
    char list[SUGGEST_LIST_SIZE] = "";
    size_t n = 0, len = 0;
    for (size_t i = 0; output_get(i) != NULL && n < ARRAY_LEN(names); i++) {
        if (!(output_get(i)->accepts & command->shape))
            continue;
        names[n++] = output_get(i)->name;
        if (len < sizeof list)
            len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", n > 1 ? ", " : "",
                                    names[n - 1]);
    }
    const char *const meant = suggest_among(text, names, n);
    if (meant != NULL)
        return USAGE(why, "--format: there is no format \"%s\"; did you mean \"%s\"?", text, meant);
    return USAGE(why, "--format: there is no format \"%s\"; %s can be written as: %s", text,
                 command->name, list);
}

static enum status check_text(const struct command *command, const struct option *option,
                              const char *text, struct problem *why)
{
    if (option->kind == OPTION_COUNT && !is_count(text))
        return USAGE(why, "--%s wants a number, not \"%s\"", option->name, text);
    if (option->kind != OPTION_CHOICE)
        return STATUS_OK;
    if (is_choice(option, text))
        return STATUS_OK;
    const struct option *const common = common_option(option->name);
    if (common != NULL && common->kind == OPTION_CHOICE && is_choice(common, text)) {
        char names[SUGGEST_LIST_SIZE];
        suggest_list(names, option->choices, "pyanalyze help COMMAND");
        return USAGE(why, "--%s %s makes no sense for \"%s\", which takes: %s", option->name, text,
                     command->name, names);
    }
    if (option->group == TAKES_FORMAT)
        return no_format(command, text, why);
    return suggest_problem(why, option->name, "choice", text, option->choices);
}

static enum status add_option(struct args *args, const struct option *option, const char *text,
                              struct problem *why)
{
    if (text != NULL)
        TRY(check_text(args->command, option, text, why));
    args->given =
        memory_grow(args->given, &args->given_size, args->n_given + 1, sizeof *args->given);
    args->given[args->n_given++] = (struct arg){option, text, args->n_files};
    return STATUS_OK;
}

/* By long name (of len characters) or, with name NULL, by letter. */
static const struct option *find_option(const struct command *command, const char *name, size_t len,
                                        char letter)
{
    const struct option *option;
    for (size_t i = 0; (option = command_option(command, i)) != NULL; i++) {
        const bool found =
            name != NULL ? strlen(option->name) == len && strncmp(option->name, name, len) == 0
                         : option->letter == letter;
        if (found)
            return option;
    }
    return NULL;
}

/* An option that the command does not have: another one does, or something like it is meant. */
static enum status unknown_option(const struct command *command, const char *name, size_t len,
                                  struct problem *why)
{
    char wrong[64];
    const char *names[64];
    size_t n = 0;
    if (len >= sizeof wrong)
        len = sizeof wrong - 1;
    memcpy(wrong, name, len);
    wrong[len] = '\0';
    if (common_option(wrong) != NULL)
        return USAGE(why, "--%s makes no sense for \"%s\"", wrong, command->name);
    for (; n < ARRAY_LEN(names) - 1 && command_option(command, n) != NULL; n++)
        names[n] = command_option(command, n)->name;
    const char *const meant = suggest_among(wrong, names, n);
    if (meant != NULL)
        return USAGE(why, "%s: there is no option --%s; did you mean --%s?", command->name, wrong,
                     meant);
    return USAGE(why, "%s: there is no option --%s; see: pyanalyze help %s", command->name, wrong,
                 command->name);
}

/* --name, --name=text, --name text; *used is how many words of argv. */
static enum status parse_long(struct args *args, char **words, int n_words, int *used,
                              struct problem *why)
{
    const char *const name = words[0] + 2;
    const size_t len = strcspn(name, "=");
    const char *text = name[len] == '=' ? name + len + 1 : NULL;
    const struct option *const option = find_option(args->command, name, len, 0);
    *used = 1;
    if (option == NULL)
        return unknown_option(args->command, name, len, why);
    if (option->kind == OPTION_FLAG && text != NULL)
        return USAGE(why, "--%s takes no argument", option->name);
    if (option->kind != OPTION_FLAG && text == NULL) {
        if (n_words < 2)
            return USAGE(why, "--%s wants %s", option->name, option->argument);
        text = words[1];
        *used = 2;
    }
    return add_option(args, option, text, why);
}

/* -x, -xtext, -x text; flags can stand together. */
static enum status parse_short(struct args *args, char **words, int n_words, int *used,
                               struct problem *why)
{
    *used = 1;
    for (const char *at = words[0] + 1; *at != '\0'; at++) {
        const struct option *const option = find_option(args->command, NULL, 0, *at);
        if (option == NULL)
            return USAGE(why, "%s: there is no option -%c; see: pyanalyze help %s",
                         args->command->name, isprint((unsigned char)*at) ? *at : '?',
                         args->command->name);
        if (option->kind == OPTION_FLAG) {
            TRY(add_option(args, option, NULL, why));
            continue;
        }
        if (at[1] != '\0')
            return add_option(args, option, at + 1, why);
        if (n_words < 2)
            return USAGE(why, "-%c wants %s", *at, option->argument);
        *used = 2;
        return add_option(args, option, words[1], why);
    }
    return STATUS_OK;
}

/* Where pyrec writes to unless told otherwise; read where no file is named. */
#define USUAL_TRACE "run.trace"

static bool is_there(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
}

static bool is_called_trace(const char *name)
{
    const size_t len = strlen(name), ending = sizeof ".trace" - 1;
    return len > ending && strcmp(name + len - ending, ".trace") == 0;
}

/* A word that is a file's name was meant as such: then the word is missing, not the file. */
static bool wants_usual(const struct args *args)
{
    const struct command *const command = args->command;
    return command->min_files == 1 && args->n_files == 0 &&
           (command->word == NULL || (args->word != NULL && !is_called_trace(args->word)));
}

static enum status check_files(struct args *args, struct problem *why)
{
    const struct command *const command = args->command;
    if (args_flag(args, "help"))
        return STATUS_OK;
    if (command->word != NULL && args->word == NULL)
        return USAGE(why, "%s wants a %s%s; see: pyanalyze help %s", command->name, command->word,
                     command->min_files > 0 ? ", and then a trace file" : "", command->name);
    if (args->n_files < command->min_files && command->min_files > 1)
        return USAGE(why, "%s wants more files: %s %s", command->name, command->name,
                     command->synopsis);
    if (wants_usual(args) && is_there(USUAL_TRACE))
        add_operand(args, USUAL_TRACE);
    else if (wants_usual(args))
        return USAGE(why,
                     "%s wants a trace file, and there is no " USUAL_TRACE
                     " here; see: pyanalyze help %s",
                     command->name, command->name);
    if (args->n_files < command->min_files)
        return USAGE(why,
                     "%s wants a %s and a trace file, and got only \"%s\"; see: pyanalyze help %s",
                     command->name, command->word, args->word, command->name);
    if (args->n_files > command->max_files)
        return USAGE(why, "%s: one thing too many: \"%s\"", command->name,
                     args->files[command->max_files]);
    return STATUS_OK;
}

/* An option where the command should be. */
static enum status no_command(const char *option, struct problem *why)
{
    static const char *const alone[] = {"help", "version"};
    const char *const meant = option[1] == '-' ? suggest_among(option + 2, alone, 2) : NULL;
    if (meant != NULL)
        return USAGE(why, "there is no option %s; did you mean --%s?", option, meant);
    return USAGE(why,
                 "the command comes before its options: pyanalyze COMMAND %s ..; see: pyanalyze "
                 "help",
                 option);
}

/* The command, and in *used how many words named it: none where a trace stands in its place. */
static enum status find_command(struct args *args, int argc, char **argv, int *used,
                                struct problem *why)
{
    const char *const name = argc < 2 ? NULL : argv[1];
    *used = 1;
    if (name == NULL) {
        args->command = &command_overview;
        *used = 0;
        if (is_there(USUAL_TRACE))
            return STATUS_OK;
        return USAGE(why,
                     "there is no " USUAL_TRACE " here to look at; record one: pyrec -- python3 "
                     "program.py; or see: pyanalyze help");
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        args->command = &command_help;
    else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        args->command = &command_version;
    else
        args->command = command_find(name);
    if (args->command != NULL)
        return STATUS_OK;
    if (name[0] == '-' && name[1] != '\0')
        return no_command(name, why);
    const size_t len = strlen(name);
    const bool is_program = len > 3 && strcmp(name + len - 3, ".py") == 0;
    if (is_program || !(is_there(name) || is_called_trace(name) || strcmp(name, "-") == 0 ||
                        strchr(name, '/') != NULL))
        return other_names_problem(name, why);
    args->command = &command_overview;
    *used = 0;
    return STATUS_OK;
}

enum status args_parse(struct args *args, int argc, char **argv, struct problem *why)
{
    bool options_end = false;
    int used;
    TRY(find_command(args, argc, argv, &used, why));
    for (int i = 1 + used; i < argc; i += used) {
        used = 1;
        if (options_end || argv[i][0] != '-' || argv[i][1] == '\0')
            add_operand(args, argv[i]);
        else if (strcmp(argv[i], "--") == 0)
            options_end = true;
        else if (argv[i][1] == '-')
            TRY(parse_long(args, argv + i, argc - i, &used, why));
        else
            TRY(parse_short(args, argv + i, argc - i, &used, why));
    }
    return check_files(args, why);
}

bool args_flag(const struct args *args, const char *name)
{
    for (size_t i = 0; i < args->n_given; i++) {
        if (strcmp(args->given[i].option->name, name) == 0)
            return true;
    }
    return false;
}

size_t args_files_before(const struct args *args, const char *name)
{
    for (size_t i = 0; i < args->n_given; i++) {
        if (strcmp(args->given[i].option->name, name) == 0)
            return args->given[i].n_files;
    }
    return SIZE_MAX;
}

const char *args_next(const struct args *args, const char *name, size_t *at)
{
    while (*at < args->n_given) {
        const struct arg *const arg = &args->given[(*at)++];
        if (strcmp(arg->option->name, name) == 0)
            return arg->text;
    }
    return NULL;
}

const char *args_text(const struct args *args, const char *name)
{
    const char *last = NULL, *text;
    for (size_t at = 0; (text = args_next(args, name, &at)) != NULL;)
        last = text;
    return last;
}

const char *args_output(const struct args *args)
{
    const char *const path = args_text(args, "output");
    return path != NULL && strcmp(path, "-") != 0 ? path : NULL;
}

size_t args_choice(const struct args *args, const char *name, name_fn *choices)
{
    const char *const text = args_text(args, name);
    for (size_t i = 0; text != NULL && choices(i) != NULL; i++) {
        if (strcmp(choices(i), text) == 0)
            return i;
    }
    return 0;
}

size_t args_count(const struct args *args, const char *name, size_t otherwise)
{
    const char *const text = args_text(args, name);
    return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

void args_print(struct buffer *out, const struct args *args)
{
    const size_t n_first = args->command->sides ? args_files_before(args, "vs") : SIZE_MAX;
    buffer_print(out, "pyanalyze %s", args->command->name);
    for (size_t i = 0; i < args->n_given; i++) {
        if (n_first != SIZE_MAX && strcmp(args->given[i].option->name, "vs") == 0)
            continue;
        buffer_print(out, " --%s", args->given[i].option->name);
        if (args->given[i].text != NULL)
            buffer_print(out, " %s", args->given[i].text);
    }
    for (size_t i = 0; i < args->n_files; i++)
        buffer_print(out, "%s %s", i == n_first ? " --vs" : "", args->files[i]);
}
