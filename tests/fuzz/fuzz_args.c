/* SPDX-License-Identifier: MIT */
/*
 * Any words as a command line of pyanalyze, one per line: they are taken, or refused in one line
 * that says why. What was taken goes on to columns, order and moments.
 */
#include "analyze/ask/arrange.h"
#include "analyze/cli/args.h"
#include "analyze/cli/command.h"
#include "analyze/cli/help.h"
#include "fuzz.h"

#include <string.h>

#define WORDS_MAX 30

static void problem_check(enum status status, const struct problem *why)
{
    if (status == STATUS_OK)
        return;
    ALWAYS(status == STATUS_USAGE);
    ALWAYS(why->detail[0] != '\0');
    ALWAYS(memchr(why->detail, '\0', sizeof why->detail) != NULL);
}

/* Every argument is of its option's kind. */
static void args_check(const struct args *args)
{
    ALWAYS(args->command != NULL);
    for (size_t i = 0; i < args->n_given; i++) {
        const struct option *const option = args->given[i].option;
        ALWAYS((args->given[i].text == NULL) == (option->kind == OPTION_FLAG));
        ALWAYS(args_flag(args, option->name));
        if (option->kind == OPTION_COUNT)
            (void)args_count(args, option->name, 0);
    }
    if (!args_flag(args, "help"))
        ALWAYS(args->n_files >= args->command->min_files &&
               args->n_files <= args->command->max_files);
}

static void answer_check(const struct args *args)
{
    struct buffer text = {0};
    struct problem why = {0};
    if (args_flag(args, "help"))
        help_command(args->command, &text);
    else
        problem_check(help_answer(args, &text, &why), &why);
    buffer_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[] = "pyanalyze", *words[WORDS_MAX + 2] = {name};
    struct args args = {0};
    struct problem why = {0};
    int n = 1;
    char *const text = malloc(size + 1);
    ALWAYS(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    for (char *at = text; n <= WORDS_MAX && at != NULL;) {
        words[n++] = at;
        at = strchr(at, '\n');
        if (at != NULL)
            *at++ = '\0';
    }
    const enum status status = args_parse(&args, n, words, &why);
    problem_check(status, &why);
    if (status == STATUS_OK) {
        struct arrangement arrangement;
        args_check(&args);
        if (args.command->build == NULL || args_flag(&args, "help"))
            answer_check(&args);
        else
            problem_check(arrangement_make(&arrangement, &args, &why), &why);
    }
    args_clear(&args);
    free(text);
    return 0;
}
