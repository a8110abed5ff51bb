/* SPDX-License-Identifier: MIT */
/*
 * args - the command line, checked against the tables.
 *
 * On the line:  argv -> [args] -> request
 * Memory:       struct args is the caller's, zeroed before args_parse; args_clear takes what it
 *               grew. Texts are those of argv.
 *
 * Always true:  every option in it is one that the command takes, with an argument of its kind.
 */
#ifndef PYREC_ANALYZE_ARGS_H
#define PYREC_ANALYZE_ARGS_H

#include "analyze/base/buffer.h"
#include "option.h"

#include <stdbool.h>

struct command;

struct arg {
    const struct option *option;
    const char *text; /* NULL for flags */
    size_t n_files;   /* that came before it */
};

struct args {
    const struct command *command;
    struct arg *given;
    size_t n_given, given_size;
    const char **operands; /* everything that is no option: the word of the command, then files */
    size_t n_operands, operands_size;
    const char *word;         /* see struct command; NULL = it takes none */
    const char *const *files; /* the other operands */
    size_t n_files;
};

/*
 * Take argv[1..]: the command's name first, then options and files in any order; "--" ends the
 * options. STATUS_USAGE says in one line what is wrong. `--help` and `--version` in the command's
 * place are the commands help and version.
 */
MUST_CHECK enum status args_parse(struct args *args, int argc, char **argv, struct problem *why);
void args_clear(struct args *args);

/* What was given last under a long name; the name must be in a table. */
bool args_flag(const struct args *args, const char *name);
size_t args_files_before(const struct args *args, const char *name); /* SIZE_MAX = not given */
const char *args_text(const struct args *args, const char *name);    /* NULL = not given */
/* Which of the choices, counted from 0, was given last; 0 = the first one, or none was given. */
size_t args_choice(const struct args *args, const char *name, name_fn *choices);
size_t args_count(const struct args *args, const char *name, size_t otherwise);

/* The file of --output; NULL = standard output, as none was given, or "-". */
const char *args_output(const struct args *args);

/* The command line that asks the same. */
void args_print(struct buffer *out, const struct args *args);

/* All arguments of an option that can be given several times: *at is 0 to begin with. */
const char *args_next(const struct args *args, const char *name, size_t *at);

#endif
