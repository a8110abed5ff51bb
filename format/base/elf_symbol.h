/* SPDX-License-Identifier: MIT */
/*
 * elf_symbol - which function of a file an address is in, as its tables of symbols say.
 *
 * On the line:  under both programs: what a recording calls a function of C, and what debug
 *               information calls it afterwards.
 * Threads:      any.
 * Memory:       lists and names are the caller's.
 * Loss:         a function of which no symbol says that it is there has no name: the nearest symbol
 *               before it is another function's, in stripped libraries in two of five frames.
 */
#ifndef PYREC_ELF_SYMBOL_H
#define PYREC_ELF_SYMBOL_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_symbol {
    uint64_t start, end; /* as the file counts addresses */
    const char *name;
    uint8_t rank; /* of several for one function the lowest is shown */
};

/* From an entry of a table, and its name. False: it is no function that is in the file, or has no
 * name. */
bool elf_symbol_take(struct elf_symbol *symbol, const Elf64_Sym *from, const char *name);

/* In the order in which elf_symbols_find wants them. */
void elf_symbols_sort(struct elf_symbol *list, size_t n);

/* The name of the function that contains the address, or that begins there although nothing says
 * how long it is; NULL = not known. */
const char *elf_symbols_find(const struct elf_symbol *list, size_t n, uint64_t address);

#endif
