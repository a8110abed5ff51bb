/* SPDX-License-Identifier: MIT */
#include "completion.h"

#include "output.h"

#include <string.h>

#define SUMMARY_MAX 60u

static const struct {
    const char *name;
    void (*print)(struct buffer *out);
} shells[] = {
    {"bash", completion_bash},
    {"zsh", completion_zsh},
    {"fish", completion_fish},
};

const char *completion_shell(size_t i)
{
    return i < ARRAY_LEN(shells) ? shells[i].name : NULL;
}

enum status completion_print(struct buffer *out, const char *shell, struct problem *why)
{
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        if (strcmp(shells[i].name, shell) == 0) {
            shells[i].print(out);
            return STATUS_OK;
        }
    }
    return suggest_problem(why, NULL, "shell", shell, completion_shell);
}

static bool takes_columns(const struct option *option)
{
    return option->group == TAKES_COLUMNS || option->group == TAKES_SORT;
}

enum complete_as completion_of(const struct option *option)
{
    if (option->kind == OPTION_FLAG)
        return COMPLETE_FLAG;
    if (option->kind == OPTION_CHOICE)
        return COMPLETE_WORD;
    if (option->choices != NULL || takes_columns(option))
        return COMPLETE_LIST;
    if (strcmp(option->argument, "FILE") == 0)
        return COMPLETE_FILE;
    return strcmp(option->argument, "DIR") == 0 ? COMPLETE_FOLDER : COMPLETE_ANY;
}

static void add_word(struct buffer *out, const char *word, const char **between)
{
    buffer_print(out, "%s%s", *between, word);
    *between = " ";
}

void completion_words(struct buffer *out, const struct command *command,
                      const struct option *option)
{
    const char *between = "";
    for (size_t i = 0; takes_columns(option) && column_get(i) != NULL; i++) {
        if (column_get(i)->rows & command->rows)
            add_word(out, column_get(i)->name, &between);
    }
    for (size_t i = 0; option->choices != NULL && option->choices(i) != NULL; i++) {
        const struct output *const output = output_find(option->choices(i));
        if (option->group == TAKES_FORMAT && output != NULL && !(output->accepts & command->shape))
            continue;
        add_word(out, option->choices(i), &between);
    }
}

enum complete_files completion_files(const struct command *command)
{
    if (command->max_files == 0 || command->min_files == 0)
        return COMPLETE_NO_FILES;
    const bool source = command->word != NULL && strstr(command->word, "file") != NULL;
    const bool others = command->n_traces > 0 && command->n_traces < command->max_files;
    return source || others ? COMPLETE_ANY_FILES : COMPLETE_TRACES;
}

void completion_first(struct buffer *out, const struct command *command)
{
    const char *between = "";
    for (size_t i = 0; command == &command_help && command_get(i) != NULL; i++)
        add_word(out, command_get(i)->name, &between);
    for (size_t i = 0; command == &command_completion && completion_shell(i) != NULL; i++)
        add_word(out, completion_shell(i), &between);
}

void completion_summary(struct buffer *out, const char *help)
{
    size_t len = strcspn(help, ";:");
    if (len > SUMMARY_MAX) {
        for (len = SUMMARY_MAX; len > 0 && help[len] != ' ';)
            len--;
    }
    for (size_t i = 0; i < len; i++) {
        const char c = help[i];
        if (strchr("\"'\\`$[]()*?<>{}|&", c) == NULL)
            buffer_add(out, &c, 1);
    }
}

const struct command command_completion = {
    .name = "completion",
    .synopsis = "SHELL",
    .summary = "a script that lets bash, zsh or fish complete command lines",
    .text = "Prints the script for the shell: bash, zsh or fish. Installed packages have it where "
            "shells look for it; otherwise load it in the shell's own start file:\n"
            "\n"
            "bash: source <(pyanalyze completion bash)\n"
            "zsh: source <(pyanalyze completion zsh)\n"
            "fish: pyanalyze completion fish | source",
    .example = "pyanalyze completion bash",
    .word = "shell",
    .max_files = 0,
};
