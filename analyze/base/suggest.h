/* SPDX-License-Identifier: MIT */
/*
 * suggest - "did you mean".
 *
 * On the line:  wherever a name from the command line is looked up in a table.
 * Memory:       borrows names from the table.
 */
#ifndef PYREC_ANALYZE_SUGGEST_H
#define PYREC_ANALYZE_SUGGEST_H

#include "format/status.h"

/* The i-th name of a table, NULL behind the last. */
typedef const char *name_fn(size_t i);

/* The name that `wrong` most likely stands for, or NULL when none is near. */
const char *suggest_name(const char *wrong, name_fn *name);
const char *suggest_among(const char *wrong, const char *const *names, size_t n);

/*
 * All names with commas between them; where they do not fit the first ones, and in the end where
 * all of them are: `see`, like "pyanalyze help".
 */
#define SUGGEST_LIST_SIZE 240
void suggest_list(char list[SUGGEST_LIST_SIZE], name_fn *name, const char *see);

/*
 * STATUS_USAGE with one line: which option it is, what it does not know, and what may have been
 * meant, or the whole table when it is short. `option` may be NULL.
 */
enum status suggest_problem(struct problem *why, const char *option, const char *what,
                            const char *wrong, name_fn *name);

#endif
