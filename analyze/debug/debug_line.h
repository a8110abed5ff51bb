/* SPDX-License-Identifier: MIT */
/*
 * debug_line - what a row of `pyanalyze symbols` says of a file with C functions.
 *
 * On the line:  debug_wish, debug_look -> [debug_line] -> columns
 */
#ifndef PYREC_ANALYZE_DEBUG_LINE_H
#define PYREC_ANALYZE_DEBUG_LINE_H

#include <stddef.h>
#include <stdint.h>

struct debug_line {
    const char *path, *build_id; /* as in struct wish_object */
    uint64_t n_functions, n_named_before, n_named;
    uint64_t n_places, n_lines, n_inlined;
    const char *text; /* see struct debug_found */
};

#endif
