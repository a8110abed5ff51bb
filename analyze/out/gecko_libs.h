/* SPDX-License-Identifier: MIT */
/*
 * gecko_libs - the files that functions of C are in, and these functions, for the Firefox Profiler.
 *
 * On the line:  nodes of C -> [gecko_libs] -> libs, resourceTable, nativeSymbols of gecko.c
 * Threads:      one at a time.
 * Memory:       the caller's, zeroed; gecko_libs_clear. It borrows nodes.
 *
 * A resource is a library there, and has its number. A symbol is a function by its address.
 */
#ifndef PYREC_ANALYZE_GECKO_LIBS_H
#define PYREC_ANALYZE_GECKO_LIBS_H

#include "analyze/cli/output.h"
#include "analyze/out/text/text_table.h"

struct gecko_libs {
    struct text_table files;
    const struct stack_node **lib_nodes; /* one of each file */
    const struct stack_node **symbol_nodes;
    uint32_t *symbol_of; /* number + 1, by function of the view */
    size_t lib_size, symbol_size, symbol_of_size, n_symbols;
};

/* A function of C, which is in a file, is taken; others are not. */
bool gecko_libs_take(struct gecko_libs *libs, const struct stack_node *node);

/* Of one that was taken: its library, address, symbol; false where that is not known. */
typedef bool gecko_libs_get(struct gecko_libs *libs, const struct stack_node *node,
                            uint64_t *value);
gecko_libs_get gecko_libs_number, gecko_libs_address, gecko_libs_symbol;

/* Have all names among the strings, before these are written. */
void gecko_libs_name(const struct gecko_libs *libs, struct text_table *strings);

/* What stands in "libs"; and the two tables, as members of "shared". */
void gecko_libs_write(const struct gecko_libs *libs, struct sink *to);
void gecko_libs_write_tables(struct gecko_libs *libs, struct sink *to, struct text_table *strings);

void gecko_libs_clear(struct gecko_libs *libs);

#endif
