/* SPDX-License-Identifier: MIT */
/*
 * naming - a name for every function that no other one has.
 *
 * On the line:  symbols + modules -> [naming] -> stacks -> outputs
 * Threads:      one at a time.
 * Memory:       the names are in the arena that is handed in, or borrowed from the symbols.
 *
 * Programs that were made for C take a function's name for the function. Python's are not that
 * unique: every file has a <module>, and many have a run. So a name that functions of several
 * files have gets the module before it, `alpha.run`; where that is not enough, because two files
 * are the same module to whoever looks at their paths, the file behind it, `x.run (/a/x.py)`; and
 * where it is the same file, the first line, `wrapper:12`.
 *
 * Always true:  no two names are equal, not even as buffer_add_visible shows them. The names are
 * those of the whole profile, so that what is selected of it does not change them.
 */
#ifndef PYREC_ANALYZE_NAMING_H
#define PYREC_ANALYZE_NAMING_H

#include "analyze/model/module.h"
#include "analyze/model/symbols.h"

/* By number of the function; the array is in the arena, too. */
const char **naming_make(struct arena *arena, const struct symbols *symbols,
                         const struct modules *modules);

#endif
