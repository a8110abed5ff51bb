/* SPDX-License-Identifier: MIT */
/*
 * debug_fetch - debug information from debuginfod servers.
 *
 * On the line:  a build-id -> [debug_fetch: libcurl] -> a file in the cache
 * Threads:      one.
 * Memory:       the path is put into a buffer of the caller's.
 *
 * The cache is that of other programs that ask these servers: $DEBUGINFOD_CACHE_PATH, or
 * debuginfod_client in $XDG_CACHE_HOME or ~/.cache. Only http and https; what comes is as large as
 * it says, FETCH_BYTES_MAX at most, and is a file when it is whole.
 */
#ifndef PYREC_ANALYZE_DEBUG_FETCH_H
#define PYREC_ANALYZE_DEBUG_FETCH_H

#include "analyze/base/buffer.h"

#include <stdbool.h>

#define FETCH_VARIABLE  "DEBUGINFOD_URLS"
#define FETCH_BYTES_MAX ((int64_t)4 << 30)

/* Whether this program can. */
bool debug_fetch_is_there(void);

/* `servers`: URLs with blanks between; each is asked until one has it. False: `path` says in a few
 * words why not. */
bool debug_fetch(const char *servers, const char *build_id, struct buffer *path);

#endif
