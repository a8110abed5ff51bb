/* SPDX-License-Identifier: MIT */
/*
 * elf_names - what the functions in a library or program are called, by its own symbol tables.
 *
 * On the line:  a file -> [elf_names] -> names of C functions in the dictionary
 * Threads:      one at a time.
 * Memory:       caller's storage; elf_names_read, then elf_names_clear. The symbols' part of the
 *               file, as long as it is kept.
 * Loss:         see elf_symbol.h.
 *
 * The file is anybody's and may be damaged, or change while it is read: each offset is checked.
 */
#ifndef PYREC_RECORD_ELF_NAMES_H
#define PYREC_RECORD_ELF_NAMES_H

#include "format/base/elf_symbol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_BUILD_ID_MAX 32u
#define ELF_NAMES_BYTES                                                                            \
    (128u << 20) /* a table of symbols or of their names: longer ones are left */
#define ELF_NAMES_SYMBOLS (4u << 20)

struct elf_names {
    struct elf_symbol *symbols; /* in order of start */
    size_t n, size;
    char *texts[2]; /* of .symtab, .dynsym */
    uint8_t build_id[ELF_BUILD_ID_MAX];
    uint32_t build_id_len;
    size_t bytes; /* of memory */
};

/* From a file open for reading. False: it is no ELF file of this machine's kind. */
bool elf_names_read(struct elf_names *names, int fd);
void elf_names_clear(struct elf_names *names);

/* See elf_symbols_find. Lives as long as `names`. */
const char *elf_names_find(const struct elf_names *names, uint64_t address);

#endif
