/* SPDX-License-Identifier: MIT */
#include "help.h"

#include "analyze/base/sink.h"
#include "command.h"
#include "completion.h"
#include "man.h"
#include "other_names.h"
#include "output.h"

#include <string.h>

#define WIDTH_MAX 79u
#define WIDTH_MIN 40u
#define INDENT    26

/* Columns of the terminal that it is printed on, as far as they are of use. */
static size_t line_width(void)
{
    unsigned width, height;
    sink_screen(&width, &height);
    return width == 0 || width > WIDTH_MAX ? WIDTH_MAX : width < WIDTH_MIN ? WIDTH_MIN : width;
}

/*
 * Text broken at blanks, or behind the commas of a list; every line but the first behind `indent`
 * blanks. A newline in the text stays one.
 */
static void add_wrapped(struct buffer *out, const char *text, size_t indent)
{
    const size_t width = line_width();
    size_t at = indent;
    bool blank = false; /* one is due before the next word */
    while (*text != '\0') {
        size_t len = strcspn(text, " \n,");
        len += text[len] == ',';
        if (at + blank + len > width && at > indent) {
            buffer_print(out, "\n%*s", (int)indent, "");
            at = indent;
            blank = false;
        }
        buffer_print(out, "%s%.*s", blank ? " " : "", (int)len, text);
        at += blank + len;
        text += len;
        blank = *text == ' ';
        if (*text == '\n') {
            buffer_print(out, "\n%*s", text[1] != '\n' ? (int)indent : 0, "");
            at = indent;
        }
        text += *text == ' ' || *text == '\n';
    }
    buffer_add_text(out, "\n");
}

/* "  term        text" */
static void add_item(struct buffer *out, const char *term, const char *text)
{
    const size_t len = strlen(term);
    buffer_print(out, "  %s", term);
    if (len + 3 > INDENT)
        buffer_print(out, "\n%*s", INDENT, "");
    else
        buffer_print(out, "%*s", (int)(INDENT - 2 - len), "");
    add_wrapped(out, text, INDENT);
}

void option_print(struct buffer *out, const struct option *option)
{
    if (option->letter != 0)
        buffer_print(out, "-%c, ", option->letter);
    else
        buffer_add_text(out, "    ");
    buffer_print(out, "--%s", option->name);
    if (option->argument != NULL)
        buffer_print(out, " %s", option->argument);
}

void option_help(struct buffer *out, const struct option *option, const struct command *command)
{
    buffer_add_text(out, option->help);
    if (option->choices == NULL)
        return;
    const char *between = ": ";
    for (size_t i = 0; option->choices(i) != NULL; i++) {
        const struct output *const output = output_find(option->choices(i));
        if (option->group == TAKES_FORMAT && output != NULL && !(output->accepts & command->shape))
            continue;
        buffer_print(out, "%s%s", between, option->choices(i));
        between = ", ";
    }
    if (option->group == TAKES_FORMAT)
        buffer_print(out, "; default %s", command->output);
}

static void add_options(struct buffer *out, const struct command *command)
{
    const struct option *option;
    struct buffer term = {0}, text = {0};
    buffer_add_text(out, "\nOptions:\n");
    for (size_t i = 0; (option = command_option(command, i)) != NULL; i++) {
        buffer_reset(&term);
        buffer_reset(&text);
        option_print(&term, option);
        option_help(&text, option, command);
        add_item(out, term.text, text.text);
    }
    buffer_clear(&term);
    buffer_clear(&text);
}

static void add_columns(struct buffer *out, const struct command *command)
{
    const struct column *column;
    if (command->columns == NULL)
        return;
    buffer_add_text(out, "\nColumns:\n");
    for (size_t i = 0; (column = column_get(i)) != NULL; i++) {
        if (column->rows & command->rows)
            add_item(out, column->name, column->help);
    }
    buffer_add_text(out, "\nShown unless --columns says otherwise:\n  ");
    add_wrapped(out, command->columns, 2);
    buffer_add_text(out, "in csv and json:\n  ");
    add_wrapped(out, command->machine_columns, 2);
}

/* The formats of whole profiles and of pictures say more than their names do. */
static void add_formats(struct buffer *out, const struct command *command)
{
    const struct output *output;
    if (!(command->shape & (SHAPE_LIST | SHAPE_CURVES)))
        return;
    buffer_add_text(out, "\nFormats:\n");
    for (size_t i = 0; (output = output_get(i)) != NULL; i++) {
        if (output->accepts & command->shape)
            add_item(out, output->name, output->help);
    }
}

void help_command(const struct command *command, struct buffer *out)
{
    struct buffer usage = {0};
    buffer_print(&usage, "pyanalyze %s%s%s", command->name,
                 command->synopsis[0] != '\0' ? " " : "", command->synopsis);
    buffer_add_text(out, "usage: ");
    add_wrapped(out, usage.text, sizeof "usage: " - 1);
    buffer_add_text(out, "\n");
    buffer_clear(&usage);
    add_wrapped(out, command->text, 0);
    add_options(out, command);
    add_columns(out, command);
    add_formats(out, command);
    buffer_print(out, "\nExample:\n  %s\n", command->example);
}

static void help_all(struct buffer *out)
{
    buffer_add_text(out, "usage: pyanalyze [COMMAND] [options] [FILE...]\n\n");
    add_wrapped(out, MAN_INTRODUCTION, 0);
    buffer_add_text(out, "\nCommands:\n");
    for (size_t i = 0; command_get(i) != NULL; i++)
        add_item(out, command_get(i)->name, command_get(i)->summary);
    buffer_add_text(out, "\n`pyanalyze help COMMAND` says more about one of them.\n\n");
    buffer_add_text(out, "Exit status:\n");
    for (size_t i = 0; man_exit_status(i).text != NULL; i++)
        add_item(out, man_exit_status(i).name, man_exit_status(i).text);
}

enum status help_answer(const struct args *args, struct buffer *out, struct problem *why)
{
    if (args->command == &command_version) {
        buffer_add_text(out, "pyanalyze " PYREC_VERSION "\n");
        return STATUS_OK;
    }
    if (args->command == &command_completion)
        return completion_print(out, args->word, why);
    if (args_flag(args, "man")) {
        man_page(out);
        return STATUS_OK;
    }
    if (args->n_files == 0) {
        help_all(out);
        return STATUS_OK;
    }
    const struct command *const command = command_find(args->files[0]);
    if (command == NULL)
        return other_names_problem(args->files[0], why);
    help_command(command, out);
    return STATUS_OK;
}

static const struct option help_options[] = {
    {"man", 0, NULL, OPTION_FLAG, "the man page, as troff input", NULL, 0},
    OPTION_END,
};

const struct command command_help = {
    .name = "help",
    .synopsis = "[COMMAND]",
    .summary = "what pyanalyze can do, or what one command does",
    .text = "Without a command: the list of all commands.",
    .example = "pyanalyze help lines",
    .options = help_options,
    .max_files = 1,
};

const struct command command_version = {
    .name = "version",
    .synopsis = "",
    .summary = "which version this is",
    .text = "Prints name and version.",
    .example = "pyanalyze version",
};
