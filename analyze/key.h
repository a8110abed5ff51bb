/* SPDX-License-Identifier: MIT */
/*
 * key - by what a flat table puts places together.
 *
 * On the line:  profile -> fold by [key] -> rows
 *
 * To add one (files, modules ..): a row in key.c. A key turns a place into a number below
 * count(), and such a number back into what a row shows.
 */
#ifndef PYREC_ANALYZE_KEY_H
#define PYREC_ANALYZE_KEY_H

#include "symbols.h"

enum key_id {
    KEY_LINE,     /* function and line */
    KEY_FUNCTION, /* function; its line is its first */
    KEY_COUNT
};

struct key {
    size_t (*count)(const struct symbols *symbols);
    uint32_t (*of)(const struct symbols *symbols, uint32_t place);
    struct frame (*frame)(const struct symbols *symbols, uint32_t value);
};

extern const struct key keys[KEY_COUNT];

#endif
