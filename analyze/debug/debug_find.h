/* SPDX-License-Identifier: MIT */
/*
 * debug_find - the file with the debug information of a file, and what it says, as a message.
 *
 * On the line:  a wish -> [debug_find] -> debug_look, which calls it in a process of its own
 * Threads:      one.
 * Memory:       texts are put into buffers of the caller's.
 *
 * Where is looked: below each folder of debug information by build-id, by the name that the file
 * says it has, and by its own path; beside the file; in the file itself; and of a debuginfod server
 * only where that is asked for. Whatever is found counts only if it has the build-id.
 */
#ifndef PYREC_ANALYZE_DEBUG_FIND_H
#define PYREC_ANALYZE_DEBUG_FIND_H

#include "analyze/base/buffer.h"
#include "debug_wish.h"

#define DEBUG_FOLDER "/usr/lib/debug"

struct debug_places {
    const char **folders; /* looked through before DEBUG_FOLDER */
    size_t n_folders;
    const char *servers; /* URLs, with blanks between; NULL = none is asked */
};

struct debug_found {
    bool is_found;
    char *text;            /* the file that was read, else why there is nothing; malloc'd */
    struct buffer symbols; /* a serialized message Symbols; empty = nothing */
    size_t n_named;        /* functions that now have a name, of those without */
    size_t n_lines;        /* places of which a line is known .. */
    size_t n_inlined;      /* .. and that are in functions put into others */
};

/* See struct debug_found. `text` is what its text says. False: nothing was found. */
bool debug_find(const struct wish_object *wish, const struct debug_places *places,
                struct buffer *text, struct debug_found *found);

#endif
