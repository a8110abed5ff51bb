/* SPDX-License-Identifier: MIT */
/*
 * path - file names short enough for a table.
 *
 * On the line:  view, before it is handed to an output for human readers.
 * Memory:       a short name is the end of the path it was made of. A path_set is the caller's,
 *               zeroed before the first use, and borrows the paths.
 *
 * Always true:  in a shortened set two different paths have two different short names.
 */
#ifndef PYREC_ANALYZE_PATH_H
#define PYREC_ANALYZE_PATH_H

#include "arena.h"

#include <stdbool.h>
#include <stddef.h>

/* What follows the last `folder` in it; NULL when there is none. */
const char *path_behind(const char *path, const char *folder);

/*
 * What follows the folder of Python's library or of installed packages: lib/python3.x, lib64/..,
 * lib/pypy3.x, site-packages, dist-packages. NULL: it is in none of them.
 */
const char *path_behind_library(const char *path);

/*
 * The part of a path that says which file it is: what is behind a library, else the last component,
 * with its folder where the name alone says nothing (__init__.py, __main__.py).
 */
const char *path_short(const char *path);

/*
 * Without what says for which interpreter an extension module was built: "_imaging.so" of
 * "_imaging.cpython-311-x86_64-linux-gnu.so". A copy in the arena where there is such, else the
 * text; also of names that begin so.
 */
const char *path_untagged(struct arena *arena, const char *text);

/*
 * The path without what does not change where it leads, links aside: "a/../b/./c" is "b/c". A copy
 * in the arena where there is such, else the path.
 */
const char *path_normal(struct arena *arena, const char *path);

/* Its last component, with its folder where that says nothing; "" of no file. */
const char *path_name(const char *path);

/* Is it the whole path, or its last components? "./" before the end is ignored. */
bool path_ends_with(const char *path, const char *end);

/* The last part of a qualified name: "run" of "Thread.run". */
const char *qualname_last(const char *name);

struct path_entry {
    const char *path, *shown;
};
struct path_set {
    struct path_entry *entries;
    size_t n, size;
};

void path_set_add(struct path_set *set, const char *path); /* NULL is ignored */
void path_set_shorten(struct path_set *set);
const char *path_set_find(const struct path_set *set, const char *path);
void path_set_clear(struct path_set *set);

#endif
