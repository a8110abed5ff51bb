/* SPDX-License-Identifier: MIT */
/*
 * dwarf_symbols - the symbols of a file, by address.
 *
 * On the line:  libelf's file -> [dwarf_symbols] -> dwarf_read
 * Threads:      one at a time.
 * Memory:       struct dwarf_symbols is the caller's, zeroed before; dwarf_symbols_clear. Names
 *               live as long as the file is open.
 */
#ifndef PYREC_ANALYZE_DWARF_SYMBOLS_H
#define PYREC_ANALYZE_DWARF_SYMBOLS_H

#include "format/base/elf_symbol.h"

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dwarf_symbols {
    struct elf_symbol *list; /* by start */
    size_t n, size;
};

/* Has it more than the symbols for linking? */
bool dwarf_symbols_are_there(Elf *elf);

void dwarf_symbols_read(struct dwarf_symbols *symbols, Elf *elf);
void dwarf_symbols_clear(struct dwarf_symbols *symbols);

/* See elf_symbols_find. */
const char *dwarf_symbols_find(const struct dwarf_symbols *symbols, uint64_t address);

#endif
