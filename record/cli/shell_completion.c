/* SPDX-License-Identifier: MIT */
#include "shell_completion.h"

#include "commands.h"
#include "settings.h"
#include "shells.h"

#include <string.h>

#define SUMMARY_MAX 60u

/* What can be said of an argument: it is a file, one of some words (A|B), or nothing is known. */
static bool is_file(const struct settings_option *o)
{
    return o->argument != NULL && strcmp(o->argument, "FILE") == 0;
}

static bool is_shell(const struct settings_option *o)
{
    return o->argument != NULL && strcmp(o->argument, "SHELL") == 0;
}

#define SHELLS "bash zsh fish"

/* The beginning of a help text, with no character a shell would act upon. */
static void write_summary(FILE *to, const char *help)
{
    size_t len = strcspn(help, ";:(");
    if (len > SUMMARY_MAX) {
        for (len = SUMMARY_MAX; len > 0 && help[len] != ' ';)
            len--;
    }
    for (size_t i = 0; i < len; i++) {
        if (strchr("\"'\\`$[]()*?<>{}|&", help[i]) == NULL)
            fputc(help[i], to);
    }
}

/* "--rate|-r" of all options with an argument for which `is` holds (NULL: any). */
static void write_patterns(FILE *to, bool (*is)(const struct settings_option *))
{
    struct settings_option o;
    const char *between = "";
    for (size_t i = 0; settings_option(i, &o); i++) {
        if (o.argument == NULL || (is != NULL && !is(&o)))
            continue;
        fprintf(to, "%s--%s", between, o.name);
        between = " | ";
        if (o.letter != 0)
            fprintf(to, " | -%c", o.letter);
    }
}

/* "--rate --output " */
static void write_long(FILE *to, bool is_for_top)
{
    struct settings_option o;
    for (size_t i = 0; settings_option(i, &o); i++)
        if (o.is_for_top == is_for_top)
            fprintf(to, "--%s ", o.name);
}

/* "dump ps" */
static void write_names(FILE *to)
{
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++)
        fprintf(to, "%s%s", i > 0 ? " " : "", command->name);
}

/* Behind a first word that is a command of pyrec's, its options. */
static void write_bash_commands(FILE *to)
{
    const struct command *command;
    fputs("    if ((COMP_CWORD > 1)); then\n"
          "        case ${COMP_WORDS[1]} in\n",
          to);
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        if (command->records)
            continue;
        fprintf(to, "        %s)\n", command->name);
        for (size_t k = 0; k < command->n_options; k++)
            if (command->options[k].argument != NULL)
                fprintf(to, "            [[ $before == --%s ]] && return\n",
                        command->options[k].name);
        fputs("            mapfile -t COMPREPLY < <(compgen -W '", to);
        for (size_t k = 0; k < command->n_options; k++)
            fprintf(to, "%s--%s", k > 0 ? " " : "", command->options[k].name);
        fputs("' -- \"$word\")\n"
              "            return ;;\n",
              to);
    }
    fputs("        esac\n"
          "    fi\n",
          to);
}

/*
 * bash: the command begins at the first word that is no option and no option's argument; from
 * there on its own completion is asked (bash-completion's _command_offset, where it is loaded).
 */
static void write_bash(FILE *to)
{
    fputs(
        "# Made by `pyrec --completion bash`.\n"
        "_pyrec()\n"
        "{\n"
        "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} at=1 more=\n"
        "    COMPREPLY=()\n",
        to);
    write_bash_commands(to);
    fputs("    if ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[1]} == " COMMAND_TOP " ]]; then\n"
          "        at=2 more='",
          to);
    write_long(to, true);
    fputs("'\n"
          "    fi\n"
          "    while ((at < COMP_CWORD)); do\n"
          "        case ${COMP_WORDS[at]} in\n"
          "        --) ((at++)); break ;;\n"
          "        ",
          to);
    write_patterns(to, NULL);
    fputs(")\n"
          "            ((at++))\n"
          "            [[ ${COMP_WORDS[at]} == = ]] && ((at++)) ;;\n"
          "        -*) ;;\n"
          "        *) break ;;\n"
          "        esac\n"
          "        ((at++))\n"
          "    done\n"
          "    if ((at < COMP_CWORD)); then\n"
          "        if declare -F _command_offset >/dev/null; then\n"
          "            _command_offset \"$at\"\n"
          "        else\n"
          "            compopt -o filenames\n"
          "            mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
          "        fi\n"
          "        return\n"
          "    fi\n"
          "    if [[ $word == = ]]; then\n"
          "        word=\n"
          "    elif [[ $before == = && COMP_CWORD -ge 2 ]]; then\n"
          "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    case $before in\n"
          "    ",
          to);
    write_patterns(to, is_file);
    fputs(")\n"
          "        compopt -o filenames\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
          "        return ;;\n"
          "    ",
          to);
    write_patterns(to, is_shell);
    fputs(")\n"
          "        mapfile -t COMPREPLY < <(compgen -W '" SHELLS "' -- \"$word\")\n"
          "        return ;;\n"
          "    ",
          to);
    write_patterns(to, NULL);
    fputs(") return ;;\n"
          "    esac\n"
          "    if [[ $word == -* && $before != -- ]]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W '",
          to);
    write_long(to, false);
    fputs("'\"$more\" -- \"$word\")\n"
          "    else\n"
          "        mapfile -t COMPREPLY < <({ ((COMP_CWORD == 1)) && compgen -W '",
          to);
    write_names(to);
    fputs("' -- \"$word\"\n"
          "            compgen -c -- \"$word\"; } | sort -u)\n"
          "    fi\n"
          "}\n"
          "complete -F _pyrec pyrec\n",
          to);
}

/* One option as zsh's _arguments has it, in both forms. */
static void write_zsh_option(FILE *to, const struct settings_option *o)
{
    for (int form = o->letter != 0 ? 0 : 1; form < 2; form++) {
        fputs(" \\\n        '", to);
        if (form == 0)
            fprintf(to, "-%c[", o->letter);
        else
            fprintf(to, "--%s%s[", o->name, o->argument != NULL ? "=" : "");
        write_summary(to, o->help);
        fputc(']', to);
        if (o->argument != NULL)
            fprintf(to, ":%s:%s", o->argument,
                    is_file(o)    ? "_files"
                    : is_shell(o) ? "(" SHELLS ")"
                                  : " ");
        fputc('\'', to);
    }
}

static void write_zsh_options(FILE *to, bool is_for_top)
{
    struct settings_option o;
    for (size_t i = 0; settings_option(i, &o); i++)
        if (o.is_for_top == is_for_top)
            write_zsh_option(to, &o);
}

static void write_zsh_commands(FILE *to)
{
    const struct command *command;
    fputs("    if (( CURRENT > 2 )); then\n"
          "        case ${words[2]} in\n",
          to);
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        if (command->records)
            continue;
        fprintf(to, "        %s) shift words; (( CURRENT-- )); _arguments -S", command->name);
        for (size_t k = 0; k < command->n_options; k++)
            write_zsh_option(to, &command->options[k]);
        if (command->argument != NULL)
            fprintf(to, " \\\n        ':%s:_pids'", command->argument);
        fputs("; return ;;\n", to);
    }
    fputs("        esac\n"
          "    fi\n",
          to);
}

static void write_zsh(FILE *to)
{
    fputs("#compdef pyrec\n"
          "# Made by `pyrec --completion zsh`.\n"
          "_pyrec_first()\n"
          "{\n"
          "    _alternative 'looks:what runs already:(",
          to);
    write_names(to);
    fputs(")' 'commands:command:_command_names -e'\n"
          "}\n"
          "_pyrec()\n"
          "{\n",
          to);
    write_zsh_commands(to);
    fputs("    local -a more\n"
          "    if (( CURRENT > 2 )) && [[ ${words[2]} == " COMMAND_TOP " ]]; then\n"
          "        shift words; (( CURRENT-- )); more=(",
          to);
    write_zsh_options(to, true);
    fputs(")\n"
          "    fi\n"
          "    _arguments -S \"${more[@]}\"",
          to);
    write_zsh_options(to, false);
    fputs(" \\\n        '(-)1:command:_pyrec_first'"
          " \\\n        '*::arguments:_normal'\n"
          "}\n"
          "if [[ ${funcstack[1]} == _pyrec ]]; then\n"
          "    _pyrec \"$@\"\n"
          "else\n"
          "    compdef _pyrec pyrec\n"
          "fi\n",
          to);
}

static void write_fish_option(FILE *to, const char *condition, const struct settings_option *o)
{
    fprintf(to, "complete -c pyrec -n '%s' -l %s", condition, o->name);
    if (o->letter != 0)
        fprintf(to, " -s %c", o->letter);
    if (is_file(o))
        fputs(" -r -F", to);
    else if (o->argument != NULL)
        fprintf(to, " -x%s", is_shell(o) ? " -a '" SHELLS "'" : "");
    fputs(" -d '", to);
    write_summary(to, o->help);
    fputs("'\n", to);
}

static void write_fish_commands(FILE *to)
{
    char condition[64];
    const struct command *command;
    fputs("function __pyrec_looks\n"
          "    set -l words (commandline -opc)\n"
          "    test (count $words) -gt 1; and contains -- $words[2] $argv\n"
          "end\n",
          to);
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        fprintf(to, "complete -c pyrec -n 'test (count (commandline -opc)) = 1' -x -a %s -d '",
                command->name);
        write_summary(to, command->summary);
        fputs("'\n", to);
        if (command->records)
            continue;
        snprintf(condition, sizeof condition, "__pyrec_looks %s", command->name);
        fprintf(to, "complete -c pyrec -n '%s' -x%s\n", condition,
                command->argument != NULL ? " -a '(__fish_complete_pids)'" : "");
        for (size_t k = 0; k < command->n_options; k++)
            write_fish_option(to, condition, &command->options[k]);
    }
}

/* What stands behind the options is another command's; some of them have arguments. */
static void write_fish_subcommand(FILE *to, const char *condition, const char *others,
                                  const char *skipped)
{
    struct settings_option o;
    fprintf(to, "complete -c pyrec -n '%s%s' -x -a '(__fish_complete_subcommand%s", condition,
            others, skipped);
    for (int form = 0; form < 2; form++) {
        for (size_t i = 0; settings_option(i, &o); i++) {
            if (o.argument != NULL && form == 0 && o.letter != 0)
                fprintf(to, " -%c", o.letter);
            else if (o.argument != NULL && form == 1)
                fprintf(to, " --%s", o.name);
        }
    }
    fputs(")'\n", to);
}

/* fish is told which options have arguments: letters first, since it takes others for its own. */
static void write_fish(FILE *to)
{
    struct settings_option o;
    char condition[64] = "not __pyrec_looks";
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        const size_t len = strlen(condition);
        if (!command->records)
            snprintf(condition + len, sizeof condition - len, " %s", command->name);
    }
    fputs("# Made by `pyrec --completion fish`.\n", to);
    write_fish_commands(to);
    write_fish_subcommand(to, condition, " " COMMAND_TOP, "");
    write_fish_subcommand(to, "__pyrec_looks " COMMAND_TOP, "", " --fcs-skip=2");
    for (size_t i = 0; settings_option(i, &o); i++)
        write_fish_option(to, o.is_for_top ? "__pyrec_looks " COMMAND_TOP : condition, &o);
}

void shell_completion_write(FILE *to, const char *shell)
{
    static void (*const writers[SHELL_COUNT])(FILE *) = {
        [SHELL_BASH] = write_bash, [SHELL_ZSH] = write_zsh, [SHELL_FISH] = write_fish};
    if (shell_known(shell))
        writers[shell_find(shell)](to);
}
