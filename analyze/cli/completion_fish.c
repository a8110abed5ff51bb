/* SPDX-License-Identifier: MIT */
/* fish: one `complete` for each command, option and kind of argument. */
#include "completion.h"

static void add_option(struct buffer *out, const struct command *command,
                       const struct option *option)
{
    const enum complete_as how = completion_of(option);
    buffer_print(out, "complete -c pyanalyze -n '__fish_seen_subcommand_from %s' -l %s",
                 command->name, option->name);
    if (option->letter != 0)
        buffer_print(out, " -s %c", option->letter);
    if (how == COMPLETE_FILE)
        buffer_add_text(out, " -r -F");
    else if (how == COMPLETE_FOLDER)
        buffer_add_text(out, " -x -a '(__fish_complete_directories)'");
    else if (how != COMPLETE_FLAG)
        buffer_add_text(out, " -x");
    if (how == COMPLETE_WORD || how == COMPLETE_LIST) {
        buffer_add_text(out, how == COMPLETE_LIST ? " -a '(__fish_complete_list , \"printf %s\\\\n "
                                                  : " -a '");
        completion_words(out, command, option);
        buffer_add_text(out, how == COMPLETE_LIST ? "\")'" : "'");
    }
    buffer_add_text(out, " -d '");
    completion_summary(out, option->help);
    buffer_add_text(out, "'\n");
}

static void add_command(struct buffer *out, const struct command *command)
{
    const struct option *option;
    struct buffer first = {0};
    buffer_print(out, "complete -c pyanalyze -n __fish_use_subcommand -a %s -d '", command->name);
    completion_summary(out, command->summary);
    buffer_add_text(out, "'\n");
    for (size_t i = 0; (option = command_option(command, i)) != NULL; i++)
        add_option(out, command, option);
    completion_first(&first, command);
    if (first.len > 0)
        buffer_print(out, "complete -c pyanalyze -n '__fish_seen_subcommand_from %s' -a '%s'\n",
                     command->name, first.text);
    if (completion_files(command) == COMPLETE_ANY_FILES)
        buffer_print(out, "complete -c pyanalyze -n '__fish_seen_subcommand_from %s' -F\n",
                     command->name);
    else if (completion_files(command) == COMPLETE_TRACES)
        buffer_print(out,
                     "complete -c pyanalyze -n '__fish_seen_subcommand_from %s' -k -a "
                     "'(__fish_complete_suffix .trace)'\n",
                     command->name);
    buffer_clear(&first);
}

void completion_fish(struct buffer *out)
{
    buffer_add_text(out, "# Made by `pyanalyze completion fish`.\n"
                         "complete -c pyanalyze -f\n");
    for (size_t i = 0; command_get(i) != NULL; i++)
        add_command(out, command_get(i));
}
