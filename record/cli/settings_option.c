/* SPDX-License-Identifier: MIT */
#include "settings_option.h"

#include <string.h>

#define HELP_COLUMN 24
#define HELP_WIDTH  80

/* Words of `text` in a column of their own. */
static void help_wrap(FILE *to, const char *text)
{
    int column = HELP_COLUMN;
    while (*text != '\0') {
        const int len = (int)strcspn(text, " ");
        if (column + 1 + len > HELP_WIDTH) {
            fprintf(to, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        }
        fprintf(to, "%s%.*s", column == HELP_COLUMN ? "" : " ", len, text);
        column += len + (column != HELP_COLUMN);
        text += len + (text[len] == ' ');
    }
    fputc('\n', to);
}

void settings_write_option(FILE *to, const struct settings_option *option)
{
    char left[64], letter[8] = "    ";
    if (option->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(left, sizeof left, "  %s--%s%s%s", letter, option->name,
             option->argument != NULL ? " " : "", option->argument != NULL ? option->argument : "");
    if (strlen(left) < HELP_COLUMN)
        fprintf(to, "%-*s", HELP_COLUMN, left);
    else /* a line of its own */
        fprintf(to, "%s\n%*s", left, HELP_COLUMN, "");
    help_wrap(to, option->help);
}
