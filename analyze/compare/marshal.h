/* SPDX-License-Identifier: MIT */
/*
 * marshal - read what Python's marshal module wrote, as far as profiles need it.
 *
 * On the line:  bytes of a file -> [marshal] -> values -> tracer
 * Threads:      one at a time per arena.
 * Memory:       values are in the arena that is handed in; at most some dozens of bytes per byte
 *               read.
 * Loss:         of code objects, which `python -m profile` writes, the name is kept, and of
 *               complex numbers, slices and sets nothing. An object of any other kind, or bytes
 *               that end too soon, is STATUS_DAMAGED with the offset. No bytes do any other harm.
 *
 * All versions of the format, those of Python 2 included. Objects that are referred to again are
 * one value here, too.
 */
#ifndef PYREC_ANALYZE_MARSHAL_H
#define PYREC_ANALYZE_MARSHAL_H

#include "analyze/base/arena.h"
#include "format/status.h"

#include <stdbool.h>
#include <stdint.h>

enum marshal_kind {
    MARSHAL_NOTHING, /* None, True, False, ...: nothing a profile asks for */
    MARSHAL_INTEGER,
    MARSHAL_FLOAT,
    MARSHAL_TEXT,  /* bytes as well */
    MARSHAL_TUPLE, /* lists and sets as well */
    MARSHAL_DICT,
    MARSHAL_CODE, /* `text` is "<code object NAME>" */
};

struct marshal_value {
    enum marshal_kind kind;
    bool whole; /* all of it was read; false inside of itself */
    union {
        int64_t n; /* what is too large for it is its largest or smallest */
        double number;
        const char *text; /* valid UTF-8, '?' for what was none */
        struct {
            struct marshal_value **items; /* of a dict: key, value, key, value .. */
            size_t n_items;
        };
    };
};

/* The value at the beginning of `bytes`. */
MUST_CHECK enum status marshal_read(struct marshal_value **value, struct arena *arena,
                                    const void *bytes, size_t len, struct problem *why);

/* The value as a number; false when it is none. */
bool marshal_number(const struct marshal_value *value, double *number);

#endif
