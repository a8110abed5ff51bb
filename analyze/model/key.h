/* SPDX-License-Identifier: MIT */
/*
 * key - by what a flat table puts places together.
 *
 * On the line:  profile -> fold by [key] -> rows
 *
 * To add one: a row in key.c. A key turns a place into a number below count(), and such a number
 * back into what a row shows. The profile must be finished (profile_finish): modules are found
 * then.
 */
#ifndef PYREC_ANALYZE_KEY_H
#define PYREC_ANALYZE_KEY_H

#include "symbols.h"

enum key_id {
    KEY_LINE,     /* function and line */
    KEY_FUNCTION, /* function; its line is its first */
    KEY_FILE,     /* file; what has none goes by its name */
    KEY_MODULE,   /* the same, with the module's name as its function */
    KEY_PACKAGE,  /* modules whose name begins alike; without a file */
    KEY_COUNT
};

struct key {
    size_t (*count)(const struct symbols *symbols);
    uint32_t (*of)(const struct symbols *symbols, uint32_t place);
    struct frame (*frame)(const struct symbols *symbols, uint32_t value);
    const char *(*module)(const struct symbols *symbols, uint32_t value);
};

extern const struct key keys[KEY_COUNT];

#endif
