/* SPDX-License-Identifier: MIT */
/*
 * unmangle - names of C++ and Rust functions as people write them, of those that linkers use.
 *
 * On the line:  names in traces -> [unmangle] -> names in tables
 * Threads:      any.
 * Memory:       in the arena.
 * Loss:         a name that is too long, or that would become so (few letters may stand for any
 *               number of them), stays as it is; so do all where pyanalyze was built without
 *               libiberty.
 */
#ifndef PYREC_ANALYZE_UNMANGLE_H
#define PYREC_ANALYZE_UNMANGLE_H

#include "analyze/base/arena.h"
#include <stdbool.h>

#define UNMANGLE_FROM_MAX 4096u /* longer names stay */
#define UNMANGLE_TO_MAX   8192u

/* Whether this program can. */
bool unmangle_is_there(void);

/* Whether it looks like a linker's name for something in C++ or Rust. */
bool unmangle_is_mangled(const char *name);

/* `name` itself where it is none, or cannot be read. */
const char *unmangle_name(struct arena *arena, const char *name);

#endif
