/* SPDX-License-Identifier: MIT */
#include "man.h"

#include "command.h"
#include "output.h"

#include <string.h>

struct man_item man_exit_status(size_t i)
{
    static const struct man_item items[] = {
        {"0", "all is well"},
        {"1", "nothing could be read, or the result could not be written"},
        {"2", "wrong usage"},
        {"3", "the trace was read, but something in it is damaged or missing; standard error says "
              "what"},
        {"4", "a limit that was set with --fail-on is passed"},
        {"5", "there is nothing of what was asked for: no such thread or process, or no samples; "
              "standard error says so, no file is made, and tables in csv or json have no rows"},
        {NULL, NULL},
    };
    return items[i];
}

/* Text as troff wants it: backslashes and dashes escaped, nothing at the start of a line taken
   for a request, blank lines as paragraphs. */
static void add_text(struct buffer *out, const char *text)
{
    bool line_start = true;
    for (const char *at = text; *at != '\0'; at++) {
        if (line_start && (*at == '.' || *at == '\''))
            buffer_add_text(out, "\\&");
        line_start = *at == '\n';
        if (*at == '\\')
            buffer_add_text(out, "\\e");
        else if (*at == '-')
            buffer_add_text(out, "\\-");
        else if (*at == '\n' && at[1] == '\n')
            buffer_add_text(out, "\n.PP");
        else
            buffer_add(out, at, 1);
    }
    buffer_add_text(out, "\n");
}

static void add_item(struct buffer *out, const char *term, const char *text)
{
    buffer_add_text(out, ".TP\n\\fB");
    for (const char *at = term + strspn(term, " "); *at != '\0'; at++)
        buffer_add(out, *at == '-' ? "\\-" : at, *at == '-' ? 2 : 1);
    buffer_add_text(out, "\\fR\n");
    add_text(out, text);
}

static void add_option(struct buffer *out, const struct option *option,
                       const struct command *command)
{
    struct buffer term = {0}, text = {0};
    option_print(&term, option);
    option_help(&text, option, command);
    add_item(out, term.text, text.text);
    buffer_clear(&term);
    buffer_clear(&text);
}

static void add_command(struct buffer *out, const struct command *command)
{
    buffer_print(out, ".SS %s\n", command->name);
    buffer_print(out, "\\fBpyanalyze %s\\fR ", command->name);
    add_text(out, command->synopsis);
    buffer_add_text(out, ".PP\n");
    add_text(out, command->text);
    const struct option *own = command->options;
    for (; own != NULL && own->name != NULL; own++)
        add_option(out, own, command);
    const struct option *common;
    const char *between = ".PP\nCommon options: ";
    for (size_t i = 0; (common = option_common(i)) != NULL; i++) {
        if (!(command->takes & common->group))
            continue;
        buffer_print(out, "%s\\fB\\-\\-", between);
        for (const char *at = common->name; *at != '\0'; at++)
            buffer_add(out, *at == '-' ? "\\-" : at, *at == '-' ? 2 : 1);
        buffer_add_text(out, "\\fR");
        between = ", ";
    }
    if (command->takes != 0)
        buffer_add_text(out, ".\n");
    buffer_add_text(out, ".PP\nExample:\n.PP\n.nf\n.RS\n");
    add_text(out, command->example);
    buffer_add_text(out, ".RE\n.fi\n");
}

static void add_tables(struct buffer *out)
{
    const struct option *common;
    buffer_add_text(out, ".SH COMMON OPTIONS\nEach command takes those that are named with it.\n");
    for (size_t i = 0; (common = option_common(i)) != NULL; i++)
        add_option(out, common, &command_lines);
    buffer_add_text(out, ".SH COLUMNS\nThe names of csv and json, of \\-\\-columns and \\-\\-sort. "
                         "Times are in seconds.\n");
    for (size_t i = 0; column_get(i) != NULL; i++)
        add_item(out, column_get(i)->name, column_get(i)->help);
    buffer_add_text(out, ".SH FORMATS\n");
    for (size_t i = 0; output_get(i) != NULL; i++)
        add_item(out, output_get(i)->name, output_get(i)->help);
}

void man_page(struct buffer *out)
{
    buffer_add_text(out,
                    ".\\\" Made by `pyanalyze help --man`; change the tables in analyze/.\n"
                    ".TH PYANALYZE 1 \"\" \"pyrec " PYREC_VERSION "\"\n"
                    ".SH NAME\npyanalyze \\- ask a trace recorded by pyrec\n"
                    ".SH SYNOPSIS\n\\fBpyanalyze\\fR [\\fICOMMAND\\fR] [options] [\\fIFILE\\fR...]\n"
                    ".SH DESCRIPTION\n");
    add_text(out, MAN_INTRODUCTION);
    buffer_add_text(out, ".SH COMMANDS\n");
    for (size_t i = 0; command_get(i) != NULL; i++)
        add_command(out, command_get(i));
    add_tables(out);
    buffer_add_text(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; man_exit_status(i).text != NULL; i++)
        add_item(out, man_exit_status(i).name, man_exit_status(i).text);
    buffer_add_text(out, ".SH ENVIRONMENT\n");
    add_item(out, "NO_COLOR", "when set and not empty, --color auto means never");
    add_item(out, "COLUMNS, LINES", "the size of the terminal, when the terminal's own is wrong");
    add_item(out, "TMPDIR", "where what comes through a pipe is kept, without a name, until it is "
                            "read; /tmp if it is not set");
    buffer_add_text(out, ".SH SEE ALSO\n.BR pyrec (1)\n");
}
