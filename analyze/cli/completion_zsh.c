/* SPDX-License-Identifier: MIT */
/* zsh: a function for its own completion system, as a file for $fpath or to be sourced. */
#include "completion.h"

static void add_argument(struct buffer *out, const struct command *command,
                         const struct option *option)
{
    switch (completion_of(option)) {
    case COMPLETE_FLAG:
        return;
    case COMPLETE_ANY:
        buffer_print(out, ":%s: ", option->argument);
        return;
    case COMPLETE_WORD:
        buffer_print(out, ":%s:(", option->argument);
        completion_words(out, command, option);
        buffer_add_text(out, ")");
        return;
    case COMPLETE_LIST:
        buffer_print(out, ":%s:_sequence compadd - ", option->argument);
        completion_words(out, command, option);
        return;
    case COMPLETE_FILE:
        buffer_print(out, ":%s:_files", option->argument);
        return;
    case COMPLETE_FOLDER:
        buffer_print(out, ":%s:_files -/", option->argument);
        return;
    }
}

static void add_option(struct buffer *out, const struct command *command,
                       const struct option *option)
{
    for (int form = 0; form < 2; form++) {
        if (form == 0 && option->letter == 0)
            continue;
        buffer_add_text(out, " \\\n            '*");
        if (form == 0)
            buffer_print(out, "-%c[", option->letter);
        else
            buffer_print(out, completion_of(option) == COMPLETE_FLAG ? "--%s[" : "--%s=[",
                         option->name);
        completion_summary(out, option->help);
        buffer_add_text(out, "]");
        add_argument(out, command, option);
        buffer_add_text(out, "'");
    }
}

static void add_command(struct buffer *out, const struct command *command)
{
    const struct option *option;
    struct buffer first = {0};
    buffer_print(out, "    %s)\n        _arguments", command->name);
    for (size_t i = 0; (option = command_option(command, i)) != NULL; i++)
        add_option(out, command, option);
    completion_first(&first, command);
    if (first.len > 0)
        buffer_print(out, " \\\n            '1:name:(%s)'", first.text);
    else if (command->word != NULL)
        buffer_print(out, " \\\n            '1:%s:%s'", command->word,
                     completion_files(command) == COMPLETE_ANY_FILES ? "_files" : " ");
    if (completion_files(command) == COMPLETE_TRACES || command->word != NULL)
        buffer_add_text(out, " \\\n            '*:trace:_files -g \"*.trace\"'");
    else if (completion_files(command) == COMPLETE_ANY_FILES)
        buffer_add_text(out, " \\\n            '*:file:_files'");
    buffer_add_text(out, "\n        ;;\n");
    buffer_clear(&first);
}

void completion_zsh(struct buffer *out)
{
    buffer_add_text(out, "#compdef pyanalyze\n"
                         "# Made by `pyanalyze completion zsh`.\n"
                         "_pyanalyze()\n"
                         "{\n"
                         "    local -a commands\n"
                         "    commands=(\n");
    for (size_t i = 0; command_get(i) != NULL; i++) {
        buffer_print(out, "        '%s:", command_get(i)->name);
        completion_summary(out, command_get(i)->summary);
        buffer_add_text(out, "'\n");
    }
    buffer_add_text(out, "    )\n"
                         "    if ((CURRENT == 2)); then\n"
                         "        _describe command commands\n"
                         "        return\n"
                         "    fi\n"
                         "    shift words\n"
                         "    ((CURRENT--))\n"
                         "    case $words[1] in\n");
    for (size_t i = 0; command_get(i) != NULL; i++)
        add_command(out, command_get(i));
    buffer_add_text(out, "    esac\n"
                         "}\n"
                         "if [[ ${funcstack[1]} == _pyanalyze ]]; then\n"
                         "    _pyanalyze \"$@\"\n"
                         "else\n"
                         "    compdef _pyanalyze pyanalyze\n"
                         "fi\n");
}
