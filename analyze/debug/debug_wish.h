/* SPDX-License-Identifier: MIT */
/*
 * debug_wish - which addresses of which files of C a trace has.
 *
 * On the line:  trace, all dictionaries -> [debug_wish] -> debug_look
 * Threads:      reads with many (trace_run).
 * Memory:       struct debug_wish is the caller's, zeroed before; debug_wish_clear takes it back.
 *
 * Always true:  addresses ascend, each once.
 */
#ifndef PYREC_ANALYZE_DEBUG_WISH_H
#define PYREC_ANALYZE_DEBUG_WISH_H

#include "analyze/base/arena.h"
#include "analyze/read/trace.h"

struct wish_function {
    uint64_t address; /* where it begins, as the file counts */
    bool is_nameless;
};

struct wish_place {
    uint64_t address;  /* within an instruction that ran, or that called */
    uint64_t function; /* where its function begins */
};

/* A file, as processes saw it. */
struct wish_object {
    const char *path;
    const char *build_id; /* hexadecimal digits; "" = not known */
    struct wish_function *functions;
    struct wish_place *places;
    size_t n_functions, functions_size, n_places, places_size;
};

struct debug_wish {
    struct arena arena;
    struct wish_object *objects; /* by path and build-id */
    size_t n_objects, objects_size;
};

/* Read all of the trace; what it knows of names later than the recorder is forgotten before. */
void debug_wish_read(struct debug_wish *wish, struct trace *trace, size_t n_workers);
void debug_wish_clear(struct debug_wish *wish);

#endif
