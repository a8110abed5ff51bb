/* SPDX-License-Identifier: MIT */
/*
 * bash: one function. Per command and option it says what may follow (`as` and `words`), and
 * below that, once, how to offer it. Needs bash 4 and nothing else.
 */
#include "completion.h"

static void add_option(struct buffer *out, const struct command *command,
                       const struct option *option)
{
    static const char *const as[] = {
        [COMPLETE_ANY] = "any",   [COMPLETE_WORD] = "word",     [COMPLETE_LIST] = "list",
        [COMPLETE_FILE] = "file", [COMPLETE_FOLDER] = "folder",
    };
    const enum complete_as how = completion_of(option);
    if (how == COMPLETE_FLAG)
        return;
    buffer_print(out, "        --%s", option->name);
    if (option->letter != 0)
        buffer_print(out, " | -%c", option->letter);
    buffer_print(out, ") as=%s", as[how]);
    if (how == COMPLETE_WORD || how == COMPLETE_LIST) {
        buffer_add_text(out, " words='");
        completion_words(out, command, option);
        buffer_add_text(out, "'");
    }
    buffer_add_text(out, " ;;\n");
}

static void add_command(struct buffer *out, const struct command *command)
{
    static const char *const files[] = {
        [COMPLETE_NO_FILES] = "none", [COMPLETE_TRACES] = "traces", [COMPLETE_ANY_FILES] = "any"};
    const struct option *option;
    buffer_print(out, "    %s)\n        options='", command->name);
    for (size_t i = 0; (option = command_option(command, i)) != NULL; i++)
        buffer_print(out, "%s--%s", i > 0 ? " " : "", option->name);
    buffer_add_text(out, "'\n        first='");
    completion_first(out, command);
    buffer_print(out, "'\n        files=%s\n", files[completion_files(command)]);
    buffer_add_text(out, "        case $before in\n");
    for (size_t i = 0; (option = command_option(command, i)) != NULL; i++)
        add_option(out, command, option);
    buffer_add_text(out, "        esac ;;\n");
}

void completion_bash(struct buffer *out)
{
    buffer_add_text(
        out, "# Made by `pyanalyze completion bash`.\n"
             "_pyanalyze()\n"
             "{\n"
             "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
             "    local as=other words= options= first= files=none start\n"
             "    COMPREPLY=()\n"
             "    # bash takes --format=json apart at the =\n"
             "    if [[ $word == = ]]; then\n"
             "        word=\n"
             "    elif [[ $before == = && COMP_CWORD -ge 2 ]]; then\n"
             "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
             "    fi\n"
             "    if ((COMP_CWORD == 1)); then\n"
             "        mapfile -t COMPREPLY < <(compgen -W '");
    for (size_t i = 0; command_get(i) != NULL; i++)
        buffer_print(out, "%s ", command_get(i)->name);
    buffer_add_text(out, "--help --version' -- \"$word\")\n"
                         "        return\n"
                         "    fi\n"
                         "    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; command_get(i) != NULL; i++)
        add_command(out, command_get(i));
    buffer_add_text(
        out, "    *) return ;;\n"
             "    esac\n"
             "    case $as in\n"
             "    any) ;;\n"
             "    word) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\") ;;\n"
             "    list)\n"
             "        start=${word%\"${word##*,}\"}\n"
             "        mapfile -t COMPREPLY < <(compgen -P \"$start\" -W \"$words\" -- "
             "\"${word##*,}\")\n"
             "        compopt -o nospace ;;\n"
             "    file | folder)\n"
             "        compopt -o filenames\n"
             "        [[ $as == file ]] && mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
             "        [[ $as == folder ]] && mapfile -t COMPREPLY < <(compgen -d -- \"$word\") ;;\n"
             "    *)\n"
             "        if [[ $word == -* ]]; then\n"
             "            mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
             "        elif [[ -n $first ]]; then\n"
             "            mapfile -t COMPREPLY < <(compgen -W \"$first\" -- \"$word\")\n"
             "        elif [[ $files != none ]]; then\n"
             "            compopt -o filenames\n"
             "            [[ $files == traces ]] &&\n"
             "                mapfile -t COMPREPLY < <(compgen -f -X '!*.trace' -- \"$word\"; "
             "compgen -d -- \"$word\")\n"
             "            # traces of other names, and files that are none\n"
             "            ((${#COMPREPLY[@]} == 0)) && mapfile -t COMPREPLY < <(compgen -f -- "
             "\"$word\")\n"
             "        fi ;;\n"
             "    esac\n"
             "}\n"
             "complete -F _pyanalyze pyanalyze\n");
}
