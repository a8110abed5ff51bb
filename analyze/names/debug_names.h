/* SPDX-License-Identifier: MIT */
/*
 * debug_names - what debug information says of addresses in files of C: Symbols of a trace, or of
 * the file beside it.
 *
 * On the line:  Symbols packets -> [debug_names] -> dict
 * Threads:      filled by one; then read by any.
 * Memory:       struct debug_names is the caller's, zeroed before the first use; debug_names_clear
 *               takes it back. The messages are copied.
 *
 * Files are told apart by their build-ids: whichever trace an address is from, it is the same code.
 *
 * Always true:  the addresses of a file ascend; each string and frame that an entry names is there.
 */
#ifndef PYREC_ANALYZE_DEBUG_NAMES_H
#define PYREC_ANALYZE_DEBUG_NAMES_H

#include "analyze/base/arena.h"
#include "format/status.h"
#include "format/trace.pb-c.h"

#include <stddef.h>
#include <stdint.h>

#define DEBUG_FRAMES_MAX    64u      /* of one place: functions in each other */
#define DEBUG_ADDRESSES_MAX 1000000u /* of one file, functions or places */
#define DEBUG_ID_MAX        64u      /* bytes of a build-id; what is longer is none */

struct debug_function {
    uint64_t address;
    const char *name, *file; /* as linkers write it; the file of source code; "" = not known */
    uint32_t line;           /* where it is declared; 0 = not known */
};

/* The first one of a place is the function's own: only its line is told. */
struct debug_frame {
    const char *name, *file;
    uint32_t function_line, line; /* 0 = not known */
};

struct debug_place {
    uint64_t address;
    uint32_t first_frame, n_frames; /* outermost first */
};

struct debug_object {
    const char *build_id; /* hexadecimal digits */
    const char *source;   /* where it was read */
    const uint8_t *bytes; /* the message, to be written again */
    size_t n_bytes;
    struct debug_function *functions;
    struct debug_place *places;
    struct debug_frame *frames;
    size_t n_functions, n_places, n_frames;
};

struct debug_names {
    struct arena arena;
    struct debug_object *objects; /* few hundred */
    size_t n_objects, objects_size;
};

void debug_names_clear(struct debug_names *names);

/* Digits of a build-id; "" where it is none. `digits` has room for 2 * DEBUG_ID_MAX + 1. */
void debug_id_print(char *digits, const uint8_t *bytes, size_t len);

/* A serialized Symbols. Of a file that is there already, it takes the place of what was known.
 * STATUS_DAMAGED or STATUS_LIMIT: nothing of it was taken. */
MUST_CHECK enum status debug_names_add(struct debug_names *names, const uint8_t *bytes, size_t len,
                                       struct problem *why);

/* The file with that build-id; NULL = nothing is known of it. */
const struct debug_object *debug_names_find(const struct debug_names *names, const char *build_id);

/* The function that begins there; NULL = not known. */
const struct debug_function *debug_object_function(const struct debug_object *object,
                                                   uint64_t address);

/* The frames at an address, *n of them; NULL = not known. */
const struct debug_frame *debug_object_place(const struct debug_object *object, uint64_t address,
                                             size_t *n);

#endif
