/* SPDX-License-Identifier: MIT */
/*
 * module - which file, module and package a function belongs to.
 *
 * On the line:  symbols + tree -> [module] -> keys
 * Memory:       struct modules is the caller's, zeroed before modules_build; modules_clear takes
 *               it back.
 *
 * A trace has no names of modules, so they are made from paths. The name is the part of the path
 * below site-packages, dist-packages or lib/pythonX.Y, with points; likewise below a zip archive.
 * Below the folder that a program was started from it is the part behind that folder: the script's,
 * or, with `python -m pkg.mod`, the one in which pkg lies. For other files it begins at the
 * outermost folder that is a package, as an __init__.py in the trace or beside the file shows.
 * A function of C is of the file of code that it is in, whatever is known of its source.
 * Frames without a file (no Python frames, what could not be read) keep their own name. Every file
 * is a module of its own, whatever it is called. A package is all modules whose names are the same
 * up to the first point.
 */
#ifndef PYREC_ANALYZE_MODULE_H
#define PYREC_ANALYZE_MODULE_H

#include "census.h"
#include "symbols.h"
#include "tree.h"

struct module {
    const char *file; /* its path, or the name of what has none */
    const char *name;
    uint32_t package;
};

struct modules {
    struct arena arena;
    uint32_t *of_function; /* by number in symbols */
    struct module *modules;
    const char **packages;
    size_t n_modules, modules_size, n_packages, packages_size;
};

/* Find the modules of all functions; `census` has the command lines, NULL = there are none. */
void modules_build(struct modules *modules, const struct symbols *symbols, const struct tree *tree,
                   const struct census *census);
void modules_clear(struct modules *modules);

#endif
