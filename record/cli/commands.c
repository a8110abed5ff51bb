/* SPDX-License-Identifier: MIT */
#include "commands.h"

#include "format/status.h"

#include <string.h>

static const struct settings_option dump_options[] = {
    {0, "json", NULL, "one JSON document", false},
    {0, "max-depth", "N",
     "frames per stack (default 100, 0 = all); of deeper ones the innermost and the 10 outermost "
     "are shown",
     false},
    {'h', "help", NULL, "print this text and exit", false},
};

static const struct settings_option ps_options[] = {
    {0, "json", NULL, "one JSON document, with the reasons in sentences", false},
    {'h', "help", NULL, "print this text and exit", false},
};

static const struct command commands[] = {
    {"dump", "PID", "what each thread of a running process is doing now",
     "Print what every thread of a running Python process is doing now: its stack, leaf\n"
     "first, its state, what it waits for, and who holds the GIL. The process is not\n"
     "stopped and nothing is left in it.\n",
     "Exit status: 0; 2 for a wrong command line, 3 when there is no such process or it\n"
     "went away, 4 without the rights to read it, 5 when it is no Python that is known.\n",
     dump_options, ARRAY_LEN(dump_options), false},
    {"ps", NULL, "the Python processes that could be looked at",
     "List the Python processes of this user (as root: of all users): version, threads, CPU\n"
     "time, and whether pyrec can attach to them or why not.\n",
     "", ps_options, ARRAY_LEN(ps_options), false},
    {COMMAND_TOP, "-- command", "record, and look on with a live screen; also -p PID",
     "Record a command, or a process that runs (-p), and show the screen of pyanalyze top\n"
     "meanwhile. The screen has the terminal: what the command writes to it is kept, shown by\n"
     "the key o, and printed when the screen is left; to read from it gives end of file. Without\n"
     "-o the recording is removed at the end, unless the key K keeps it. q leaves the screen:\n"
     "a command goes on, and its output comes as ever; from a process (-p) pyrec then detaches.\n",
     "Exit status: the command's, as without top; 1 when there is no pyanalyze.\n", NULL, 0, true},
};

const struct command *command_at(size_t i)
{
    return i < ARRAY_LEN(commands) ? &commands[i] : NULL;
}

const struct command *command_find(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, word) == 0)
            return &commands[i];
    return NULL;
}

void command_write_help(FILE *to, const struct command *command)
{
    fprintf(to, "usage: pyrec %s", command->name);
    for (size_t i = 0; i < command->n_options; i++) {
        const struct settings_option *const o = &command->options[i];
        if (o->letter == 0)
            fprintf(to, " [--%s%s%s]", o->name, o->argument != NULL ? " " : "",
                    o->argument != NULL ? o->argument : "");
    }
    fprintf(to, "%s%s\n\n%s\n", command->argument != NULL ? " " : "",
            command->argument != NULL ? command->argument : "", command->about);
    for (size_t i = 0; i < command->n_options; i++)
        settings_write_option(to, &command->options[i]);
    if (command->status[0] != '\0')
        fprintf(to, "\n%s", command->status);
}
