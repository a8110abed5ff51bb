/* SPDX-License-Identifier: MIT */
/*
 * naming - a name for every function that no other one has.
 *
 * On the line:  symbols + modules -> [naming] -> stacks -> outputs
 * Threads:      one at a time.
 * Memory:       the names are in the arena that is handed in, or borrowed from the symbols.
 *
 * Programs that were made for C take two functions of one name for one function. In Python every
 * file has a <module>, and many have a run. So where functions of several files have one name, it
 * gets the module before it, `alpha.run`. Where two files look like the same module, it gets the
 * file behind it, `x.run (/a/x.py)`. Within one file it gets the first line, `wrapper:12`.
 *
 * Always true:  no two names are equal, not even as buffer_add_visible shows them. They are made
 *               from the whole profile, so they do not depend on what is selected of it.
 */
#ifndef PYREC_ANALYZE_NAMING_H
#define PYREC_ANALYZE_NAMING_H

#include "analyze/model/module.h"
#include "analyze/model/symbols.h"

/* By number of the function; the array is in the arena, too. */
const char **naming_make(struct arena *arena, const struct symbols *symbols,
                         const struct modules *modules);

#endif
