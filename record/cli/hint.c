/* SPDX-License-Identifier: MIT */
#include "hint.h"

#include "commands.h"
#include "format/base/spelling.h"
#include "format/status.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* What other recorders have words for, and what pyanalyze does. */
static const struct {
    const char *word, *meant;
} meant[] = {
    {"record", "pyrec needs no such word: pyrec -- python3 program.py"},
    {"run", "pyrec needs no such word: pyrec -- python3 program.py"},
    {"start", "pyrec needs no such word: pyrec -- python3 program.py"},
    {"profile", "pyrec needs no such word: pyrec -- python3 program.py"},
    {"attach", "try: pyrec -p PID"},
    {"python", "try: python3"},
    {"help", "try: pyrec --help"},
    {"version", "try: pyrec --version"},
    {"report", "pyanalyze answers, pyrec records; try: pyanalyze report"},
    {"analyze", "pyanalyze answers, pyrec records; try: pyanalyze"},
    {"view", "pyanalyze answers, pyrec records; try: pyanalyze"},
    {"lines", "pyanalyze answers, pyrec records; try: pyanalyze lines"},
    {"functions", "pyanalyze answers, pyrec records; try: pyanalyze functions"},
    {"stalls", "pyanalyze answers, pyrec records; try: pyanalyze stalls"},
    {"annotate", "pyanalyze answers, pyrec records; try: pyanalyze help annotate"},
    {"export", "pyanalyze answers, pyrec records; try: pyanalyze help export"},
    {"flamegraph", "try: pyanalyze export --format svg -o flame.svg"},
};

static bool ends_in(const char *word, const char *ending)
{
    const size_t len = strlen(word), n = strlen(ending);
    return len > n && strcmp(word + len - n, ending) == 0;
}

static bool is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* A command of pyrec's that is as good as spelt. */
static const char *near_command(const char *word)
{
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        if (spelling_distance(word, command->name) == 1)
            return command->name;
    }
    return NULL;
}

void hint_find(char hint[HINT_SIZE], const char *command)
{
    const char *const near = near_command(command);
    hint[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(meant); i++) {
        if (strcmp(meant[i].word, command) == 0)
            snprintf(hint, HINT_SIZE, "; %s", meant[i].meant);
    }
    if (hint[0] != '\0' || strlen(command) > HINT_SIZE / 2)
        return;
    if (command[0] != '\0' && command[strspn(command, "0123456789")] == '\0')
        snprintf(hint, HINT_SIZE, "; try: pyrec -p %s", command);
    else if (ends_in(command, ".py") && is_file(command))
        snprintf(hint, HINT_SIZE, "; try: pyrec -- python3 %s", command);
    else if (ends_in(command, ".trace") && is_file(command))
        snprintf(hint, HINT_SIZE, "; try: pyanalyze %s", command);
    else if (near != NULL)
        snprintf(hint, HINT_SIZE, "; did you mean: pyrec %s", near);
}
