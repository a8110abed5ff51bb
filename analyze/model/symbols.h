/* SPDX-License-Identifier: MIT */
/*
 * symbols - functions and places of all generations, each once.
 *
 * On the line:  dict of a unit -> [symbols] -> tree, profile
 * Threads:      one at a time (joined under the lock of trace_run).
 * Memory:       struct symbols is the caller's, zeroed before the first use; symbols_clear takes
 *               it back. Names are its own copies.
 *
 * A place is a function and a line; for those who ask, also where in the line.
 *
 * Always true:  ids count up from 0 without holes; two functions differ in name, file, line or
 *               object. Of several in a file of C that have one name, and are one function here, no
 *               address is known.
 */
#ifndef PYREC_ANALYZE_SYMBOLS_H
#define PYREC_ANALYZE_SYMBOLS_H

#include "analyze/base/arena.h"
#include "analyze/base/hash.h"
#include "cell.h"
#include "dict.h"

struct symbol_text {
    uint64_t hash;
    const char *text;
};

struct symbol_function {
    const char *name, *file;
    uint32_t line;        /* its first */
    bool native;          /* of C, or C frames that are not known */
    uint64_t address;     /* of one of C: where it begins in its file; 0 = not known */
    const char *object;   /* that file; "" = it is not of C */
    const char *build_id; /* of that file, in hexadecimal digits; "" = not known */
};

struct symbol_place {
    uint32_t function, line;
    struct position position; /* all 0 unless places are told apart by it */
};

struct modules;

struct symbols {
    struct arena arena;
    struct symbol_text *texts;
    struct symbol_function *functions;
    struct symbol_place *places;
    size_t n_texts, n_functions, n_places;
    size_t texts_size, functions_size, places_size;
    struct hash text_hash, function_hash, place_hash;
    const struct modules *modules; /* of the functions, once the profile is finished; not its own */
};

void symbols_clear(struct symbols *symbols);

/* The one copy of a text. */
const char *symbols_text(struct symbols *symbols, const char *text);

/* The id, made when it is new. */
uint32_t symbols_function(struct symbols *symbols, const char *name, const char *file,
                          uint32_t line);
uint32_t symbols_place(struct symbols *symbols, uint32_t function, uint32_t line);

/* Of one in a dictionary, with all that is known of it. */
uint32_t symbols_dict_function(struct symbols *symbols, const struct dict_function *function);

/* The place of an expression in that line. */
uint32_t symbols_expression(struct symbols *symbols, uint32_t function, uint32_t line,
                            struct position position);

struct frame symbols_frame(const struct symbols *symbols, uint32_t place);

#endif
